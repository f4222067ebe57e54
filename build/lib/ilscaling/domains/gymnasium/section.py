"""The section of a game of an extension."""

from typing import Literal

from pydantic import Field

from ilscaling.domains.expert import Asked
from ilscaling.params import Cells, Count, Demonstrations, Model, Name, Section


class Options(Model):
    """How a game of an extension is run."""

    options: dict[str, bool | int | float | str] = Field(
        {}, description="arguments of the game's `make`"
    )
    max_steps: Count = Field(1000, description="steps after which an episode is cut")


class GymnasiumExpert(Asked):
    """Who plays the demonstrations."""

    name: Name = Field(description="an extension's expert")


class FamilyGrid(Cells):
    """The cells of an extension's game."""

    family: Name = Field(description="policy family: an extension's, or cnn for screens")


class Gymnasium(Section):
    """A game of an extension; the section's name is free, as NetHack's."""

    domain: Literal["gymnasium"] = Field(description="which interface plays it")
    game: Name = Field(description="an extension's game")
    emulator: Options = Field(default_factory=Options, description="how the game is run")
    expert: GymnasiumExpert = Field(description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is recorded"
    )
    grid: FamilyGrid = Field(description="the cells")
