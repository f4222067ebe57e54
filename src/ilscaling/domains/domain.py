"""What a domain is: the entry DOMAIN."""

from dataclasses import dataclass
from typing import ClassVar

from ilscaling.params import Section


@dataclass(frozen=True)
class Domain:
    """A kind of games that share an interface.

    Parameters
    ----------
    name
        How the parameters call it: `domain` of a section.
    section
        Class of a study's section for a game of it.
    shows
        The field of its observation that a policy family must see.
    module
        The module with `spec(game, emulator)` and `Vector(game, lanes, emulator, threads=)`.
    """

    CALLED: ClassVar = ("section",)

    name: str
    section: type[Section]
    shows: str
    module: str

    def refuse_unknown(self, section: Section, where: str) -> None:
        """Raise ExtensionError for a name in a section, at `where`, that no entry has."""
