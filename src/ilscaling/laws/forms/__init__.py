"""Functional forms of an optimum on compute: one file a form, whose constant FORM says all of it.

All are least squares in ln y, so that their information criteria compare, and all fit every draw
at once. The power law is the one that the others are compared with. A form of one's own is a file
like those here, listed in `extensions`.
"""

from collections.abc import Iterator, Mapping

from ilscaling import registry
from ilscaling.laws.forms import power
from ilscaling.laws.forms.form import Curve, Form, Toward, fit

__all__ = ["FORMS", "POWER", "Curve", "Form", "Toward", "curves", "fit"]

POWER = power.FORM.name


class _Forms(Mapping[str, Form]):
    """The forms that the registry knows, by name and in their order."""

    def __getitem__(self, name: str) -> Form:
        return registry.get("FORM", name)

    def __contains__(self, name: object) -> bool:
        return name in registry.names("FORM")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(registry.names("FORM"), key=lambda name: (self[name].order, name)))

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self))

    def __len__(self) -> int:
        return len(registry.names("FORM"))


FORMS = _Forms()


def curves(x, y) -> dict[str, Curve]:
    """Every form fitted to the same points, by name.

    Parameters
    ----------
    x, y : arrays (points,) or (draws, points)
        See form.fit.
    """
    return {name: fit(form, x, y) for name, form in FORMS.items()}
