"""The study that `snakemake forecast` trains: one cell a game and seed, where its laws point."""

from ilscaling.errors import ParamsError
from ilscaling.grid import cells
from ilscaling.params import Params, Section


def budget(params: Params, game: str) -> float:
    """Budget of a game's forecast: `laws.forecast.factor` times its largest budget.

    Parameters
    ----------
    params
        The study.
    game
        Name of the section.

    Returns
    -------
    float
        FLOPs.
    """
    return params.laws.forecast.factor * max(params.games[game].grid.budgets)


def study(params: Params, proposals: list[dict]) -> Params:
    """A study with each proposed game's grid cut down to its proposal, and no other game.

    A game that trains on a part of what was recorded (`unique_steps`), too small a part for its
    proposal, trains on all of it there. Its held-out episodes are the same.

    Parameters
    ----------
    params
        The study.
    proposals
        Records with `game`, `budget` in FLOPs and `size` (None where there is no law to follow).
    """
    games = {}
    for proposed in proposals:
        if proposed["size"] is None:
            continue
        name = proposed["game"]
        section = _cut_down(params.games[name], proposed)
        if section.demonstrations.unique_steps and _breach(params, name, section):
            every = section.demonstrations.model_copy(update={"unique_steps": None})
            section = section.model_copy(update={"demonstrations": every})
        games[name] = section
    return params.model_copy(update={"games": games})


def _cut_down(section: Section, proposed: dict) -> Section:
    cell = {"sizes": [proposed["size"]], "budgets": [proposed["budget"]]}
    # It stands beyond the grid, whose limit may lie below the whole of the data.
    once = {"max_epochs": max(1.0, section.grid.max_epochs)}
    grid = section.grid.model_copy(update={**cell, **once})
    # What is proposed is the best size.
    measured = section.evaluation
    more = {"episodes": measured.further or measured.episodes, "best_episodes": None}
    return section.model_copy(update={"grid": grid, "evaluation": measured.model_copy(update=more)})


def _breach(params: Params, name: str, section: Section) -> str:
    """Which of the section's own rules of the grid its cells break; '' for none."""
    one = {"grid": section.grid.model_copy(update={"seeds": section.grid.seeds[:1]})}
    section = section.model_copy(update=one)  # no rule knows seeds
    try:
        cells(params.model_copy(update={"games": {name: section}}))
    except ParamsError as error:
        return error.what
    return ""


def breach(params: Params, proposed: dict) -> str:
    """Which of its game's own rules of the grid a proposed cell breaks; '' for none.

    Parameters
    ----------
    params
        The study.
    proposed
        See `study`; with a size.
    """
    ((name, section),) = study(params, [proposed]).games.items()
    return _breach(params, name, section)


def possible(params: Params, proposals: list[dict]) -> list[dict]:
    """The proposals; one whose cell breaks its game's own rules of the grid has a flag and no size.

    Raises
    ------
    ParamsError
        Where no proposal is left that had a size.
    """
    kept, last = [], ""
    for proposed in proposals:
        if proposed["size"] is not None and (what := breach(params, proposed)):
            last, flags = what, [*proposed["flags"], f"not_trained: {what}"]
            proposed = {**proposed, "size": None, "params": None, "flags": flags}
        kept.append(proposed)
    if last and all(proposed["size"] is None for proposed in kept):
        raise ParamsError(
            f"the forecast cannot be trained: {last}",
            where="params: laws.forecast.factor",
            fix="lower the factor, or record more: demonstrations.train_steps; a study that trains "
            "on a part of it (demonstrations.unique_steps) holds out the same episodes as its "
            "forecast, which trains on all",
        )
    return kept
