"""An account of all fits of a study as Markdown, which reads well where code is hosted."""

from collections.abc import Callable

import numpy as np

from ilscaling.grid import budget_name
from ilscaling.laws import rows as of
from ilscaling.laws.records import LAWS
from ilscaling.show.titles import title

MINUS, MISSING = "\N{MINUS SIGN}", "\N{EN DASH}"


def number(value: float | None, digits: int = 3) -> str:
    """'0.0123', '35.7', '1,080', '3.16e+11'; a dash if unknown."""
    if value is None or not np.isfinite(value):
        return MISSING
    if abs(value) >= 1e6:
        return f"{value:.{digits}g}"
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:,.0f}" if abs(value) >= 1000 else f"{rounded:g}"
    return text.replace("-", MINUS)


def decimals(value: float | None, count: int = 3) -> str:
    """A number with so many decimals; a dash if unknown."""
    if value is None or not np.isfinite(value):
        return MISSING
    return f"{value:.{count}f}".replace("-", MINUS)


def interval(low: float | None, high: float | None, write: Callable = decimals) -> str:
    """'[0.318, 0.448]'; empty if there is none."""
    if low is None or high is None or not np.isfinite([low, high]).all():
        return ""
    return f"[{write(low)}, {write(high)}]"


def off(error: float) -> str:
    """ln(predicted/measured) in words: '+4 %', or 'x 3.1' beyond a factor of two."""
    if not np.isfinite(error):
        return MISSING
    if abs(error) > np.log(2):
        times = f"{np.exp(min(abs(error), 20)):.2g}"
        return f"{'÷' if error < 0 else chr(215)}{times}"
    return f"{100 * np.expm1(error):+.1f} %".replace("-", MINUS)


def table(fit) -> str:
    """The whole of a StudyFit as Markdown, as fits.md holds it."""
    parts = ["# Fitted laws\n", _key(fit)]
    for game in fit.games:
        parts.append(f"## {title(game)}\n")
        parts += [_exponents(fit, game), _others(fit, game), _verdicts(fit, game)]
        parts += [_held_out(fit, game), _rolling(fit, game)]
    parts += [_across(fit), _notes(fit)]
    return "\n".join(part for part in parts if part)


def _key(fit) -> str:
    levels = [f["level"] for f in fit.fits if f["level"] is not None]
    flops = sorted({f["flops"] for f in fit.fits})
    share = f"{100 * levels[0]:.3g} %" if levels else "The"
    return (
        f"Power laws on training FLOPs C ({', '.join(flops)}), R on 1/L_min. {share} intervals of "
        "the exponents: `t` by least squares as if budgets were independent, `bootstrap` "
        "over runs, whose snapshots move together, `delta` by the delta method. The "
        "method quoted for a game is bold.\n"
    )


def _exponents(fit, game: str) -> str:
    rows, seen = [], []
    for row in of.exponents(fit, game):
        cells = [row["law"], f"**{row['method']}**" if row["quoted"] else row["method"]]
        if row["estimate"] is None:
            cells += ["not fitted", "", ""]
        else:
            formula = row["intervals"].get("t", row["intervals"].get("delta"))
            kind = " (delta)" if "delta" in row["intervals"] else ""
            resampled = row["intervals"].get("bootstrap", (None, None))
            shown = interval(*formula) + kind if formula else MISSING
            cells += [decimals(row["estimate"]), shown, interval(*resampled) or MISSING]
        marks = ", ".join(str(of.footnote(text, seen)) for text in row["notes"])
        rows.append([*cells, row["n"], decimals(row["r2"]), marks])
    head = ["law", "method", "exponent", "t interval", "bootstrap", "n", "R²", "notes"]
    return _grid(head, rows, "lllllrrl") + _footnotes(seen)


def _footnotes(seen: list[str]) -> str:
    return "".join(f"{i}. {_plain(text)}\n" for i, text in enumerate(seen, 1)) + "\n" * bool(seen)


def _others(fit, game: str) -> str:
    seen: list[str] = []
    rows = []
    for row in of.others(fit, game):
        marks = ", ".join(str(of.footnote(text, seen)) for text in row["notes"])
        told = of.parameters(row, number, interval) or "not fitted"
        rows.append([row["law"], row["method"], row["form"], told, marks])
    if not rows:
        return ""
    head = ["law", "method", "form", "parameters", "notes"]
    return "### Other parameters\n\n" + _grid(head, rows, "lllll") + _footnotes(seen)


def _verdicts(fit, game: str) -> str:
    rows = [
        [
            row["law"],
            f"**{row['method']}**" if row["quoted"] else row["method"],
            row["n"],
            *(decimals(row["delta_aic"].get(form), 1) for form in ("saturating", "broken")),
            " / ".join(
                decimals(row["rolling_error"].get(form))
                for form in ("power", "saturating", "broken")
            ),
            row["verdict"],
        ]
        for row in of.verdicts(fit, game)
    ]
    if not rows:
        return ""
    head = ["law", "optima", "n", "ΔAIC saturating", "ΔAIC broken"]
    head += ["rolling error: power / saturating / broken", "verdict"]
    return "### Does a power law hold?\n\n" + _grid(head, rows, "llrrrll")


def _held_out(fit, game: str) -> str:
    found = of.held_out(fit, game)
    if found.empty:
        return ""
    rows = [
        [
            row.law,
            of.WAYS.get((row.method, row.form), f"{row.method}, {row.form}"),
            f"{number(row.predicted)} {interval(row.low, row.high, number)}".strip(),
            number(row.measured),
            off(row.error),
            {"True": "yes", "False": "**no**"}.get(str(row.covered), MISSING),
        ]
        for row in found.itertuples()
    ]
    head = ["law", "method", "predicted", "measured", "off", "within"]
    budget, origin = (budget_name(found[name].iloc[0]) for name in ("budget", "origin"))
    title_ = f"### Held out: {budget} FLOPs, from budgets up to {origin}\n\n"
    return title_ + _grid(head, rows, "llllrl")


def _rolling(fit, game: str) -> str:
    found = of.rolling(fit, game)
    if found.empty:
        return ""
    laws = [law for law in LAWS if law in set(found["law"])]
    names, lines = of.matrix(found.to_dict("records"), laws, rolled)
    rows = [[law, *line] for law, line in zip(laws, lines, strict=True)]
    title_ = "### Rolling prediction, one budget ahead: RMS error in ln, intervals that held\n\n"
    return title_ + _grid(["law", *names], rows, "l" * (len(names) + 1))


def rolled(row: dict) -> str:
    """'0.033 (5/6)'."""
    return f"{decimals(row['rms'])} ({row['held']}/{row['judged']})"


def _across(fit) -> str:
    known = fit.across[fit.across["iqm"].notna()]
    if known.empty:
        return ""
    rows = [
        [
            budget_name(r.budget),
            f"{r.games:g}",
            f"{r.runs:g}",
            decimals(r.iqm),
            interval(r.low, r.high) or MISSING,
        ]
        for r in known.itertuples()
    ]
    head = ["budget", "games", "runs", "IQM", "interval"]
    title_ = "## Across games: interquartile mean of the return, as a share of the expert's\n\n"
    return title_ + _grid(head, rows, "lrrrl")


def _notes(fit) -> str:
    if not fit.notes:
        return ""
    return "## Left out, averaged, not checked\n\n" + "".join(f"- {_plain(n)}\n" for n in fit.notes)


def _grid(head: list[str], rows: list[list], align: str) -> str:
    """A Markdown table; `align` has a letter l or r a column."""
    rule = [{"l": "---", "r": "--:"}[letter] for letter in align]
    lines = [head, rule, *([_plain(str(cell)) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is: names such as N_opt and a|b keep their characters."""
    return text.replace("|", "\\|").replace("<", "&lt;")
