"""The study that `snakemake forecast` trains: one cell a game and seed, where its laws point."""

from ilscaling.errors import ParamsError
from ilscaling.grid import cells
from ilscaling.params import Params


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
        section = params.games[proposed["game"]]
        cell = {"sizes": [proposed["size"]], "budgets": [proposed["budget"]]}
        # It stands beyond the grid, whose limit may lie below the whole of the data.
        once = {"max_epochs": max(1.0, section.grid.max_epochs)}
        grid = section.grid.model_copy(update={**cell, **once})
        # What is proposed is the best size.
        measured = section.evaluation
        more = {"episodes": measured.further or measured.episodes, "best_episodes": None}
        games[proposed["game"]] = section.model_copy(
            update={"grid": grid, "evaluation": measured.model_copy(update=more)}
        )
    return params.model_copy(update={"games": games})


def breach(params: Params, proposed: dict) -> str:
    """Which of its game's own rules of the grid a proposed cell breaks; '' for none.

    Parameters
    ----------
    params
        The study.
    proposed
        See `study`; with a size.
    """
    try:
        cells(study(params, [proposed]))
    except ParamsError as error:
        return error.what
    return ""


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
            fix="lower the factor, or record more: demonstrations.train_steps",
        )
    return kept
