"""Does a power law hold? The optima with the pure, the saturating and the broken power law."""

import re
import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks, words
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title

NAME, TITLE = "forms", "Does a power law hold?"
COLUMNS = ("game", "law", "method", "kind", "form", "x", "y", "edge", "delta_aic", "verdict")
PANELS = ("L_min", "R_max")
# How far beyond the largest budget the forms are drawn, and how many budgets a comparison needs.
BEYOND, ENOUGH = 10.0, 5


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws, a row a point: game, law, method (whose optima), kind (optimum,
    curve), form, x (FLOPs), y, edge, and on curves delta_aic and the verdict."""
    rows = []
    for game in fit.games:
        optima = fit.optima[fit.optima["game"] == game]
        judged = fit.verdicts[fit.verdicts["game"] == game]
        for law in PANELS:
            fitted = {method: laws.curves(optima, law, method) for method in laws.METHODS}
            method = fit.method(game)
            if len(fitted[method][0]) < ENOUGH:
                method = max(fitted, key=lambda m: (len(fitted[m][0]), m == method))
            names = {"game": game, "law": law, "method": method}
            of = judged[(judged["law"] == law) & (judged["method"] == method)]
            rows += [{**names, **row} for row in _rows(*fitted[method], of)]
    points = pd.DataFrame(rows, columns=list(COLUMNS)).fillna({"edge": False, "verdict": ""})
    return points if (points["kind"] == "curve").any() else points.iloc[:0]


def _rows(points: pd.DataFrame, curves: dict, verdicts: pd.DataFrame) -> list[dict]:
    rows = [
        {"kind": "optimum", "x": p.x, "y": p.y, "edge": bool(p.edge)} for p in points.itertuples()
    ]
    for form, curve in curves.items():
        if curve.reason:
            continue
        of = verdicts[verdicts["form"] == form]
        known = {name: of[name].iloc[0] for name in ("delta_aic", "verdict") if len(of)}
        at = np.geomspace(points["x"].min(), points["x"].max() * BEYOND, 121)
        line = zip(at, curve.predict(at)[0], strict=True)
        rows += [{"kind": "curve", "form": form, "x": a, "y": b, **known} for a, b in line]
    return rows


def draw(data: pd.DataFrame) -> Figure:
    """Lowest dev loss and best return, two panels a game; from four games on, two games a row."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        pairs = 2 if len(games) > 3 else 1
        rows = max(-(-len(games) // pairs), 1)
        figure, axes = style.panels(rows, 2 * pairs, width=5.4 + 3.3 * pairs, height=3.0)
        for ax in axes.flat[2 * len(games) :]:
            ax.set_visible(False)
        parts = {
            (g, w): data[(data["game"] == g) & (data["law"] == w)] for g in games for w in PANELS
        }
        titles = {key: _verdict(part, 74 if pairs == 1 else 40) for key, part in parts.items()}
        for i, game in enumerate(games):
            line = axes[i // pairs, 2 * (i % pairs) :][:2]
            for ax, law in zip(line, PANELS, strict=True):
                lines = "\n".join(titles[game, law])
                ax.set_title(lines, loc="left", fontsize=7.5, color="#444444")
                _panel(ax, parts[game, law], law)
            # Names of one row stand at one height, above the longest of its verdicts.
            beside = games[i - i % pairs :][:pairs]
            above = 8 + 10 * max(len(titles[g, law]) for g in beside for law in PANELS)
            where = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
            line[0].annotate(title(game), (0, 1), (0, above), fontsize=10, **where)
        if games:
            figure.legend(handles=_handles(data), loc="outside lower center", ncols=5)
    return figure


def _verdict(part: pd.DataFrame, wide: int) -> list[str]:
    said = part.loc[part["verdict"].notna() & (part["verdict"] != ""), "verdict"]
    return textwrap.wrap(short(said.iloc[0]) if len(said) else "no fit", wide)


def _panel(ax: Axes, part: pd.DataFrame, law: str) -> None:
    ax.set_xlabel(looks.FLOPS)
    ax.set_ylabel(looks.LAWS[law].axis)
    optima = part[part["kind"] == "optimum"]
    curves = part[part["kind"] == "curve"]
    if optima.empty:
        style.empty(ax, "no optimum to fit")
        return
    largest = optima["x"].max()
    for form in laws.FORMS:
        look = _look(form)
        line = curves[curves["form"] == form]
        seen, ahead = line[line["x"] <= largest], line[line["x"] >= largest]
        ax.plot(seen["x"], seen["y"], zorder=3, **look)
        ax.plot(ahead["x"], ahead["y"], zorder=3, alpha=0.45, **look)
    of = looks.METHODS[part["method"].iloc[0]]
    size = 4.5 if of.filled else 6
    mark = {"ls": "none", "marker": of.marker, "ms": size, "mec": of.colour, "zorder": 5}
    ax.plot(optima["x"], optima["y"], mfc=of.colour if of.filled else "none", **mark)
    edge = optima[optima["edge"].astype(bool)]
    ax.plot(edge["x"], edge["y"], "x", ms=5.5, color=looks.INK, mew=0.9, zorder=6)
    ax.axvline(largest, color="#b0b0b0", lw=0.8, ls=(0, (2, 2)), zorder=1)
    style.log_axis(ax.xaxis, optima["x"].min(), largest * BEYOND, room=0.03, most=5)
    inside = part.loc[part["y"] > 0, "y"]
    far = max(optima["y"].max() / optima["y"].min(), 1.5) ** 0.7
    low = max(inside.min(), optima["y"].min() / far)
    high = min(inside.max(), optima["y"].max() * far)
    style.log_axis(ax.yaxis, low, high, plain=True, most=6)
    ax.grid(True, which="major")
    _aic(ax, curves, law)


def _look(form: str) -> dict:
    """How a form's curve is drawn, in matplotlib's words."""
    known = laws.FORMS[form]
    return {"color": known.colour, "ls": known.linestyle, "lw": known.width}


def _aic(ax: Axes, curves: pd.DataFrame, law: str) -> None:
    """How much better than the power law each other form is, in the corner that is free."""
    lines = curves.drop_duplicates("form").set_index("form")["delta_aic"].dropna()
    others = [form for form in reversed(laws.FORMS) if form != laws.POWER and form in lines.index]
    for row, form in enumerate(others):
        gain = f"{lines[form]:+.1f}".replace("-", "\N{MINUS SIGN}")
        where = {"transform": ax.transAxes, "ha": "right" if law == "L_min" else "left"}
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85}
        at = 0.97 if law == "L_min" else 0.03
        top = 0.96 - 0.085 * row
        text = f"ΔAIC {form} {gain}"
        colour = laws.FORMS[form].colour
        ax.text(at, top, text, va="top", fontsize=7.5, color=colour, bbox=box, zorder=8, **where)


def short(verdict: str) -> str:
    """A verdict without its numbers, which the panel and the table give."""
    head = re.sub(r" \([^)]*\)", "", verdict.partition(";")[0]).partition(", ")[0]
    rejected = re.fullmatch(r"the pure power law is (rejected) toward ([^:]*).*", head)
    head = f"power law {rejected[1]}: {rejected[2]}" if rejected else head
    return re.sub(r"[\d.]+e[+-]?\d+", lambda number: words.power(float(number[0])), head)


def _handles(data: pd.DataFrame) -> list:
    there = set(data["form"].dropna())
    entries = [
        style.handle(f.label, **_look(f.name)) for f in laws.FORMS.values() if f.name in there
    ]
    line = {"color": "#b0b0b0", "lw": 0.8, "ls": (0, (2, 2))}
    entries.append(style.handle("largest budget; paler beyond: extrapolated", **line))
    if data["edge"].astype(bool).any():
        entries.append(
            style.handle("optimum at the grid's edge", ls="none", marker="x", ms=6, mec=looks.INK)
        )
    return entries


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    return (
        "The optima of each budget (circles: best cells; diamonds: vertices) with the pure power "
        "law and the other forms. ΔAIC: how much better than the "
        "pure law a form describes them, small samples considered; above 2 it is preferred if it "
        "also predicts larger budgets better. Optima at the grid's edge mimic saturation."
    )
