"""Numbers as people write them: 35M, 1,014.4, 0,93, 1e18, 10^18."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

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
RAISED = re.compile(r"(?<=\d)(?=[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺])(?<![⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺])")
# Characters of a number, far more than any has: what is longer is not looked at.
LONGEST = 60
BLANKS = str.maketrans("", "", "\u00a0\u2009\u202f'’_ ")  # noqa: RUF001
BLANK_GROUPS = re.compile(r"[-+]?\d{1,3}(?:\s\d{3})+(?!\s*\d)")
MANTISSA = re.compile(r"[-+]?[\d.,]*")
PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
# What a comma or a dot must mean, by the number without exponent and factor.
THOUSANDS_COMMA = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+\.\d*|[-+]?[1-9]\d{0,2}(?:,\d{3}){2,}")
THOUSANDS_DOT = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d*|[-+]?[1-9]\d{0,2}(?:\.\d{3}){2,}")
GROUPS = {",": re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+"),
          ".": re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+")}  # fmt: skip
DECIMAL = {",": re.compile(r"[-+]?\d*,\d*"), ".": re.compile(r"[-+]?\d*\.\d*")}
# Nobody puts separators of thousands before an exponent.
EXPONENT = re.compile(r"[-+]?[\d.,]+\s*e[-+]?\d+", re.IGNORECASE)
# Columns of numbers far above a thousand: a mark before three digits is no decimal one by itself.
COUNTS = ("params", "samples", "budget", "flops", "unique_samples", "demonstrations", "updates")
# Columns of nats: no thousands, and "m" is no million.
NATS = re.compile(r"(?:dev|test)_(?:expected_)?loss(?:_se)?|\w*entropy(?:_se)?|\w+_kl(?:_se)?")
# A number that is read with separators of thousands lies within this factor of the others'.
APART = 10.0


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
        decimal = meanings.get(name) or _guessed(texts[name], name, shared, known, separator, where)
        read = [_value(text, decimal, small=bool(NATS.fullmatch(name))) for text in texts[name]]
        wrong = [i for i, value in enumerate(read) if value is None]
        if wrong:
            count = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise FitError(
                f"{texts[name][wrong[0]]!r} in column {name}, row {wrong[0] + 1}, is no"
                f" number{count}",
                where=where,
                fix="correct it, or leave the field empty where nothing was measured",
            )
        _refuse_odd_thousands(texts[name], read, decimal, name, where)
        values[name] = np.array(read, np.float64)
        pairs = zip(texts[name], read, strict=True)
        odd = next((pair for pair in pairs if _said(pair[0]) and not _is_as_written(*pair)), None)
        if odd is not None:
            notes.append(f"column {name}: {odd[0]!r} is read as {odd[1]:.10g}")
    return values, notes


def _is_as_written(text: str, value: float) -> bool:
    """Whether Python reads a text as the same number."""
    return PLAIN.fullmatch(text.lower()) is not None and float(text) == value


def _guessed(
    column: list[str],
    name: str,
    shared: str | None,
    known: set[str],
    separator: str,
    where: str,
) -> str:
    """The decimal mark of a column whose own values do not tell; FitError where nothing does."""
    unclear = [text for text in column if _grouped(text)]
    if not unclear:
        return shared or "."
    marks = {mark for text in unclear for mark in _mantissa(text) if mark in ",."}
    if name not in COUNTS and marks == {shared}:
        return shared
    clear = any(_said(text) and not _grouped(text) for text in column)
    if shared is not None and clear:
        return shared  # as thousands, which `_refuse_odd_thousands` compares with the others
    if shared is None and separator == ",":
        return "."
    # Nothing tells: fields apart from commas have decimals, of either kind.
    if shared is None and name not in COUNTS and len(marks) == 1 and len(known) < 2:
        return marks.pop()
    raise FitError(
        f"{unclear[0]!r} in column {name} can be read in two ways",
        where=where,
        fix="write numbers without separators of thousands",
    )


def _refuse_odd_thousands(
    column: list[str], read: list[float], decimal: str, name: str, where: str
) -> None:
    """Raise FitError for a lone mark before three digits that would be thousands, but far from the
    column's other numbers: a decimal mark of another kind."""
    digits = [_mantissa(text) for text in column]
    if not any(decimal in d for d in digits):
        return
    if any(THOUSANDS_COMMA.fullmatch(d) or THOUSANDS_DOT.fullmatch(d) for d in digits):
        return  # some are told by both marks, or by two
    other = "," if decimal == "." else "."
    lone = [_grouped(text) and other in d for text, d in zip(column, digits, strict=True)]
    rest = {
        abs(value): text
        for text, value, is_lone in zip(column, read, lone, strict=True)
        if not is_lone and 0 < abs(value) < math.inf
    }
    for text, value, is_lone in zip(column, read, lone, strict=True):
        if is_lone and rest and not min(rest) / APART <= abs(value) <= max(rest) * APART:
            clear = next(iter(rest.values()))
            raise FitError(
                f"column {name} holds {text!r} and {clear!r}: is the comma or the dot its decimal"
                " mark?",
                where=where,
                fix="write all its numbers in one way",
            )


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
    """Whether a column holds anything but numbers; yes and no are none, nor is 1+2j."""
    types = pd.api.types
    odd = types.is_bool_dtype(column) or types.is_complex_dtype(column)
    return odd or not types.is_numeric_dtype(column)


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


@lru_cache(1 << 18)  # asked up to five times of each text of a table
def _mantissa(text: str) -> str:
    """The digits and marks that a text begins with."""
    return MANTISSA.match(text.translate(BLANKS)).group()


@lru_cache(1 << 18)
def _grouped(text: str) -> bool:
    """Whether one comma or dot stands before three digits: a decimal mark, or thousands."""
    if EXPONENT.match(text):
        return False
    digits = _mantissa(text)
    return any(GROUPS[mark].fullmatch(digits) for mark in ",.")


def _mark(text: str) -> str | None:
    """The decimal mark that one text shows; None where it could be either or has none."""
    digits = _mantissa(text)
    if EXPONENT.match(text):
        return next((mark for mark in ",." if DECIMAL[mark].fullmatch(digits)), None)
    if THOUSANDS_COMMA.fullmatch(digits):
        return "."
    if THOUSANDS_DOT.fullmatch(digits):
        return ","
    for mark in ",.":
        if DECIMAL[mark].fullmatch(digits) and not GROUPS[mark].fullmatch(digits):
            return mark
    return None


def _value(text: str, decimal: str, *, small: bool = False) -> float | None:
    """A number, NaN for a missing one, None for what is none; `small`: without factors."""
    plain = text.strip().lower()
    if plain in MISSING:
        return math.nan
    if len(plain) > LONGEST:
        return None
    if plain in INFINITE:
        return -math.inf if plain.startswith("-") else math.inf
    if re.search(r"\d\s+\d", plain) and not BLANK_GROUPS.match(plain):
        return None
    plain = RAISED.sub("^", plain.translate(BLANKS)).translate(SUPERSCRIPTS)
    plain = plain.replace("−", "-")  # noqa: RUF001
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
    written = digits.replace(decimal, ".") + rest
    if small and not re.fullmatch(rf"{PLAIN.pattern}(?:nats?)?", written):
        return None
    return _scaled(written)


def _scaled(plain: str) -> float | None:
    """A number in Python's writing, with a factor, a unit, or as a power."""
    if PLAIN.fullmatch(plain):
        return float(plain)
    power = re.fullmatch(r"(?:(.+?)[x×*·])?(\d+)(?:\^|\*\*)([-+]?\d+)", plain)  # noqa: RUF001
    if power is None:
        # What is left of 3 x 10^18 where superscripts were lost; 10-12 alone may be a range.
        power = re.fullmatch(r"(.+?)[x×*·](10)([-+]?\d{2})", plain)  # noqa: RUF001
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
