"""What the forecast of a study may ask for, before its laws are known, and what it costs."""

from ilscaling.grid import Cell, by_run, cells
from ilscaling.params import Params
from ilscaling.plan import cost, extrapolation
from ilscaling.plan.cost import Cost
from ilscaling.plan.schedule import of_games, total
from ilscaling.plan.speed import REFERENCE, Speed


def likely_proposals(params: Params, planned: list[Cell]) -> list[dict]:
    """What `snakemake forecast` may propose: each game's size amid those of the largest budget.

    Parameters
    ----------
    params
        The study.
    planned
        Its cells, declared or left out.

    Returns
    -------
    list of dict
        As `extrapolation.study` takes them, and what keeps it from training one: `breach`.
    """
    proposals = []
    for name, runs in of_games(planned).items():
        largest = max(of_run[-1].budget for of_run in runs.values())
        sizes = sorted({run.size for run, of_run in runs.items() if of_run[-1].budget == largest})
        size, budget = sizes[len(sizes) // 2], extrapolation.budget(params, name)
        proposed = {"game": name, "budget": budget, "size": size}
        proposals.append(proposed | {"breach": extrapolation.breach(params, proposed)})
    return proposals


def forecast_cost(params: Params, proposals: list[dict], speed: Speed = REFERENCE) -> Cost:
    """What `snakemake forecast` adds, if it is asked for these proposals.

    Parameters
    ----------
    params
        The study.
    proposals
        See `likely_proposals`.
    speed
        Of the machine.

    Returns
    -------
    Cost
        Thread-seconds, bytes, and memory of the largest job; nothing for games that it leaves out.
    """
    asked = extrapolation.study(params, [one for one in proposals if not one["breach"]])
    costs = []
    for run, of_run in by_run(cells(asked)).items():
        game = asked.games[run.game]
        costs.append(cost.train_cost(game, of_run, speed))
        costs.append(cost.evaluate_cost(game, of_run, speed))
    return total(costs)
