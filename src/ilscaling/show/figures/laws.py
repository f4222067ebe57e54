"""The four laws on compute (L_min, N_opt, D_opt, R_max), and return on loss."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks, words
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title

NAME, TITLE = "laws", "Scaling laws"
FITTED = ("estimate", "ci_low", "ci_high", "level", "r2", "n")  # what a line carries along
PANELS = ("L_min", "N_opt", "D_opt", "R_max")  # the laws on compute


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws, a row a point: game, law, method, kind (optimum, line), x (FLOPs),
    y, low, high (confidence band), used, edge, and on lines the exponent with its interval.
    """
    rows = [row for game in fit.games for law in PANELS for row in points(fit, game, law)]
    return frame(rows)


def points(fit: laws.StudyFit, game: str, law: str) -> list[dict]:
    """The optima that a law rests on and, where it was fitted, its line with the band.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.
    law
        A key of laws.LAWS.

    Returns
    -------
    list of dict
        A row a point, for `frame`: x and y in the law's own units (FLOPs, or 1/loss), `kind`
        optimum or line; lines carry FITTED along.
    """
    rows, form = [], laws.LAWS[law]
    optima = fit.optima[fit.optima["game"] == game]
    optima = optima.assign(inverse_loss=1.0 / optima["L_min"])
    for method in laws.METHODS:
        base = {"game": game, "law": law, "method": method}
        of = optima[(optima["method"] == method) & optima[form.y].notna() & optima[form.x].notna()]
        rows += [
            {**base, "kind": "optimum", "budget": row["budget"], "x": row[form.x], "y": row[form.y]}
            | {"used": bool(row["used" + form.optimum]), "edge": bool(row["edge" + form.optimum])}
            for row in of.to_dict("records")
        ]
        record = fit.power(game, law, method)
        if record["line"] is None:
            continue
        x = np.geomspace(record["line"]["x_low"], record["line"]["x_high"], 61)
        resampled = fit.power(game, law, method, interval="bootstrap")
        # The line is the same; the band and the bracket are the resamples', which are quoted.
        values = zip(x, *laws.predict(resampled, x), strict=True)
        of_fit = {name: record[name] for name in FITTED}
        of_fit |= {name: resampled[name] for name in ("ci_low", "ci_high")}
        rows += [
            {**base, **of_fit, "kind": "line", "x": a, "y": mean, "low": low, "high": high}
            for a, mean, low, high in values
        ]
    return rows


def frame(rows: list[dict]) -> pd.DataFrame:
    """Rows as a table with fixed columns, which keeps a CSV readable whatever was found."""
    names = ["game", "law", "method", "kind", "label", "budget", "x", "y", "low", "high", "used"]
    rows = [{"used": True, "edge": False, **row} for row in rows]
    return pd.DataFrame(rows, columns=[*names, "edge", *FITTED]).astype(
        {"used": bool, "edge": bool}
    )


def draw(data: pd.DataFrame) -> Figure:
    """Four panels a game: 2 x 2 for one game, a row each for several."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        rows, columns, width = (2, 2, 8.0) if len(games) == 1 else (len(games), 4, 12.0)
        figure, axes = style.panels(max(rows, 1), columns, width=width, height=3.1)
        for ax, (game, law) in zip(axes.flat, ((g, w) for g in games for w in PANELS), strict=True):
            part = data[(data["game"] == game) & (data["law"] == law)]
            _panel(ax, part, law, 6 if columns == 2 else 4)
            if law == "L_min":
                ax.set_title(title(game), loc="left", pad=ABOVE)
        figure.legend(handles=handles(data), loc="outside lower center", ncols=5, columnspacing=1.6)
    return figure


def handles(data: pd.DataFrame) -> list:
    """Legend entries of the marks that occur in `data`."""
    entries = [
        style.handle(
            look.legend,
            color=look.colour,
            marker=look.marker,
            ms=5.5,
            lw=1.4,
            markerfacecolor=look.colour if look.filled else "none",
            ls=look.line,
        )
        for method, look in looks.METHODS.items()
        if method in set(data["method"])
    ]
    points = data[data["kind"] == "optimum"]
    if points["edge"].any():
        entries.append(
            style.handle("optimum at the grid's edge", ls="none", marker="x", ms=6, mec=looks.INK)
        )
    if not points["used"].all():
        entries.append(
            style.handle(
                "not in the fits", ls="none", marker="o", ms=5, mfc="none", mec=looks.FAINT
            )
        )
    return entries


def marks(ax: Axes, part: pd.DataFrame) -> None:
    """Draw optima, lines and bands of both methods.

    Parameters
    ----------
    ax
        The panel.
    part
        Rows of `frame`, of one game and law.
    """
    for method in laws.METHODS:
        look = looks.METHODS[method]
        of = part[part["method"] == method]
        fitted = of[of["kind"] == "line"]
        if len(fitted):
            band = {"color": look.colour, "alpha": 0.13, "lw": 0}
            ax.fill_between(fitted["x"], fitted["low"], fitted["high"], **band)
            ax.plot(fitted["x"], fitted["y"], color=look.colour, lw=1.4, ls=look.line)
        points = of[of["kind"] == "optimum"]
        for used, at in points.groupby("used", sort=True):
            colour = look.colour if used else looks.FAINT
            ax.plot(
                at["x"],
                at["y"],
                ls="none",
                marker=look.marker,
                ms=5.0 if look.filled else 6.5,
                mec=colour,
                mfc=colour if look.filled and used else "none",
                mew=1.1,
                zorder=4,
            )
        edge = points[points["edge"]]
        ax.plot(edge["x"], edge["y"], "x", ms=6, color=looks.INK, mew=0.9, zorder=6)


# Points above a panel that the exponents of both methods take, as its title must stand clear.
ABOVE = 27


def exponents(ax: Axes, part: pd.DataFrame, law: str) -> None:
    """The fitted exponents with their intervals by bootstrap over runs, above the panel.

    Parameters
    ----------
    ax
        The panel.
    part
        Rows of `frame`, of one game and law.
    law
        A key of looks.LAWS.
    """
    lines = part[part["kind"] == "line"].drop_duplicates("method").set_index("method")
    symbol, of = looks.LAWS[law].symbol, looks.LAWS[law].of
    narrow = ax.get_subplotspec().get_gridspec().ncols >= 4
    look = {"va": "bottom", "ha": "left", "fontsize": 7 if narrow else 8}
    where = {"xycoords": "axes fraction", "textcoords": "offset points"}
    for row, method in enumerate(m for m in laws.METHODS if m in lines.index):
        fitted = lines.loc[method]
        value = words.exponent(fitted["estimate"])
        formula = rf"${symbol}\propto {of}^{{\,{value}}}$"
        text = f"{formula} {_interval(fitted)}"
        colour = looks.METHODS[method].colour
        ax.annotate(text, (0, 1), (0, 2 + 12 * row), color=colour, **where, **look)
    if lines.empty:
        ax.annotate("not fitted", (0, 1), (0, 2), color="#777777", **where, **look)


def _interval(fitted: pd.Series) -> str:
    if not fitted[["ci_low", "ci_high"]].notna().all():
        return "no interval"
    ends = (words.exponent(fitted[name], fitted["estimate"]) for name in ("ci_low", "ci_high"))
    return "[{}, {}]".format(*ends)


def _panel(ax: Axes, part: pd.DataFrame, law: str, labels: int) -> None:
    look = looks.LAWS[law]
    marks(ax, part)
    ax.set_xlabel(looks.FLOPS)
    ax.set_ylabel(look.axis)
    optima = part[part["kind"] == "optimum"]
    if optima.empty:
        style.empty(ax, "no optimum to fit")
        return
    style.log_axis(ax.xaxis, optima["x"].min(), optima["x"].max(), most=labels)
    positive = optima.loc[optima["y"] > 0, "y"]
    if positive.empty:
        style.empty(ax, "none positive")
        return
    low, high = positive.min(), positive.max()
    style.log_axis(ax.yaxis, low, high, plain=look.plain, most=6)
    exponents(ax, part, law)
    ax.grid(True, which="major")


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    level = data["level"].dropna()
    band = f"{100 * level.iloc[0]:.3g} %" if len(level) else "confidence"
    return (
        "Lowest loss, compute-optimal parameters and samples, and best return on training "
        "FLOPs C. Optima by the best cell of a budget (hollow, dashed) and by the vertex of its "
        "parabola (filled, solid); lines: ordinary least squares in logarithms. Brackets "
        f"and bands: {band} by bootstrap over runs, as one run supplies all budgets of its size; "
        "bands are those of the line."
    )
