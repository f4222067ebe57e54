"""What tables of a study's fits show: their rows, for a page and for Markdown alike."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from ilscaling.laws.records import LAWS

# (method, form) -> what a table calls it, in the order of its columns
WAYS = {
    ("grid", "power"): "grid",
    ("vertex", "power"): "vertex",
    ("quadratic", "surface"): "quadratic",
    ("chinchilla", "surface"): "chinchilla",
    ("varpro", "surface"): "varpro",
    ("grid", "saturating"): "grid, saturating",
    ("vertex", "saturating"): "vertex, saturating",
    ("grid", "broken"): "grid, broken",
    ("vertex", "broken"): "vertex, broken",
}


def note(flag: str) -> str:
    """A flag 'code: sentence' as a reader likes it."""
    code, _, text = flag.partition(": ")
    return f"{code.replace('_', ' ')}: {text}" if text else code.replace("_", " ")


def exponents(fit, game: str) -> list[dict]:
    """The exponents of a game, a row a (law, method): law, method, form, estimate, intervals
    {kind: (low, high)}, level, n, r2, quoted, notes. The game's quoted method comes first."""
    rows: dict[tuple, dict] = {}
    quoted = fit.method(game)
    for record in fit.fits:
        power = record["form"] == "power"
        if record["game"] != game or record["parameter"] != "exponent" or record["law"] not in LAWS:
            continue
        if not power and (record["form"] != "surface" or record["law"] == "R_on_1/L"):
            continue  # a surface says nothing of returns: that law is the grid's
        key = (record["method"], record["form"], record["law"])
        names = ("law", "method", "form", "estimate", "level", "n", "r2")
        row = rows.setdefault(
            key,
            {name: record[name] for name in names}
            | {"intervals": {}, "notes": [], "quoted": power and record["method"] == quoted},
        )
        if record["ci_low"] is not None:
            row["intervals"][record["interval"]] = (record["ci_low"], record["ci_high"])
        row["r2"] = row["r2"] if row["r2"] is not None else record["r2"]
        row["notes"] += [note(f) for f in record["flags"] if note(f) not in row["notes"]]
    order = {way: place for place, way in enumerate(WAYS)}
    place = {law: i for i, law in enumerate(LAWS)}
    return sorted(
        rows.values(),
        key=lambda row: (
            not row["quoted"],
            order.get((row["method"], row["form"]), len(order)),
            place[row["law"]],
        ),
    )


def best_interval(row: dict) -> tuple[float, float] | None:
    """The interval to show where there is room for one: by bootstrap, else by formula."""
    return next(
        (row["intervals"][k] for k in ("bootstrap", "t", "delta") if k in row["intervals"]), None
    )


def others(fit, game: str) -> list[dict]:
    """Parameters of a game that are no exponents of power laws (E, alpha, offset ...), a row a
    (law, method, form): law, method, form, parameters [record], notes."""
    rows: dict[tuple, dict] = {}
    for f in fit.fits:
        law = f["parameter"] == "exponent" and f["form"] in ("power", "surface")
        if f["game"] != game or (law and f["law"] in LAWS):
            continue
        names = ("law", "method", "form")
        row = rows.setdefault(tuple(f[n] for n in names), {n: f[n] for n in names})
        row.setdefault("parameters", []).append(f)
        notes = row.setdefault("notes", [])
        notes += [note(flag) for flag in f["flags"] if note(flag) not in notes]
    return list(rows.values())


def parameters(row: dict, write: Callable, interval: Callable) -> str:
    """A row of `others` in words: 'exponent -0.6 [-1, -0.2], offset 0.35 [0.1, 0.6]'."""
    known = [f for f in row["parameters"] if f["estimate"] is not None]
    bounds = [interval(f["ci_low"], f["ci_high"], write) for f in known]
    told = [f"{f['parameter'].replace('_', ' ')} {write(f['estimate'])}" for f in known]
    return ", ".join(f"{t} {i}".strip() for t, i in zip(told, bounds, strict=True))


def verdicts(fit, game: str) -> list[dict]:
    """A row a (law, method): law, method, quoted, n, verdict, and of each form delta_aic and
    rolling_error {form: value}; the quoted method first."""
    found = fit.verdicts[fit.verdicts["game"] == game]
    quoted = fit.method(game)
    rows = [
        {
            "law": law,
            "method": method,
            "quoted": method == quoted,
            "n": int(group["n"].max()),
            "verdict": group["verdict"].iloc[0],
            "delta_aic": group.set_index("form")["delta_aic"].to_dict(),
            "rolling_error": group.set_index("form")["rolling_error"].to_dict(),
        }
        for (law, method), group in found.groupby(["law", "method"], sort=False)
    ]
    return sorted(rows, key=lambda row: not row["quoted"])


def held_out(fit, game: str) -> pd.DataFrame:
    """Rows of `validation` of the largest held-out budget, in the order of laws and ways."""
    rows = fit.validation[fit.validation["held_out"].astype(bool)]
    rows = rows[rows["game"] == game]
    return _sorted(rows[rows["budget"] == rows["budget"].max()])


def rolling(fit, game: str) -> pd.DataFrame:
    """One step ahead, a row a (law, method, form): rms error in ln, held, judged, predictions."""
    rows = fit.validation[(fit.validation["game"] == game) & (fit.validation["ahead"] == 1)]
    keys = ["law", "method", "form"]
    found = [
        dict(zip(keys, key, strict=True))
        | {
            "rms": float(np.sqrt((group["error"].astype("float64") ** 2).mean())),
            "held": int((group["covered"].dropna().astype(str) == "True").sum()),
            "judged": int(group["covered"].notna().sum()),
            "predictions": len(group),
        }
        for key, group in rows.groupby(keys, sort=False)
    ]
    columns = [*keys, "rms", "held", "judged", "predictions"]
    return _sorted(pd.DataFrame(found, columns=columns))


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    ways, laws = list(WAYS), list(LAWS)
    key = [
        (laws.index(r.law), ways.index((r.method, r.form)) if (r.method, r.form) in WAYS else 99)
        for r in rows.itertuples()
    ]
    return rows.iloc[sorted(range(len(rows)), key=key.__getitem__)].reset_index(drop=True)


def matrix(rows: Iterable, laws: Sequence[str], cell: Callable) -> tuple[list[str], list[list]]:
    """Rows with law, method, form as (names of the ways there, a line a law: its cells)."""
    by = {(r["law"], r["method"], r["form"]): r for r in rows}
    ways = [way for way in WAYS if any(key[1:] == way for key in by)]
    lines = [
        [cell(by[law, *way]) if (law, *way) in by else "" for way in ways]
        for law in laws
        if any(key[0] == law for key in by)
    ]
    return [WAYS[way] for way in ways], lines


def footnote(text: str, seen: list[str]) -> int:
    """The number of a note, which is appended to `seen` if it is new."""
    if text not in seen:
        seen.append(text)
    return seen.index(text) + 1
