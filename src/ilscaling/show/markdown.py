"""An account of all fits of a study as Markdown, which reads well where code is hosted."""

import re
from pathlib import Path

from ilscaling.files import atomic
from ilscaling.laws import FORMS, LAWS, POWER, StudyFit
from ilscaling.show import looks
from ilscaling.show import rows as of
from ilscaling.show.titles import title
from ilscaling.show.words import MISSING, fixed, interval, number, off


def write(fit: StudyFit, directory: str | Path) -> Path:
    """Write `table` as fits.md beside the files of `laws.write`.

    Parameters
    ----------
    fit
        The fits of a study.
    directory
        Where the files are.

    Returns
    -------
    Path
        The file.
    """
    path = Path(directory) / "fits.md"
    with atomic(path) as temporary:
        temporary.write_text(table(fit), encoding="utf-8")
    return path


def table(fit: StudyFit) -> str:
    """The whole of a StudyFit as Markdown, as fits.md holds it."""
    parts = ["# Fitted laws\n", _key(fit)]
    for game in fit.games:
        parts.append(f"## {_plain(title(game))}\n")
        parts += [_exponents(fit, game), _others(fit, game), _verdicts(fit, game)]
        parts += [_relations(fit, game), _held_out(fit, game), _rolling(fit, game)]
        parts.append(_selection(fit, game))
    parts += [_across(fit), _notes(fit)]
    return "\n".join(part for part in parts if part)


def _key(fit: StudyFit) -> str:
    levels = [f["level"] for f in fit.fits if f["level"] is not None]
    flops = sorted({f["flops"] for f in fit.fits})
    share = f"{100 * levels[0]:.3g} %" if levels else "The"
    return (
        f"Power laws on training FLOPs C ({', '.join(flops)}), R on 1/L_min. {share} intervals of "
        "the exponents by bootstrap over runs, whose snapshots move together, and over held-out "
        "episodes where the table tells them apart. What is quoted for a law is bold.\n"
    )


def _exponents(fit: StudyFit, game: str) -> str:
    rows, seen = [], []
    for row in of.exponents(fit, game):
        cells = [row["law"], f"**{row['method']}**" if row["quoted"] else row["method"]]
        shown = of.best_interval(row) or (None, None)
        unknown = row["estimate"] is None
        cells += ["not fitted" if unknown else fixed(row["estimate"]), interval(*shown) or MISSING]
        marks = ", ".join(str(of.footnote(text, seen)) for text in row["notes"])
        rows.append([*cells, row["n"], fixed(row["r2"]), marks])
    head = ["law", "method", "exponent", "interval", "n", "R²", "notes"]
    return _grid(head, rows, "llllrrl") + _footnotes(seen)


def _footnotes(seen: list[str]) -> str:
    return "".join(f"{i}. {_plain(text)}\n" for i, text in enumerate(seen, 1)) + "\n" * bool(seen)


def _others(fit: StudyFit, game: str) -> str:
    seen: list[str] = []
    rows = []
    for row in of.others(fit, game):
        marks = ", ".join(str(of.footnote(text, seen)) for text in row["notes"])
        values = of.parameters(row) or "not fitted"
        rows.append([row["law"], row["method"], row["form"], values, marks])
    if not rows:
        return ""
    head = ["law", "method", "form", "parameters", "notes"]
    return "### Other parameters\n\n" + _grid(head, rows, "lllll") + _footnotes(seen)


def _verdicts(fit: StudyFit, game: str) -> str:
    others = [form for form in FORMS if form != POWER]
    rows = [
        [
            row["law"],
            f"**{row['method']}**" if row["quoted"] else row["method"],
            row["n"],
            *(fixed(row["delta_aic"].get(form), 1) for form in others),
            " / ".join(fixed(row["rolling_error"].get(form)) for form in FORMS),
            row["verdict"],
        ]
        for row in of.verdicts(fit, game)
    ]
    if not rows:
        return ""
    head = ["law", "optima", "n", *(f"ΔAIC {form}" for form in others)]
    head += [f"rolling error: {' / '.join(FORMS)}", "verdict"]
    return "### Does a power law hold?\n\n" + _grid(head, rows, "ll" + "r" * len(head[2:-1]) + "l")


def _relations(fit: StudyFit, game: str) -> str:
    lines = of.relations(fit, game)
    if not lines:
        return ""
    rows = [
        [
            row["relation"].replace("_", " "),
            row["parameters"],
            row["n"],
            fixed(row["next_error"]),
            "; ".join(filter(None, (row["verdict"], row["flags"]))),
        ]
        for row in lines
    ]
    head = ["law", "parameters", "n", "next budget's error", "verdict"]
    return "### Laws of more than size and data\n\n" + _grid(head, rows, "llrrl")


def _held_out(fit: StudyFit, game: str) -> str:
    held = of.held_out(fit, game)
    if held.empty:
        return ""
    rows = [
        [
            row.law,
            looks.way(row.method, row.form).label,
            f"{number(row.predicted)} {interval(row.low, row.high, number)}".strip(),
            number(row.measured),
            off(row.error),
            {"True": "yes", "False": "**no**"}.get(str(row.covered), MISSING),
        ]
        for row in held.itertuples()
    ]
    head = ["law", "method", "predicted", "measured", "off", "within"]
    budget, origin = (number(held[name].iloc[0]) for name in ("budget", "origin"))
    title_ = f"### Held out: {budget} FLOPs, from budgets up to {origin}\n\n"
    return title_ + _grid(head, rows, "llllrl")


def _rolling(fit: StudyFit, game: str) -> str:
    rolling = of.rolling(fit, game)
    if rolling.empty:
        return ""
    laws = [law for law in (*LAWS, "loss") if law in set(rolling["law"])]
    names, lines = of.matrix(rolling.to_dict("records"), laws, rolled)
    rows = [[law, *line] for law, line in zip(laws, lines, strict=True)]
    title_ = "### Rolling prediction, one budget ahead: RMS error in ln, intervals that held\n\n"
    return title_ + _grid(["law", *names], rows, "l" * (len(names) + 1))


def _selection(fit: StudyFit, game: str) -> str:
    costs = of.selection(fit, game)
    if costs.empty:
        return ""
    rows = [
        [number(row["budget"]), fixed(row["loss"], 4), number(row["return"])]
        for row in costs.to_dict("records")
    ]
    title_ = "### What choosing costs: the measurement that chose, minus the one reported\n\n"
    return title_ + _grid(["budget", "dev loss - test loss", "return, halves"], rows, "lrr")


def rolled(row: dict) -> str:
    """'0.033 (5/6)'."""
    return f"{fixed(row['one_step'])} ({row['held']}/{row['intervals']})"


def _across(fit: StudyFit) -> str:
    known = fit.across[fit.across["iqm"].notna()]
    if known.empty:
        return ""
    rows = [
        [
            number(r.budget),
            f"{r.games:g}",
            f"{r.runs:g}",
            fixed(r.iqm),
            interval(r.low, r.high) or MISSING,
        ]
        for r in known.itertuples()
    ]
    head = ["budget", "games", "runs", "IQM", "interval"]
    title_ = "## Across games: interquartile mean of the return, as a share of the expert's\n\n"
    return title_ + _grid(head, rows, "lrrrl")


def _notes(fit: StudyFit) -> str:
    if not fit.notes:
        return ""
    return "## Left out, averaged, not checked\n\n" + "".join(f"- {_plain(n)}\n" for n in fit.notes)


def _grid(head: list[str], rows: list[list], align: str) -> str:
    """A Markdown table; `align` has a letter l or r a column."""
    rule = [{"l": "---", "r": "--:"}[letter] for letter in align]
    lines = [head, rule, *([_cell(str(cell)) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def _cell(text: str) -> str:
    """A cell; what we made bold stays so."""
    bold = re.fullmatch(r"\*\*([^*]+)\*\*", text)
    return f"**{_plain(bold[1])}**" if bold else _plain(text)


def _plain(text: str) -> str:
    """Text that Markdown takes as it is: names such as N_opt and a|b keep their characters."""
    for mark in ("|", "`", "*"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split()).replace("<", "&lt;")
