"""The forecast: loss and return foretold at a larger budget, and what training there gave."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ilscaling import laws, tables
from ilscaling.show import looks, words
from ilscaling.show.figures import laws as law_figure
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title
from ilscaling.show.rows import foretold_loss

NAME, TITLE = "forecast", "Forecast and outcome"
COLUMNS = ["game", "panel", "kind", "method", "form", "quantity", "x", "y", "low", "high"]
COLUMNS += ["level", "used", "edge", "quoted"]
TYPES = dict.fromkeys(("x", "y", "low", "high", "level"), "float64")
TYPES |= dict.fromkeys(("used", "edge", "quoted"), bool)
# panel -> its law, quantities that foretell it, measured column and its error
PANELS = {
    "loss": ("L_min", ("L_min",), "dev_loss", "dev_loss_se"),
    "return": ("R_max", ("R_max", "R_on_1/L"), "return_mean", "return_se"),
}


def data(fit: laws.StudyFit, forecast: dict) -> pd.DataFrame:
    """What the figure draws: what was foretold at a larger budget, and what came out.

    Parameters
    ----------
    fit
        The laws of the smaller budgets.
    forecast
        "predictions", a table of `laws.forecast`, and "realised", rows of a results table.

    Returns
    -------
    DataFrame
        A row a point: game, panel (loss, return), kind, method, form, quantity, x (FLOPs), y, low,
        high, level, used, edge, quoted. kind: optimum; line, the power law of the quoted method
        with its prediction band; predicted, a method's value at the forecast's budget with its
        interval; realised, with one standard error either way.
    """
    rows = []
    predictions, realised = forecast["predictions"], tables.measured(forecast["realised"])
    for game in fit.games:
        mine = predictions[predictions["game"] == game] if len(predictions) else predictions
        if mine.empty:
            continue
        budget = float(mine["budget"].iloc[0])
        for panel, (law, quantities, value, error) in PANELS.items():
            points = _optima(fit, game, law) + _line(fit, game, law, budget)
            cells = realised[realised["game"] == game]
            said = mine[mine["quantity"].isin(quantities)]
            if panel == "loss" and foretold_loss(fit.method(game), cells) == "test_loss":
                # Surfaces foretell the dev loss, which is another on other episodes.
                value, error = "test_loss", "test_loss_se"
                said = said[said["method"].isin(laws.METHODS)]
            points += [
                {"kind": "predicted", "x": budget, "y": p.estimate, "low": p.low, "high": p.high}
                | {"method": p.method, "form": p.form, "quantity": p.quantity, "level": p.level}
                | {"quoted": bool(getattr(p, "quoted", False))}
                for p in said.itertuples()
                if pd.notna(p.estimate) and (p.quantity == law or p.form in looks.PLAIN)
            ]
            for cell in cells.to_dict("records"):
                if pd.notna(cell.get(value)):
                    se = cell.get(error)
                    se = se if pd.notna(se) else 0.0
                    at = {"x": cell["flops"], "y": cell[value]}
                    ends = {"low": cell[value] - se, "high": cell[value] + se}
                    points.append({"kind": "realised", **at, **ends})
            marks = {"game": game, "panel": panel, "used": True, "edge": False, "quoted": False}
            rows += [{**marks, **row} for row in points]
    return pd.DataFrame(rows, columns=COLUMNS).astype(TYPES)


def _optima(fit: laws.StudyFit, game: str, law: str) -> list[dict]:
    """What the law of the quoted method rests on, or else what was measured at the best cells."""
    found = law_figure.points(fit, game, law)
    for method in (fit.method(game), "grid"):
        mine = [p for p in found if p["method"] == method and p["kind"] == "optimum"]
        if mine:
            return mine
    if law != "R_max":
        return []
    # No power law takes returns of zero and less.
    cells = fit.optima[(fit.optima["game"] == game) & (fit.optima["method"] == "grid")]
    shown = {"kind": "optimum", "method": "grid", "used": False}
    points = cells.loc[cells["R_opt"].notna(), ["flops", "R_opt"]].itertuples(index=False)
    return [{**shown, "x": x, "y": y} for x, y in points]


def _line(fit: laws.StudyFit, game: str, law: str, budget: float) -> list[dict]:
    """The quoted method's power law up to the forecast's budget, with a new measurement's band."""
    record = fit.power(game, law)
    line = record["line"]
    if line is None:
        return []
    x = np.geomspace(line["x_low"], max(budget, line["x_high"]), 81)
    band = laws.predict(fit.power(game, law, interval="bootstrap"), x, new=True)
    names = {"kind": "line", "method": record["method"], "form": laws.POWER}
    names["level"] = record["level"]
    points = zip(x, *band, strict=True)
    return [{**names, "x": a, "y": b, "low": c, "high": d} for a, b, c, d in points]


def draw(data: pd.DataFrame):
    """A row a game: loss and return, each with the extrapolated law and every method's value."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        figure, axes = style.panels(max(len(games), 1), 4, width=12.0, height=3.3)
        for row, game in zip(axes, games, strict=False):
            for i, (panel, (law, *_)) in enumerate(PANELS.items()):
                part = data[(data["game"] == game) & (data["panel"] == panel)]
                curve, methods = row[2 * i : 2 * i + 2]
                _extrapolated(curve, part, looks.LAWS[law].axis)
                _methods(methods, part, curve)
            row[0].set_title(title(game), loc="left")
        if games:
            figure.legend(handles=_handles(data), loc="outside lower center", ncols=5)
    return figure


def _extrapolated(ax: Axes, part: pd.DataFrame, label: str) -> None:
    ax.set_xlabel(looks.FLOPS)
    ax.set_ylabel(label)
    law_figure.marks(ax, part)
    line, real = part[part["kind"] == "line"], part[part["kind"] == "realised"]
    optima = part[part["kind"] == "optimum"]
    _realised(ax, real)
    # Without a law to draw, what the methods say sets the scale.
    said = part[part["kind"] == "predicted"].iloc[: 0 if len(line) else None]
    shown = pd.concat([optima, real, line, said])
    if shown.empty:
        style.empty(ax, "nothing measured")
        return
    style.log_axis(ax.xaxis, shown["x"].min(), shown["x"].max(), most=4)
    ax.grid(True, which="major")
    positive = shown.loc[shown["y"] > 0, "y"]
    if line.empty and len(positive) < len(shown):
        # Returns of zero and less, and no power law: no logarithms.
        low, high = np.nanmin(shown[["low", "y"]]), np.nanmax(shown[["y", "high"]])
        ax.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        return
    ends = line[["low", "high"]].iloc[-1] if len(line) else positive
    reach = (positive.max() / positive.min()) ** 0.5
    low = max(np.nanmin([positive.min(), ends.min()]), positive.min() / reach)
    high = min(np.nanmax([positive.max(), ends.max()]), positive.max() * reach)
    style.log_axis(ax.yaxis, low, high, plain=True, most=6)


def _realised(ax: Axes, real: pd.DataFrame) -> None:
    for cell in real.itertuples():
        ax.plot([cell.x] * 2, [cell.low, cell.high], color=looks.INK, lw=1.2, zorder=7)
        ax.plot([cell.x], [cell.y], "*", ms=12, mfc="#FFD400", mec=looks.INK, mew=0.9, zorder=8)


def _methods(ax: Axes, part: pd.DataFrame, beside: Axes) -> None:
    """Every method's value with its interval, on the axis of the panel beside it."""
    shown = part[part["kind"] == "predicted"]
    if shown.empty:
        style.empty(ax, "nothing foretold")
        return
    ax.set_yscale(beside.get_yscale())
    ax.set_ylim(beside.get_ylim())
    ax.tick_params(axis="y", which="both", labelleft=False, left=False)
    ax.spines["left"].set_visible(False)
    low, high = ax.get_ylim()
    ways = [(w, q) for q in dict.fromkeys(shown["quantity"]) for w in looks.ways_of(shown)]
    ways = [(way, q) for way, q in ways if len(_of(shown, way, q))]
    for real in part[part["kind"] == "realised"].itertuples():
        ax.axhspan(real.low, real.high, color="#FFD400", alpha=0.25, lw=0)
        ax.axhline(real.y, color=looks.INK, lw=0.9)
    for x, (way, quantity) in enumerate(ways):
        row = _of(shown, way, quantity).iloc[0]
        look = looks.way(*way)
        ends = np.clip(row[["low", "high"]].to_numpy(dtype=np.float64), low, high)
        ax.plot([x, x], ends, color=look.colour, lw=2.6, alpha=0.4, solid_capstyle="butt")
        inside = low <= row["y"] <= high
        marker = look.marker if inside else "^" if row["y"] > high else "v"
        ax.plot([x], np.clip([row["y"]], low, high), marker, ms=5, color=look.colour, clip_on=False)
    on_loss = {"R_on_1/L": " on loss"}
    names = [looks.way(*way).label + on_loss.get(quantity, "") for way, quantity in ways]
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6.3)
    for text, (way, quantity) in zip(ax.get_xticklabels(), ways, strict=True):
        text.set_fontweight("bold" if _of(shown, way, quantity)["quoted"].any() else "normal")
    ax.set_title(f"by each method at {words.power(shown['x'].iloc[0])} FLOPs", fontsize=8)
    ax.set_xlim(-0.7, len(names) - 0.3)


def _of(shown: pd.DataFrame, way: tuple[str, str], quantity: str) -> pd.DataFrame:
    mine = (shown["method"] == way[0]) & (shown["form"] == way[1])
    return shown[mine & (shown["quantity"] == quantity)]


def _handles(data: pd.DataFrame) -> list:
    entries = law_figure.handles(data)
    level = data["level"].dropna()
    share = f"{100 * level.iloc[0]:.3g} % " if len(level) else ""
    entries.append(style.handle(f"{share}prediction interval", color=looks.INK, lw=2.6, alpha=0.4))
    star = {"ls": "none", "marker": "*", "ms": 11, "mfc": "#FFD400", "mec": looks.INK}
    entries.append(style.handle("realised (± standard error)", **star))
    return entries


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    return (
        "The power law of the quoted method extrapolated to the forecast's budget with the band of "
        "a new measurement, where there is one; beside it what each method foretold of the same "
        "measure, in bold what is quoted. Star and line: the "
        "size that the law proposed, trained at that budget after the forecast was made."
    )
