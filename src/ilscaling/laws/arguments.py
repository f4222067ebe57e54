"""What callers give to the laws, held to what was meant."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ilscaling.errors import FitError


def numbers(values: object, what: str) -> list[float]:
    """One number or several as a list.

    Parameters
    ----------
    values
        A number, or a sequence of numbers.
    what
        They are, for an error.

    Raises
    ------
    FitError
        For anything else, and for none.
    """
    try:
        array = np.atleast_1d(np.asarray(values, np.float64))
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim != 1 or not len(array):
        raise FitError(f"{what}: a number, or a sequence of numbers, not {values!r}"[:200])
    return array.tolist()


def one_of(value: object, known: Sequence[str], what: str) -> str:
    """A name among those there are.

    Parameters
    ----------
    value
        What was given.
    known
        The names.
    what
        It names, which is the name of the argument, too.

    Raises
    ------
    FitError
        For any other value.
    """
    if not isinstance(value, str) or value not in known:
        raise FitError(f"no {what} {value!r}"[:200], fix=f"{what}= one of {', '.join(known)}")
    return value


def names(values: object, what: str) -> list[str]:
    """One name or several as a list, each once.

    Parameters
    ----------
    values
        A text, or several.
    what
        They name.

    Raises
    ------
    FitError
        For anything else.
    """
    several = [values] if isinstance(values, str) else values
    if isinstance(several, Iterable) and not isinstance(several, Mapping | bytes):
        several = list(several)
        if all(isinstance(value, str) for value in several):
            return list(dict.fromkeys(several))
    raise FitError(f"{what}: a name, or a list of names, not {values!r}"[:200])


def whole(value: object, what: str, least: int) -> int:
    """A whole number.

    Parameters
    ----------
    value
        What was given.
    what
        It is, which is the name of the argument, too.
    least
        It may be.

    Raises
    ------
    FitError
        For a smaller number, and for what is no whole one.
    """
    if not isinstance(value, int | np.integer) or value < least:
        raise FitError(f"{what} is a whole number from {least} on, not {value!r}"[:200])
    return int(value)
