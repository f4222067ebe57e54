"""The few numbers of a study that `dvc exp show` lists."""

import numpy as np
import pandas as pd

from ilscaling.laws.doubts import determined
from ilscaling.laws.records import LAWS
from ilscaling.laws.study import StudyFit
from ilscaling.laws.validation import summary
from ilscaling.tables import halves, positions, spent

# Cells with at least such a share of the most episodes of any compete for the best return.
MANY = 0.5


def metrics(table: pd.DataFrame, fit: StudyFit) -> dict[str, dict]:
    """What `dvc exp show` lists of each game; None stands for what is not known.

    Parameters
    ----------
    table
        The results table that `fit` is of.
    fit
        The fits of a study.

    Returns
    -------
    dict
        Per game: the exponents that it quotes with their method and interval (StudyFit.quoted), and
        how well they are known (doubts.determined), R2
        and budgets of the line through the optima of `method`, how well that foretold larger
        budgets, the verdict on the power law of the loss, and what was reached. `best_return` is
        the highest return of a cell (see `best_return`), in points of the game,
        `best_return_of_expert` its share of the demonstrations' mean return; `training_flops` is
        what the grid has spent, `separate_flops` what its cells would as separate runs.
    """
    return {game: _game(table[table["game"] == game], game, fit) for game in fit.games}


def _game(rows: pd.DataFrame, game: str, fit: StudyFit) -> dict:
    method = fit.method(game)
    values: dict = {"method": method}
    for law in LAWS:
        record, line = fit.quoted(game, law), fit.power(game, law, method)
        values |= {law: record["estimate"], f"{law}_method": record["method"]}
        values |= {f"{law}_low": record["ci_low"], f"{law}_high": record["ci_high"]}
        values[f"{law}_known"] = determined(record)
        values |= {f"{law}_r2": line["r2"], f"{law}_n": line["n"]}
    values |= _prediction(fit, game, method)
    status = rows["status"] if "status" in rows else pd.Series("done", index=rows.index)
    done = rows[status == "done"]
    best, expert = best_return(done), _largest(done.get("expert_return"))
    values["best_return"] = best
    known = best is not None and expert is not None and expert > 0
    values["best_return_of_expert"] = best / expert if known else None
    values["lowest_dev_loss"] = _number(done["dev_loss"].min())
    for name, flops in zip(("training_flops", "separate_flops"), spent(rows), strict=True):
        values[name] = flops or None
    for name in ("done", "failed", "left out"):
        values[f"cells_{name.replace(' ', '_')}"] = int((status == name).sum())
    return values


def _prediction(fit: StudyFit, game: str, method: str) -> dict:
    """How the quoted power laws foretold: the largest budget from the smaller ones, and one budget
    ahead; and whether another form of the lowest loss does better."""
    of = fit.validation
    of = of[(of["game"] == game) & (of["method"] == method) & (of["form"] == "power")]
    rolling = summary(of).set_index("law")["one_step"]
    values: dict = {}
    for law in LAWS:
        held = of[of["held_out"] & (of["law"] == law)].sort_values("position")
        last = held.iloc[-1] if len(held) else None
        # |ln(predicted / measured)|: 0.1 is about 10 % off.
        values[f"held_out_error_{law}"] = None if last is None else abs(float(last["error"]))
        # The same as reports say it: predicted over measured, less 1.
        values[f"held_out_off_{law}"] = None if last is None else float(np.expm1(last["error"]))
        values[f"held_out_covered_{law}"] = None if last is None else last["covered"]
        values[f"rolling_error_{law}"] = _number(rolling.get(law, np.nan))
    judged = fit.verdicts
    judged = judged[(judged["game"] == game) & (judged["method"] == method)]
    judged = judged[judged["law"] == "L_min"]
    preferred = judged.loc[judged["preferred"], "form"]
    values["form"] = preferred.iloc[0] if len(preferred) else None
    values["verdict"] = judged["verdict"].iloc[0] if len(judged) else None
    return values


def best_return(done: pd.DataFrame) -> float | None:
    """The highest return of a size at a budget, by episodes that did not choose it where known.

    Where some cells have been measured by more episodes, it is one of these: among many cells of a
    few games the best is the luckiest.

    Parameters
    ----------
    done
        Measured rows of one game.

    Returns
    -------
    float or None
        Mean over its seeds, points of the game; None where no return is known.
    """
    if "return_mean" not in done or done.empty:
        return None
    chosen, judged = halves(done) or (done["return_mean"], done["return_mean"])
    position = positions(done["budget"])
    # A row without a budget is a cell of its own.
    position = np.where(position < 0, -1 - np.arange(len(done)), position)
    cells = done.assign(chosen=chosen, judged=judged, position=position)
    groups = cells.groupby(["position", "params"])
    means = groups[["chosen", "judged"]].mean()
    if "episodes" in cells:
        counts = groups["episodes"].sum()
        means = means[counts >= MANY * counts.max()]
    known = means["chosen"].notna()
    return _number(means.loc[means["chosen"].idxmax(), "judged"]) if known.any() else None


def _largest(column: pd.Series | None) -> float | None:
    return None if column is None else _number(column.max())


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
