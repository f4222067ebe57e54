"""The sections of games that somebody else has recorded."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ilscaling.domains.atari.section import Emulator, Grid
from ilscaling.domains.gymnasium.section import FamilyGrid, Options
from ilscaling.params import Count, Demonstrations, Fraction, Model, Name, Section, Several

# What a recording may hold of a step, or of an episode.
FIELDS = ("action", "reward", "observation", "terminated", "truncated", "seed")


class Recordings(Model):
    """Play that somebody has recorded."""

    path: str = Field(description="the file, or a folder of such; of Minari: the data set's folder")
    format: Literal["npz", "minari"] = Field("npz", description="how it is written")
    fields: dict[str, str] = Field(
        {}, description="our name of a field: theirs; for names that are not found by themselves"
    )
    replay: bool = Field(
        True, description="play it again and compare; false: take the recorded observations"
    )
    stretch: Count | None = Field(
        None,
        description="steps of the stretches that dev and test are drawn from; null: whole episodes",
    )

    @field_validator("fields")
    @classmethod
    def _known(cls, fields: dict[str, str]) -> dict[str, str]:
        for name in fields:
            if name not in FIELDS:
                raise ValueError(f"{name!r} is no field of ours; they are {', '.join(FIELDS)}")
        return fields


class AtariRecordings(Recordings):
    """Play of an Atari game that somebody has recorded."""

    frame_skip: Several = Field(1, description="emulator frames an action of the recording")
    sticky: Fraction = Field(0.0, description="its sticky actions, which want a seed")
    noop_max: Annotated[int, Field(ge=0, le=10**6)] = Field(
        0, description="its idle frames at the start, at most, which want a seed"
    )


class RecordedAtariExpert(Model):
    """Who plays the demonstrations."""

    recordings: AtariRecordings = Field(description="the recordings")


class RecordedExpert(Model):
    """Who plays the demonstrations."""

    recordings: Recordings = Field(description="the recordings")


class RecordedAtari(Section):
    """An Atari game that somebody else has recorded; the section's name is free."""

    domain: Literal["atari_recordings"] = Field(description="which interface plays it")
    game: Name = Field(description="the game, by its ROM's name in ale-py")
    emulator: Emulator = Field(default_factory=Emulator, description="how policies play it")
    expert: RecordedAtariExpert = Field(description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is taken of the recordings"
    )
    grid: Grid = Field(description="the cells")


class RecordedGymnasium(Section):
    """A game of an extension that somebody else has recorded."""

    domain: Literal["gymnasium_recordings"] = Field(description="which interface plays it")
    game: Name = Field(description="an extension's game")
    emulator: Options = Field(default_factory=Options, description="how the game is run")
    expert: RecordedExpert = Field(description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is taken of the recordings"
    )
    grid: FamilyGrid = Field(description="the cells")
