"""Numbers as people write them: 35M, 1,014.4, 0,93, 1e18, 10^18."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ilscaling.errors import FitError

MISSING = {"", "-", "--", "–", "—", "?", "na", "n/a", "nan", "none", "null", "nil", "missing"}  # noqa: RUF001
INFINITE = {"inf", "+inf", "infinity", "+infinity", "-inf", "-infinity"}
# Factors of counts; "m" alone is a million here: there are no thousandths of a parameter.
FACTORS = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "g": 1e9, "t": 1e12, "tn": 1e12}
WORDS = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
FLOPS = {"p": 1e15, "e": 1e18, "z": 1e21}
UNITS = r"(?:param(?:eter)?s?|tokens?|samples?|frames?|steps?|flops?|nats?)"
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
BLANKS = str.maketrans("", "", "\u00a0\u2009\u202f'’_ ")  # noqa: RUF001
BLANK_GROUPS = re.compile(r"[-+]?\d{1,3}(?:\s\d{3})+(?!\s*\d)")
PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
# What a comma or a dot must mean, by the number without exponent and factor.
THOUSANDS_COMMA = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+\.\d*|[-+]?[1-9]\d{0,2}(?:,\d{3}){2,}")
THOUSANDS_DOT = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d*|[-+]?[1-9]\d{0,2}(?:\.\d{3}){2,}")
GROUPS = {",": re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+"),
          ".": re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+")}  # fmt: skip
DECIMAL = {",": re.compile(r"[-+]?\d*,\d*"), ".": re.compile(r"[-+]?\d*\.\d*")}


def columns(
    table: pd.DataFrame, names: Sequence[str], *, separator: str, where: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Columns of a table as numbers.

    Parameters
    ----------
    table : DataFrame
        Its columns are numbers, or texts where not all of a column are.
    names : sequence of str
        Columns that must be numbers.
    separator : str
        What separated the fields of the file: where it is the comma, '1,014' is a thousand and
        fourteen unless its column says otherwise.
    where : str
        The file.

    Returns
    -------
    values : dict of str to array (rows,)
        float64, NaN where a value is missing.
    notes : list of str
        How texts were read.

    Raises
    ------
    FitError
        For a value that is no number, or can be read in two ways, with its row.
    """
    texts = {
        name: [_text(value) for value in table[name]] for name in names if is_text(table[name])
    }
    meanings = _meanings(texts, where)
    known = set(meanings.values())
    shared = next(iter(known)) if len(known) == 1 else None
    values, notes = {}, []
    for name in names:
        if name not in texts:
            values[name] = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64)
            continue
        unclear = next((text for text in texts[name] if _grouped(text)), None)
        decimal = meanings.get(name) or shared
        if decimal is None and separator != "," and unclear:
            # Nothing tells: fields apart from commas have decimals, of either kind.
            marks = {mark for text in texts[name] for mark in _mantissa(text) if mark in ",."}
            decimal = marks.pop() if len(marks) == 1 and len(known) < 2 else None
            if decimal is None:
                raise FitError(
                    f"{unclear!r} in column {name} can be read in two ways",
                    where=where,
                    fix="write numbers without separators of thousands",
                )
        decimal = decimal or "."
        read = [_value(text, decimal) for text in texts[name]]
        wrong = [i for i, value in enumerate(read) if value is None]
        if wrong:
            count = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise FitError(
                f"{texts[name][wrong[0]]!r} in column {name}, row {wrong[0] + 1}, is no"
                f" number{count}",
                where=where,
                fix="correct it, or leave the field empty where nothing was measured",
            )
        values[name] = np.array(read, np.float64)
        odd = next((t for t in texts[name] if not PLAIN.fullmatch(t.lower()) and _said(t)), None)
        if odd is not None:
            notes.append(f"column {name}: {odd!r} is read as {_value(odd, decimal):.10g}")
    return values, notes


def number(text: str) -> float | None:
    """One number as people write it, with a decimal point.

    Parameters
    ----------
    text
        Such as '35M', '1e18' or '10^18'.

    Returns
    -------
    float or None
        NaN for one that is missing, None for what is no number.
    """
    return _value(text, ".")


def is_text(column: pd.Series) -> bool:
    """Whether a column holds anything but numbers."""
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return ""
    return str(value).strip()


def _said(text: str) -> bool:
    return text.lower() not in MISSING | INFINITE


def _meanings(texts: Mapping[str, list[str]], where: str) -> dict[str, str]:
    """Column -> its decimal mark, where its own values tell."""
    meanings = {}
    for name, column in texts.items():
        tells: dict[str, str] = {}
        for text in column:
            mark = _mark(text)
            if mark:
                tells.setdefault(mark, text)
        if len(tells) > 1:
            raise FitError(
                f"column {name} holds {tells['.']!r} and {tells[',']!r}: is the comma or the dot"
                " its decimal mark?",
                where=where,
                fix="write all its numbers in one way",
            )
        if tells:
            meanings[name] = next(iter(tells))
    return meanings


def _mantissa(text: str) -> str:
    """The digits and marks that a text begins with."""
    return re.match(r"[-+]?[\d.,]*", text.translate(BLANKS)).group()


def _grouped(text: str) -> bool:
    """Whether one comma or dot stands before three digits: a decimal mark, or thousands."""
    digits = _mantissa(text)
    return any(GROUPS[mark].fullmatch(digits) for mark in ",.")


def _mark(text: str) -> str | None:
    """The decimal mark that one text shows; None where it could be either or has none."""
    digits = _mantissa(text)
    if THOUSANDS_COMMA.fullmatch(digits):
        return "."
    if THOUSANDS_DOT.fullmatch(digits):
        return ","
    for mark in ",.":
        if DECIMAL[mark].fullmatch(digits) and not GROUPS[mark].fullmatch(digits):
            return mark
    return None


def _value(text: str, decimal: str) -> float | None:
    """A number, NaN for a missing one, None for what is none."""
    plain = text.strip().lower()
    if plain in MISSING:
        return math.nan
    if plain in INFINITE:
        return -math.inf if plain.startswith("-") else math.inf
    if re.search(r"\d\s+\d", plain) and not BLANK_GROUPS.match(plain):
        return None
    plain = plain.translate(BLANKS).translate(SUPERSCRIPTS).replace("−", "-")  # noqa: RUF001
    digits = _mantissa(plain)
    other = "," if decimal == "." else "."
    rest = plain[len(digits) :]
    if other in digits:
        whole = digits.split(decimal)[0]
        if not GROUPS[other].fullmatch(whole):
            return None
        digits = digits.replace(other, "")
    if digits.count(decimal) > 1:
        return None
    return _scaled(digits.replace(decimal, ".") + rest)


def _scaled(plain: str) -> float | None:
    """A number in Python's writing, with a factor, a unit, or as a power."""
    if PLAIN.fullmatch(plain):
        return float(plain)
    power = re.fullmatch(r"(?:(.+?)[x×*·])?(\d+)(?:\^|\*\*)([-+]?\d+)", plain)  # noqa: RUF001
    if power is None:
        power = re.fullmatch(r"(?:(.+?)[x×*·])?(10)([-+]?\d{2})", plain)  # noqa: RUF001
    if power:
        factor = _scaled(power[1]) if power[1] else 1.0
        base, exponent = float(power[2]), int(power[3])
        if factor is None or base > 10 or abs(exponent) > 300:
            return None
        return factor * base**exponent
    named = re.fullmatch(rf"({PLAIN.pattern})([a-z]*?)({UNITS})?", plain)
    if named is None:
        return None
    suffix, unit = named[2], named[3] or ""
    factors = {**FACTORS, **WORDS, "": 1.0} | (FLOPS if unit.startswith("flop") else {})
    return float(named[1]) * factors[suffix] if suffix in factors else None
