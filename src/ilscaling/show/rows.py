"""What tables of a study's fits show: their rows, for a page and for Markdown alike."""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from ilscaling.laws import LAWS, METHODS, POWER, StudyFit, excess, summary
from ilscaling.show import looks
from ilscaling.show.words import interval, number

# The one interval that people read: by bootstrap over runs, of a surface without one by the delta
# method; never Student's, which takes the snapshots of a run for independent.
PREFERRED = ("bootstrap", "delta")


# What tells two exponents of a study apart. A form other than the power law has parameters that are
# no exponents of C, such as a break or an offset.
EXPONENT = ("game", "law", "method", "form", "flops")


def foretold_loss(method: str, cells: pd.DataFrame) -> str:
    """The measured column that a method's prediction of the lowest loss is of.

    Optima of the profiles are chosen on dev and judged on test; surfaces are fitted to dev losses.

    Parameters
    ----------
    method
        Of a prediction.
    cells
        What was trained: rows of a results table.
    """
    return "test_loss" if method in METHODS and excess.tested(cells) else "dev_loss"


def note(flag: str) -> str:
    """A flag 'code: sentence' as a reader likes it."""
    code, _, text = flag.partition(": ")
    return f"{code.replace('_', ' ')}: {text}" if text else code.replace("_", " ")


def of_records(fits: Iterable[dict]) -> dict[tuple, dict]:
    """The exponents among the records of a fits.json, by `EXPONENT`.

    Of each: estimate, level, intervals {kind: (low, high)} and notes. A law that could not be
    fitted has estimate None.
    """
    rows: dict[tuple, dict] = {}
    for fit in fits:
        if fit["law"] not in LAWS or fit["parameter"] != "exponent":
            continue
        if fit["form"] not in (POWER, looks.SURFACE):
            continue
        new = {"estimate": fit["estimate"], "level": fit["level"], "intervals": {}, "notes": []}
        exponent = rows.setdefault(tuple(fit[name] for name in EXPONENT), new)
        if fit["ci_low"] is not None:
            exponent["intervals"][fit["interval"]] = (fit["ci_low"], fit["ci_high"])
        exponent["notes"] = _noted(exponent["notes"], fit["flags"])
    return rows


def exponents(fit: StudyFit, game: str) -> list[dict]:
    """The exponents of a game, a row a (law, method). Those that are quoted come first.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    list of dict
        law, method, form, estimate, intervals {kind: (low, high)}, level, n, r2, quoted, notes.
    """
    rows: dict[tuple, dict] = {}
    quoted = {law: fit.quoted(game, law) for law in LAWS}
    for record in fit.fits:
        power = record["form"] == POWER
        if record["game"] != game or record["parameter"] != "exponent" or record["law"] not in LAWS:
            continue
        if not power and (record["form"] != looks.SURFACE or record["law"] == "R_on_1/L"):
            continue  # a surface says nothing of returns: that law is the grid's
        key = (record["method"], record["form"], record["law"])
        names = ("law", "method", "form", "estimate", "level", "n", "r2")
        row = rows.setdefault(
            key,
            {name: record[name] for name in names}
            | {"intervals": {}, "notes": []}
            | {"quoted": power and record["method"] == quoted[record["law"]]["method"]},
        )
        if record["ci_low"] is not None:
            row["intervals"][record["interval"]] = (record["ci_low"], record["ci_high"])
        row["r2"] = row["r2"] if row["r2"] is not None else record["r2"]
        # What is not quoted says so on its own record alone.
        flags = [*record["flags"], *(quoted[record["law"]]["flags"] if row["quoted"] else ())]
        row["notes"] = _noted(row["notes"], flags)
    laws = list(LAWS)
    return sorted(
        rows.values(),
        key=lambda row: (
            not row["quoted"],
            looks.place(row["method"], row["form"]),
            laws.index(row["law"]),
        ),
    )


def best_interval(row: dict) -> tuple[float, float] | None:
    """The one interval that people read (see PREFERRED)."""
    return next((row["intervals"][k] for k in PREFERRED if k in row["intervals"]), None)


def others(fit: StudyFit, game: str) -> list[dict]:
    """Parameters of a game that are no exponents of power laws (E, alpha, offset ...).

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    list of dict
        A row a (law, method, form): law, method, form, parameters [record], notes.
    """
    rows: dict[tuple, dict] = {}
    for f in fit.fits:
        law = f["parameter"] == "exponent" and f["form"] in (POWER, looks.SURFACE)
        if f["game"] != game or (law and f["law"] in LAWS):
            continue
        names = ("law", "method", "form")
        row = rows.setdefault(tuple(f[n] for n in names), {n: f[n] for n in names})
        row.setdefault("parameters", []).append(f)
        row["notes"] = _noted(row.get("notes", ()), f["flags"])
    return list(rows.values())


def parameters(row: dict) -> str:
    """A row of `others` in words: 'exponent -0.6 [-1, -0.2], offset 0.35 [0.1, 0.6]'."""
    parts = [
        f"{f['parameter'].replace('_', ' ')} {number(f['estimate'])}"
        f" {interval(f['ci_low'], f['ci_high'], number)}".rstrip()
        for f in row["parameters"]
        if f["estimate"] is not None
    ]
    return ", ".join(parts)


def verdicts(fit: StudyFit, game: str) -> list[dict]:
    """The verdicts on the laws of a game, the quoted method first.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    list of dict
        A row a (law, method): law, method, quoted, n, verdict, and of each form delta_aic and
        rolling_error {form: value}.
    """
    judged = fit.verdicts[fit.verdicts["game"] == game]
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
        for (law, method), group in judged.groupby(["law", "method"], sort=False)
    ]
    return sorted(rows, key=lambda row: not row["quoted"])


def relations(fit: StudyFit, game: str) -> list[dict]:
    """The laws of more than size and data of a game (docs/relations.md).

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    list of dict
        A row a relation: relation, parameters as text ('half 0.9 [0.8, 1.1], ...'), n, next_error,
        verdict, flags.
    """
    of = fit.relations
    lines = []
    for name, group in of[of["game"] == game].groupby("relation", sort=False) if len(of) else ():
        first = group.iloc[0]
        values = ", ".join(
            f"{row.parameter} {number(row.estimate)} {interval(row.low, row.high, number)}".strip()
            for row in group.itertuples()
        )
        known = {key: first[key] for key in ("n", "next_error", "verdict", "flags")}
        lines.append({"relation": name, "parameters": values, **known})
    return lines


def held_out(fit: StudyFit, game: str) -> pd.DataFrame:
    """How the largest held-out budget was predicted, in the order of laws and ways.

    Losses of single rows, where there are no budgets, are in `rolling` alone.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    DataFrame
        Rows of laws.validation.COLUMNS.
    """
    rows = fit.validation[fit.validation["held_out"].astype(bool)]
    rows = rows[rows["law"].isin(LAWS)]
    rows = rows[rows["game"] == game]
    return _sorted(rows[rows["position"] == rows["position"].max()])


def rolling(fit: StudyFit, game: str) -> pd.DataFrame:
    """How each law predicted one step ahead, in the order of laws and ways.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    DataFrame
        A row a (law, method, form): the columns of `laws.summary`.
    """
    rows = fit.validation[(fit.validation["game"] == game) & (fit.validation["ahead"] == 1)]
    return _sorted(summary(rows))


def selection(fit: StudyFit, game: str) -> pd.DataFrame:
    """How much choosing costs by the quoted method (see laws.optima.selection).

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    DataFrame
        A row a budget, rising.
    """
    rows = fit.selection
    mine = (rows["game"] == game) & (rows["method"] == fit.method(game))
    return rows[mine].sort_values("position", ignore_index=True)


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    laws = [*LAWS, "loss"]
    rows = rows.loc[[looks.has_way(r.method, r.form) for r in rows.itertuples()]]
    key = [(laws.index(r.law), looks.place(r.method, r.form)) for r in rows.itertuples()]
    return rows.iloc[sorted(range(len(rows)), key=key.__getitem__)].reset_index(drop=True)


def matrix(
    rows: Iterable[dict], laws: Sequence[str], cell: Callable
) -> tuple[list[str], list[list]]:
    """Rows as a table with a line a law and a column a way of fitting.

    Parameters
    ----------
    rows
        Each with law, method and form.
    laws
        In the order of the lines; those without a row are passed over.
    cell
        Row -> its text.

    Returns
    -------
    names : list of str
        Of the ways there.
    lines : list of list
        A law's cells, '' where it has none.
    """
    by = {(r["law"], r["method"], r["form"]): r for r in rows}
    ways = looks.ways(key[1:] for key in by)
    lines = [
        [cell(by[law, *way]) if (law, *way) in by else "" for way in ways]
        for law in laws
        if any(key[0] == law for key in by)
    ]
    return [looks.way(*way).label for way in ways], lines


def _noted(notes: Iterable[str], flags: Iterable[str]) -> list[str]:
    """Notes, and those of flags that are not yet among them."""
    return list(dict.fromkeys([*notes, *map(note, flags)]))


def footnote(text: str, seen: list[str]) -> int:
    """The number of a note, which is appended to `seen` if it is new.

    Parameters
    ----------
    text
        The note.
    seen
        Notes so far; this one is added in place.

    Returns
    -------
    int
        From 1.
    """
    if text not in seen:
        seen.append(text)
    return seen.index(text) + 1
