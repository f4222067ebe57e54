"""How numbers are written in figures, tables and the page: the one place for it."""

from collections.abc import Callable

import numpy as np
from markupsafe import Markup

# Escapes where a look-alike of an ASCII character is meant.
MISSING, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


def known(value: object) -> bool:
    """Whether there is a number to write."""
    return value is not None and not (isinstance(value, float) and not np.isfinite(value))


def number(value: float | None, digits: int = 3) -> str:
    """A number as text: '0.0123', '35.7', '1,080', '3.16e+11'; a dash if unknown.

    Parameters
    ----------
    value
        None, NaN and infinity are unknown.
    digits
        Significant ones; from 1000 to a million all before the decimal point are written.
    """
    if not known(value):
        return MISSING
    if 1000 <= abs(value) < 1e6:
        text = f"{value:,.0f}"
    else:
        text = f"{float(f'{value:.{digits}g}'):g}"
    return text.replace("-", MINUS)


def count(value: float | None) -> str:
    """A whole number with all its digits: '1,234,567'."""
    return f"{value:,.0f}" if known(value) else MISSING


def fixed(value: float | None, decimals: int = 3) -> str:
    """A number with so many decimals, for columns; a dash if unknown.

    Parameters
    ----------
    value
        None, NaN and infinity are unknown.
    decimals
        Digits after the point.
    """
    return f"{value:,.{decimals}f}".replace("-", MINUS) if known(value) else MISSING


def exponent(value: float, like: float | None = None) -> str:
    """An exponent: two decimals, three where it is small.

    Parameters
    ----------
    value
        The exponent, or an end of its interval.
    like
        The number that it stands beside, by whose size it is written.
    """
    return fixed(value, 3 if abs(value if like is None else like) < 0.2 else 2)


def with_error(value: float | None, error: float | None) -> str:
    """A measurement, both numbers to the error's second digit: '35.7 ± 3.9', '2,213 ± 113'.

    Parameters
    ----------
    value
        None, NaN and infinity are unknown.
    error
        Its standard error; without a positive one the value stands alone.
    """
    if not (known(value) and known(error) and error > 0):
        return number(value)
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{fixed(value, decimals)} ± {fixed(error, decimals)}"


def interval(low: float | None, high: float | None, write: Callable = fixed) -> str:
    """An interval as text: '[0.318, 0.448]'; empty if there is none.

    Parameters
    ----------
    low, high
        Its ends. An infinite one is none.
    write
        How to write an end: number -> text.
    """
    if low is None or high is None or not np.isfinite([low, high]).all():
        return ""
    return f"[{write(low)}, {write(high)}]"


def off(error: float, *, signed: bool = True) -> str:
    """How far a prediction is off: '+12 %', '4.0 %', '÷3.1'; empty if unknown.

    Parameters
    ----------
    error
        ln(predicted / measured). Beyond a factor of two it is written as a factor.
    signed
        Without it a factor is never ÷, and there is no plus.
    """
    if not np.isfinite(error):
        return ""
    if abs(error) > np.log(2):
        times = f"{np.exp(abs(error)):.2g}" if abs(error) < np.log(100) else "100+"
        return f"{'÷' if error < 0 and signed else TIMES}{times}"
    share = 100 * np.expm1(error)
    text = f"{share:.0f}" if abs(share) >= 9.95 else f"{share:.1f}"
    return f"{'+' if signed and share > 0 else ''}{text} %".replace("-", MINUS)


def power(value: float, digits: int = 2) -> str:
    """A number as mathtext: 3e10 -> $3\\times10^{10}$; 1e12 -> $10^{12}$."""
    mantissa, exponent = _scientific(value, digits)
    tail = f"10^{{{exponent}}}"
    return f"${mantissa}\\times{tail}$" if mantissa else f"${tail}$"


def power_html(value: float | None, digits: int = 3) -> Markup:
    """A number as HTML: 3.16 x 10^11; a dash if unknown.

    Parameters
    ----------
    value
        None, NaN and infinity are unknown.
    digits
        Significant ones, of which zeros at the end are left out.
    """
    if not known(value):
        return Markup(MISSING)
    if value == 0:
        return Markup("0")
    mantissa, exponent = _scientific(value, digits)
    return Markup(f"{mantissa + TIMES if mantissa else ''}10<sup>{exponent}</sup>")


def _scientific(value: float, digits: int) -> tuple[str, int]:
    """Mantissa, empty for 1, and exponent."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return "" if mantissa == "1" else mantissa, int(exponent)
