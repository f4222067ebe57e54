"""The exponents of all laws by every method side by side, each with its intervals."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks
from ilscaling.show.figures import forest, style

NAME, TITLE = "methods", "Exponents by every method"
COLUMNS = ("game", "law", "method", "form", "interval", "estimate", "low", "high", "level")
TYPES = dict.fromkeys(("estimate", "low", "high", "level"), "float64")
TYPES |= {"quoted": bool, "reducible": bool}
# kind of interval -> how far below its row's middle, and how it is drawn
KINDS = {
    "delta": (-0.13, {"lw": 1.2, "ls": (0, (3, 1.2))}),
    "bootstrap": (0.17, {"lw": 3.0, "alpha": 0.4}),
}
NAMES = {"delta": "delta method", "bootstrap": "bootstrap"}


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws, a row a record of an exponent: game, law, method, form, interval
    (its kind), estimate, low, high, level, n, quoted, reducible (of
    L_min - E), reason (why there is no estimate)."""
    rows = []
    quoted = {
        (game, law): fit.quoted(game, law)["method"] for game in fit.games for law in laws.LAWS
    }
    for record in fit.fits:
        if record["interval"] not in KINDS:
            continue  # Student's takes the snapshots of a run for independent
        surface = record["form"] == looks.SURFACE
        if record["parameter"] != "exponent" or not (surface or record["form"] == laws.POWER):
            continue
        if record["law"] not in laws.LAWS:
            continue
        if surface and record["law"] == "R_on_1/L":
            continue  # the grid's own: a surface says nothing of returns
        bare = record["estimate"] is None
        rows.append(
            {name: record[name] for name in COLUMNS if name in record}
            | {"low": record["ci_low"], "high": record["ci_high"], "n": record["n"]}
            | {"quoted": not surface and record["method"] == quoted[record["game"], record["law"]]}
            | {"reducible": any(flag.startswith("reducible:") for flag in record["flags"])}
            | {"reason": why(record["flags"]) if bare else ""}
        )
    columns = [*COLUMNS, "n", "quoted", "reducible", "reason"]
    records = pd.DataFrame(rows, columns=columns).astype(TYPES)
    return records if records["estimate"].notna().any() else records.iloc[:0]


def why(flags: list[str]) -> str:
    """The reason among a record's flags, without its code."""
    chosen = next((f for f in flags if f.startswith("not_")), flags[0] if flags else "unknown")
    return chosen.partition(": ")[2] or chosen


def draw(data: pd.DataFrame) -> Figure:
    """A row of panels a game, one a law, with a row a method; the laws' axes are shared."""
    games = list(dict.fromkeys(data["game"]))
    lanes = {game: looks.ways_of(data[data["game"] == game]) for game in games}
    with style.look():
        figure, axes = forest.blocks(games, lanes, lane=0.25)
        for column, (law, look) in enumerate(looks.LAWS.items()):
            of = data[data["law"] == law]
            limits = forest.window(of["estimate"], of["low"], of["high"])
            for row, game in zip(axes, games, strict=False):
                row[column].set_xlim(limits)
                row[column].set_title(look.formula, fontsize=9)
                _panel(row[column], of[of["game"] == game], lanes[game])
        if games:
            figure.legend(handles=_handles(data), loc="outside lower center", ncols=5)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, lanes: list) -> None:
    quoted = part.loc[part["quoted"] & part["estimate"].notna(), "estimate"]
    if len(quoted):
        ax.axvline(quoted.iloc[0], color="#b0b0b0", lw=0.8, ls=(0, (2, 2)), zorder=1)
    for y, (method, form) in enumerate(lanes):
        way = looks.way(method, form)
        mine = part[(part["method"] == method) & (part["form"] == form)]
        known = mine[mine["estimate"].notna()]
        for record in known.itertuples():
            offset, look = KINDS.get(record.interval, (0, {}))
            forest.interval(ax, y + offset, record.low, record.high, way.colour, **look)
        if len(known):
            first = known.iloc[0]
            forest.estimate(ax, y, first["estimate"], way, filled=not first["reducible"])
        elif len(mine):
            short = mine["reason"].iloc[0].split(";")[0]
            lines = textwrap.wrap(f"not fitted: {short}", 38, max_lines=2, placeholder=" …")
            forest.remark(ax, y, "\n".join(lines))
    forest.linear_ticks(ax)


def _handles(data: pd.DataFrame) -> list:
    there = set(data["interval"].dropna())
    entries = [
        style.handle(NAMES[kind], color=looks.INK, **look)
        for kind, (_, look) in KINDS.items()
        if kind in there
    ]
    line = {"color": "#b0b0b0", "lw": 0.8, "ls": (0, (2, 2))}
    entries.append(style.handle("the quoted exponent", **line))
    if data["reducible"].any():
        hollow = {"ls": "none", "marker": "o", "ms": 4.5, "mfc": "white", "mec": looks.INK}
        entries.append(style.handle("of $L_{\\min}-E$", **hollow))
    return entries


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    level = data["level"].dropna()
    share = f"{100 * level.iloc[0]:.3g} % " if len(level) else ""
    missing = data[data["estimate"].isna()]
    gaps = len(missing.drop_duplicates(["game", "law", "method", "form"]))
    tail = f" {gaps} could not be fitted and say why." if gaps else ""
    return (
        f"The exponent of each law by each method with its {share}intervals: "
        "by a bootstrap that moves a run's snapshots together, as they are not independent, "
        "and finds the optima anew; thin, of the quadratic, by the delta method. "
        "An arrow head: the interval goes on. "
        f"Surfaces (quadratic, chinchilla, varpro) say nothing of returns.{tail}"
    )
