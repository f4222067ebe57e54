"""What an algorithm is: the entry ALGORITHM."""

from dataclasses import dataclass

from ilscaling.params import Model


@dataclass(frozen=True)
class Algorithm:
    """What a run trains on and pays for.

    Parameters
    ----------
    name
        How the parameters call it: `algorithm` of a section.
    settings
        Class of its own part of a section, which stands there under its name; None: it has none.
    """

    name: str
    settings: type[Model] | None = None
