"""isoFLOP profiles: dev loss and return against model size, one curve a budget."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks, words
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title
from ilscaling.tables import game_positions

NAME, TITLE = "profiles", "isoFLOP profiles"
COLUMNS = ("budget", "seed", "used", "x", "y", "se")
FAINT = 0.35  # opacity of what does not enter the fits
# panel -> columns of the results table, and the law that its optima obey
PANELS = {
    "loss": ("dev_loss", "dev_loss_se", "L_min"),
    "return": ("return_mean", "return_se", "R_max"),
}


def data(table: pd.DataFrame, fit: laws.StudyFit, human: dict[str, float]) -> pd.DataFrame:
    """What the figure draws: cells, their means, and the optima of each budget.

    Parameters
    ----------
    table
        A results table.
    fit
        Its laws.
    human
        Game -> return of a human player (game points).

    Returns
    -------
    DataFrame
        A row a point: game, panel (loss, return), kind, label, position (of the budget), budget,
        seed, used, x (parameters), y, se. kind: cell (one run at one budget), mean (over the runs
        of a size), parabola, vertex, grid (the best cell of a budget), level (a reference named in
        `label`). used: whether it enters the fits; of a cell, whether it may, in a budget of the
        law's regime.
    """
    rows = []
    table = table.assign(position=game_positions(table))
    for game, measured in style.done(table).groupby("game", sort=False):
        optima = fit.optima[fit.optima["game"] == game]
        if optima.empty:
            continue  # sizes were not compared at equal budgets
        means = fit.cells[fit.cells["game"] == game]
        of_grid = optima[optima["method"] == "grid"].set_index("position")
        entered = set(zip(means["position"], means["params"], strict=True))
        for panel, (value, error, law) in PANELS.items():
            if value not in measured or measured[value].notna().sum() == 0:
                continue
            base = {"game": game, "panel": panel}
            within = of_grid["used" + laws.LAWS[law].optimum].astype(bool).to_dict()
            known = measured[measured[value].notna()]
            for cell in known.sort_values(["position", "params", "seed"]).itertuples():
                at = cell.position
                enters = within.get(at, False) and (at, cell.params) in entered
                rows.append(
                    {**base, "kind": "cell", "position": at, "budget": cell.budget}
                    | {"used": enters, "x": cell.params, "y": getattr(cell, value)}
                    | {"seed": cell.seed, "se": getattr(cell, error, np.nan)}
                )
            rows += [
                {**base, "kind": "mean", "position": cell.position, "budget": cell.budget}
                | {"used": within[cell.position], "x": cell.params, "y": getattr(cell, value)}
                for cell in means[means[value].notna()].itertuples()
            ]
            rows += [{**base, **row} for row in _optima(panel, optima)]
            rows += [{**base, **row} for row in _levels(panel, known, human.get(game))]
    return pd.DataFrame(
        rows, columns=["game", "panel", "kind", "label", "position", *COLUMNS]
    ).astype({"used": bool})


def _optima(panel: str, optima: pd.DataFrame) -> list[dict]:
    """The best size of each budget, and the parabola through the cells around it."""
    law = laws.LAWS[PANELS[panel][-1]]
    at = "N_opt" if panel == "loss" else "N_return"
    rows = []
    for row in optima[optima["used" + law.optimum]].to_dict("records"):
        base = {"position": row["position"], "budget": row["budget"], "used": True}
        rows.append({**base, "kind": row["method"], "x": row[at], "y": row[law.y]})
        drawn = laws.curve(row, panel)
        if drawn is not None:
            rows += [
                {**base, "kind": "parabola", "x": n, "y": y} for n, y in zip(*drawn, strict=True)
            ]
    return rows


def _levels(panel: str, known: pd.DataFrame, human: float | None) -> list[dict]:
    """Reference levels: what the policies are compared with."""
    names = {
        "return": {"expert": "expert_return", "random": "random_return"},
        "loss": {"action entropy": "action_entropy", "expert entropy": "expert_entropy"},
    }[panel]
    levels = {name: known[column].mean() for name, column in names.items() if column in known}
    if panel == "return":
        levels["human"] = np.nan if human is None else human
    return [
        {"kind": "level", "label": name, "used": True, "y": level}
        for name, level in levels.items()
        if np.isfinite(level)
    ]


def draw(data: pd.DataFrame) -> Figure:
    """One row a game: dev loss with the parabolas and their vertices, and return.

    Raises no error for a game without returns: its second panel says so."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        figure, axes = style.panels(max(len(games), 1), 2, width=9.8, height=3.5)
        for row, game in zip(axes, games, strict=True):
            of = data[data["game"] == game]
            colours = style.shades(of["position"].dropna())
            for ax, panel in zip(row, ("loss", "return"), strict=True):
                part = of[of["panel"] == panel]
                (_loss if panel == "loss" else _return)(ax, part, colours)
                ax.set_xlabel(looks.PARAMETERS)
                cells = of[of["kind"] == "cell"]
                style.log_axis(ax.xaxis, cells["x"].min(), cells["x"].max(), most=5)
            row[0].set_title(title(game), loc="left")
            _legend(row[1], of, colours)
    return figure


def _curves(ax: Axes, part: pd.DataFrame, colours: dict) -> None:
    """Cells, and a thin line through the means of the sizes; faint where nothing is fitted."""
    for position, of in part.groupby("position", sort=True):
        means = of[of["kind"] == "mean"]
        for used, cells in of[of["kind"] == "cell"].groupby("used", sort=True):
            ax.errorbar(
                cells["x"],
                cells["y"],
                cells["se"].fillna(0.0),
                fmt="o",
                ms=4,
                mew=0,
                elinewidth=0.6,
                color=colours[position],
                alpha=0.9 if used else FAINT,
            )
        used = means["used"].any()
        ax.plot(
            means["x"],
            means["y"],
            color=colours[position],
            lw=0.8,
            ls="-" if used else (0, (3, 2)),
            alpha=0.45 if used else FAINT,
        )


def _best(ax: Axes, part: pd.DataFrame, colours: dict) -> None:
    """Parabolas, their vertices and the best cells of the budgets that are fitted."""
    for (kind, position), at in part.groupby(["kind", "position"], sort=True):
        if kind == "parabola":
            ax.plot(at["x"], at["y"], color=colours[position], lw=1.6)
        elif kind == "grid":
            ax.plot(at["x"], at["y"], "o", ms=8, mfc="none", mec=looks.INK, mew=0.8, zorder=4)
        elif kind == "vertex":
            ax.plot(at["x"], at["y"], "D", ms=5, mfc=colours[position], mec="white", zorder=5)


def _loss(ax: Axes, part: pd.DataFrame, colours: dict) -> None:
    _curves(ax, part, colours)
    _best(ax, part, colours)
    # An expert that draws nothing has an entropy of 0, which a logarithmic axis has no place for.
    part = part[(part["kind"] != "level") | (part["y"] > 0)]
    for level in part[part["kind"] == "level"].itertuples():
        ax.axhline(level.y, color="#888888", lw=0.9, ls=(0, (1, 1.5)), zorder=1)
        ax.annotate(
            f"{level.label} {words.number(level.y)}",
            (0.0, level.y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
            fontsize=7,
            color="#777777",
        )
    shown = part.loc[part["kind"].isin(["cell", "level", "vertex"]), "y"]
    style.log_axis(ax.yaxis, shown.min(), shown.max(), plain=True)
    ax.set_ylabel(looks.DEV_LOSS)
    ax.grid(True, which="major")


def _return(ax: Axes, part: pd.DataFrame, colours: dict) -> None:
    if part.empty:
        style.empty(ax, "no returns measured")
        ax.set_ylabel(looks.RETURN)
        return
    _curves(ax, part, colours)
    _best(ax, part, colours)
    levels = part[part["kind"] == "level"].set_index("label")["y"].to_dict()
    style.return_axis(ax, part.loc[part["kind"].isin(["cell", "level"]), "y"])
    style.level_lines(ax, levels)
    ax.set_ylabel(looks.RETURN)
    ax.grid(True, which="major")


def _legend(ax: Axes, of: pd.DataFrame, colours: dict) -> None:
    """Budgets from the largest down, as the curves lie, and what the marks mean."""
    used = set(of.loc[of["used"] & (of["panel"] == "loss"), "position"].dropna())
    budgets = of.groupby("position")["budget"].min()
    handles = [
        style.handle(
            words.power(budgets[position]),
            color=colours[position],
            alpha=1.0 if position in used else FAINT,
            ls="-" if position in used else (0, (3, 2)),
        )
        for position in sorted(colours, reverse=True)
    ]
    kinds = set(of["kind"])
    if "grid" in kinds:
        handles.append(
            style.handle(
                "best cell, judged", ls="none", marker="o", ms=8, mfc="none", mec=looks.INK
            )
        )
    if "vertex" in kinds:
        handles.append(
            style.handle("vertex, judged", ls="none", marker="D", ms=5, mfc=looks.INK, mec="w")
        )
    if len(used) < len(colours):
        handles.append(style.handle("not in the fits", color="#777777", alpha=0.6, ls=(0, (3, 2))))
    ax.legend(
        handles=handles,
        title=looks.FLOPS,
        loc="upper left",
        bbox_to_anchor=(1.26, 1.03),
        alignment="left",
        ncols=1 if len(handles) <= 13 else 2,
        handlelength=1.8,
        labelspacing=0.35,
    )


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    cells = data[(data["kind"] == "cell") & (data["panel"] == "loss")]
    faint = int((~cells["used"]).sum())
    left_out = (
        f" Faint: {faint} of {len(cells)} cells that do not enter the fits, mostly budgets outside"
        " the law's regime; the notes say why."
        if faint
        else ""
    )
    return (
        "Dev loss (left) and return (right) against model size, one colour a FLOP budget. Points "
        "are cells with their standard error; curves are parabolas in ln N fitted to ln L around "
        "the minimum, with their vertices as diamonds; circles mark the best cell of a budget. "
        "Both stand at what a second measurement says of them, where there is one: the test loss, "
        "or the other half of the episodes. "
        "Horizontal lines: entropy of the expert's actions (the loss of a policy that ignores the "
        f"screen) and reference returns.{left_out}"
    )
