"""A domain in one folder: a walker in a corridor looks for the door."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ilscaling.domains.domain import Domain
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


@dataclass(frozen=True)
class _Corridors(Domain):
    def spec(self, game, emulator=None):
        from .game import spec

        return spec(game)

    def make(self, game, lanes, emulator, *, threads=1):
        from .game import Walkers

        return Walkers(game, lanes, emulator)

    def record(self, name, section, job, out, *, expert=None, threads=1):
        from .record import record

        record(self.make(name, section.demonstrations.lanes, section.emulator), section, job, out)


DOMAIN = _Corridors("corridor", Walk, shows="screen")
