"""The section of NetHack."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ilscaling.domains.expert import Asked
from ilscaling.params import (
    Cells,
    Count,
    Fraction,
    Model,
    Name,
    Recorded,
    Section,
    Temperature,
)


class NetHackEmulator(Model):
    """How NetHack is run: the keyboard and options of the NetHack Challenge."""

    role: Annotated[str, Field(pattern=r"^[a-z]{3}-[a-z]{3}-[a-z]{3}-[a-z]{3}$|^@$")] = Field(
        "mon-hum-neu-mal", description="role-race-alignment-gender; @: drawn at random"
    )
    max_steps: Count = Field(100_000, description="keys after which a game is cut")
    no_progress: Count = Field(
        1_000, description="keys without a turn passing after which a game is cut"
    )


class Recordings(Model):
    """Games that somebody else has recorded, in the layout of NLD: DIR/<any name>/*.xlogfile."""

    path: str = Field(description="the folder DIR")
    roles: list[str] | None = Field(None, description="roles to take, such as Mon; null: all")
    races: list[str] | None = Field(None, description="races to take, such as Hum; null: all")
    min_points: int | None = Field(None, description="fewest points of a game; null: any")
    max_games: Count | None = Field(None, description="games to take, at most; null: all")


class NetHackExpert(Asked):
    """Who plays the demonstrations."""

    name: Name | None = Field(None, description="an extension's expert; null: the built-in bot")
    temperature: Temperature = Field(
        1.0, description="of an extension's expert: 1 samples its probabilities, 0 plays its best"
    )
    noise: Fraction = Field(0.0, description="of it: share of keys that it presses at random")
    recordings: Recordings | None = Field(None, description="null: the expert plays")

    @model_validator(mode="after")
    def _one_plays(self):
        if self.name is not None and self.recordings is not None:
            raise ValueError("name and recordings: give one of them, null for the other")
        own = {"file": self.file is not None, "temperature": self.temperature != 1.0,
               "noise": self.noise != 0.0}  # fmt: skip
        if self.name is None and any(own.values()):
            given = ", ".join(key for key, set_ in own.items() if set_)
            raise ValueError(f"{given}: for an extension's expert, which `name` names")
        return self


class Games(Recorded):
    """What is recorded, or taken from recordings, of NetHack."""


class SequenceGrid(Cells):
    """The cells of NetHack."""

    family: Name = Field("transformer", description="policy family")


class NetHack(Section):
    """NetHack; the section's name is free, so that a study may compare several settings."""

    domain: Literal["nethack"] = Field(description="which interface plays it")
    emulator: NetHackEmulator = Field(
        default_factory=NetHackEmulator, description="how the game is run"
    )
    expert: NetHackExpert = Field(
        default_factory=NetHackExpert, description="who plays the demonstrations"
    )
    demonstrations: Games = Field(default_factory=Games, description="what is recorded")
    grid: SequenceGrid = Field(description="the cells")
