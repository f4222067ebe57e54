"""The section of a corridor."""

from typing import Annotated, Literal

from pydantic import Field

from ilscaling.params import Cells, Count, Demonstrations, Model, Name, Section


class Corridor(Model):
    """How the game is run."""

    length: Annotated[int, Field(ge=3, le=9)] = Field(9, description="places in a row")
    max_steps: Count = Field(20, description="steps after which an episode is cut")


class Guide(Model):
    """Who plays the demonstrations."""

    wrong: Annotated[float, Field(ge=0, le=1)] = Field(0.1, description="share of wrong turns")


class Grid(Cells):
    """The cells."""

    family: Name = Field("cnn", description="policy family")


class Walk(Section):
    """A corridor of the study."""

    domain: Literal["corridor"] = Field(description="which interface plays it")
    emulator: Corridor = Field(default_factory=Corridor, description="how the game is run")
    expert: Guide = Field(default_factory=Guide, description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is recorded"
    )
    grid: Grid = Field(description="the cells")
