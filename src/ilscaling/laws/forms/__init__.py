"""Functional forms of an optimum on compute: one file a form, whose constant FORM says all of it.

All are least squares in ln y, so that their information criteria compare, and all fit every draw
at once. The power law is the one that the others are compared with. A form of one's own is a file
like those here; `load` makes it known.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ilscaling.errors import ExtensionError
from ilscaling.laws.forms import broken, power, saturating
from ilscaling.laws.forms.form import Curve, Form, Toward, fit

__all__ = ["FORMS", "POWER", "Curve", "Form", "Toward", "curves", "fit", "load", "register"]

POWER = power.FORM.name
# name -> form, in their order
FORMS: dict[str, Form] = {}
# Files that were loaded, for processes that start anew.
FILES: dict[Path, Form] = {}


def register(form: Form) -> None:
    """Make a form known; one that is known already may come again.

    Raises
    ------
    ExtensionError
        For what is no Form, and for a name that another form has.
    """
    if not isinstance(form, Form):
        raise ExtensionError(
            f"FORM is no ilscaling.laws.Form but {form!r:.80}", fix="docs/extending.md, 'A law'"
        )
    if FORMS.get(form.name, form) != form:
        raise ExtensionError(
            f"the name {form.name!r} of a form is taken", where="FORM", fix="give it another name"
        )
    known = sorted({**FORMS, form.name: form}.values(), key=lambda f: (f.order, f.name))
    FORMS.clear()
    FORMS.update({f.name: f for f in known})


def load(file: str | Path) -> Form:
    """Make known the FORM of a Python file, which is run once."""
    path = Path(file).resolve()
    if path not in FILES:
        spec = importlib.util.spec_from_file_location(f"ilscaling_form_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, "FORM"):
            raise ExtensionError(
                "the file defines no FORM", where=str(path), fix="docs/extending.md, 'A law'"
            )
        register(module.FORM)
        FILES[path] = module.FORM
    return FILES[path]


def load_all(files: Sequence[Path]) -> None:
    """Make known the forms of several files: what a new process begins with."""
    for file in files:
        load(file)


def curves(x, y) -> dict[str, Curve]:
    """Every form fitted to y at x (see form.fit), by name."""
    return {name: fit(form, x, y) for name, form in FORMS.items()}


for _module in (power, saturating, broken):
    register(_module.FORM)
