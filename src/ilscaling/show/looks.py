"""How laws, methods and forms are called and drawn: the one table of each, in their order.

A form brings its own look (laws.Form); a law or a method of ours has its row here.
"""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from ilscaling.laws import FORMS, POWER, bounded

FLOPS = "training FLOPs"
PARAMETERS = "parameters"
DEV_LOSS = "dev loss (nats a step)"
RETURN = "return (game points)"
# Okabe and Ito's colours, told apart with any colour vision; methods also differ in marker.
GRID, VERTEX, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#9a9a9a"


class Law(NamedTuple):
    """A law in words.

    Parameters
    ----------
    name : str
        What it is of.
    symbol, html : str
        Its symbol as mathtext and as HTML.
    of : str
        What it is a power of.
    axis : str
        Label of its axis, with the unit.
    plain : bool
        Whether the axis has plain numbers rather than powers of ten.
    """

    name: str
    symbol: str
    html: str
    of: str
    axis: str
    plain: bool

    @property
    def formula(self) -> str:
        """As mathtext, with an exponent a."""
        return rf"${self.symbol}\propto {self.of}^{{\,a}}$"


LAWS = {
    "L_min": Law(
        "lowest loss", r"L_{\min}", "L<sub>min</sub>", "C", "lowest loss (nats a step)", True
    ),
    "N_opt": Law(
        "optimal parameters",
        r"N_{\mathrm{opt}}",
        "N<sub>opt</sub>",
        "C",
        "optimal parameters",
        False,
    ),
    "D_opt": Law(
        "optimal samples", r"D_{\mathrm{opt}}", "D<sub>opt</sub>", "C", "optimal samples", False
    ),
    "R_max": Law("best return", r"R_{\max}", "R<sub>max</sub>", "C", "best " + RETURN, True),
    "R_on_1/L": Law("return at the lowest loss", "R", "R", "(1/L)", RETURN, True),
}


class Method(NamedTuple):
    """A method in words and colours.

    Parameters
    ----------
    label, legend : str
        Its column, and its entry in a legend.
    phrase : str
        How its optima are called in a sentence.
    colour, marker : str
        In matplotlib's words.
    filled : bool
        Whether the marker is.
    line : str or tuple
        Style of its line.
    """

    label: str
    legend: str
    phrase: str
    colour: str
    marker: str
    filled: bool = True
    line: str | tuple = "-"


METHODS = {
    "median": Method("median", "median of four", "the median of four methods", INK, "P"),
    "grid": Method("grid", "grid minimum", "the best cells", GRID, "o", False, (0, (4, 2))),
    "vertex": Method("vertex", "vertex", "the vertices of the isoFLOP parabolas", VERTEX, "D"),
    "quadratic": Method("quadratic", "quadratic", "the quadratic surface", "#009E73", "s"),
    "chinchilla": Method("chinchilla", "chinchilla", "the additive surface", "#AA4499", "^"),
    "varpro": Method("varpro", "varpro", "the additive surface", "#666633", "v"),
    bounded.METHOD: Method(
        "sigmoid", "sigmoid", "the sigmoid that ends at the expert's return", "#CC79A7", "X"
    ),
}
SURFACE = "surface"
# Forms that a method's name says.
PLAIN = (POWER, SURFACE, bounded.FORM)


class Way(NamedTuple):
    """A method with the form that it fits: how it is called and drawn."""

    label: str
    colour: str
    marker: str


def has_way(method: str, form: str) -> bool:
    """Whether a (method, form) is known here."""
    return method in METHODS and (form in FORMS or form in PLAIN)


def way(method: str, form: str) -> Way:
    """The look of a (method, form).

    Parameters
    ----------
    method, form
        Known ones (see `has_way`).
    """
    look = METHODS[method]
    label = look.label if form in PLAIN else f"{look.label}, {form}"
    return Way(label, look.colour, look.marker)


def place(method: str, form: str) -> tuple[int, int]:
    """Where a (method, form) stands among others: those of PLAIN, then form by form.

    Parameters
    ----------
    method, form
        Known ones (see `has_way`).

    Returns
    -------
    (int, int)
        To sort by.
    """
    forms = [name for name in FORMS if name != POWER]
    return (0 if form in PLAIN else 1 + forms.index(form), [*METHODS].index(method))


def ways(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The distinct (method, form) of `pairs` that are known, in order."""
    return sorted({pair for pair in pairs if has_way(*pair)}, key=lambda pair: place(*pair))


def ways_of(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """The (method, form) of rows that are known here, in order.

    Parameters
    ----------
    rows
        With the columns method and form.
    """
    return ways(zip(rows["method"], rows["form"], strict=True))
