"""Cells of a run on demonstrations that no study names."""

from ilscaling import grid, policies


def cells(split, settings, budgets, *, family, size, seed=0, **more) -> list[grid.Cell]:
    """The run's cells at these budgets."""
    observation = {field: split.fields[field] for field in split.observation}
    shape = policies.shape(settings, len(split.actions), observation)
    run = grid.Run(split.attrs["game"], family, size, seed)
    return grid.of_run(run, settings, shape, budgets, limits=grid.Limits(split.steps), **more)
