"""A picture of a table's laws, for notebooks and consoles; the report's figures are in `show`."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws import lines
from ilscaling.laws.records import LAWS

try:
    import matplotlib  # noqa: F401
except ValueError:
    # The environment names a back end of somebody else's, which is not installed here.
    os.environ["MPLBACKEND"] = "agg"
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

COLOURS = {"grid": "#0072B2", "vertex": "#D55E00"}
SURFACES = {"quadratic": "#009E73", "chinchilla": "#CC79A7", "varpro": "#56B4E9"}
PANELS = ("L_min", "N_opt", "D_opt", "R_max")


class Picture(Figure):
    """A figure that a notebook shows, whatever its back end."""

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png")
        return data.getvalue()


def picture(path: str | Path) -> Path:
    """A file that a picture can be written to.

    Parameters
    ----------
    path
        Its suffix says of which kind.

    Raises
    ------
    FitError
        For another suffix, and for what is no path.
    """
    kinds = FigureCanvasBase.filetypes
    if not isinstance(path, str | Path) or Path(path).suffix[1:].lower() not in kinds:
        raise FitError(
            f"no picture can be written to {str(path)!r}",
            fix=f"laws.png, or a file of another kind: {', '.join(sorted(kinds))}",
        )
    return Path(path)


def laws(fit, games: list[str]) -> Figure:
    """A row of panels a game: optima by grid and vertex with their power laws and bands, surfaces
    as dashed lines; the cells themselves where there are no budgets.

    Parameters
    ----------
    fit : results.LawFit
    games : list of str
    """
    figure = Picture(figsize=(3.2 * len(PANELS), 2.8 * len(games)), layout="constrained")
    axes = figure.subplots(len(games), len(PANELS), squeeze=False)
    for row, game in zip(axes, games, strict=True):
        for ax, law in zip(row, PANELS, strict=True):
            _panel(ax, fit, game, law)
        row[0].set_title(game, loc="left", fontsize=10)
    handles = {}
    for ax in axes.flat:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6)
    return figure


def _panel(ax, fit, game: str, law: str) -> None:
    optima, cells = (t[t["game"] == game] for t in (fit.study.optima, fit.study.cells))
    of = LAWS[law]
    for method, colour in COLOURS.items():
        points = optima[(optima["method"] == method) & optima["used" + of.optimum].astype(bool)]
        x, y = (pd.to_numeric(points[name], errors="coerce") for name in (of.x, of.y))
        ax.plot(x, y, "o", ms=3, color=colour, label=method if len(points) else None)
        record = fit.study.power(game, law, method)
        try:
            at = np.geomspace(record["line"]["x_low"], record["line"]["x_high"], 50)
            resampled = fit.study.power(game, law, method, interval="bootstrap")
            mean, low, high = lines.predict(resampled, at)
        except (FitError, TypeError):
            continue  # not fitted: the points stand alone
        ax.plot(at, mean, color=colour, lw=1)
        ax.fill_between(at, low, high, color=colour, alpha=0.15, lw=0)
    if law == "L_min" and optima.empty and len(cells):
        ax.plot(cells["flops"], cells["dev_loss"], ".", ms=2, color="0.6", label="cells")
    compute = cells["flops"].dropna()
    for frontier in fit.frontiers.get(game, ()):
        if frontier.form != "surface" or law == "R_max" or compute.empty:
            continue
        at = np.geomspace(compute.min(), compute.max(), 50)
        colour = SURFACES.get(frontier.method)
        value = frontier.predict(law, at)[0]
        if np.isfinite(value).any():
            ax.plot(at, value, "--", lw=1, color=colour, label=frontier.method)
    drawn = np.concatenate([line.get_ydata() for line in ax.lines] or [np.empty(0)])
    if not (drawn.astype(float) > 0).any():
        ax.set_axis_off()
        return
    ax.set(xscale="log", yscale="log", xlabel="C, FLOPs", ylabel=law)
