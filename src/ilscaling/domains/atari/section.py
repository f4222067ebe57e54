"""The section of an Atari game."""

from typing import Annotated, Literal

from pydantic import Field

from ilscaling.domains.expert import Asked
from ilscaling.params import (
    Cells,
    Count,
    Demonstrations,
    Fraction,
    Lanes,
    Memory,
    Model,
    Name,
    Positive,
    Rate,
    Section,
    Seed,
    Several,
    Temperature,
)


class Emulator(Model):
    """How an Atari game is run; stickiness as Machado et al. (JAIR 2018)."""

    frame_skip: Several = Field(4, description="emulator frames a step")
    sticky: Fraction = Field(0.25, description="probability that an action is repeated")
    noop_max: Annotated[int, Field(ge=0, le=10**6)] = Field(
        30, description="idle frames at the start, at most"
    )
    max_steps: Count = Field(4500, description="steps after which an episode is cut")


class PPO(Model):
    """PPO with the published Atari settings of RL Baselines3 Zoo."""

    steps: Count = Field(10_000_000, description="agent steps (frame_skip emulator frames each)")
    seed: Seed = Field(0, description="seed of weights, episodes and sampling")
    width: Annotated[float, Field(gt=0, le=64)] = Field(
        1.0, description="1 is the Nature CNN; channels scale with it"
    )
    lanes: Lanes = Field(8, description="games played side by side")
    horizon: Memory = Field(128, description="steps a lane between two updates")
    epochs: Several = Field(4, description="passes over a rollout")
    batch: Memory = Field(256, description="samples a gradient step")
    rate: Rate = Field(2.5e-4, description="Adam's rate at the start; falls linearly to 0")
    clip: Positive = Field(0.1, description="clip range at the start; falls linearly to 0")
    discount: Annotated[float, Field(gt=0, lt=1)] = Field(0.99, description="discount a step")
    gae: Annotated[float, Field(ge=0, le=1)] = Field(0.95, description="lambda of the advantage")
    value: Positive = Field(0.5, description="weight of the value loss")
    entropy: Annotated[float, Field(ge=0, le=1e6)] = Field(
        0.01, description="weight of the entropy bonus"
    )


class Expert(Asked):
    """Who plays the demonstrations."""

    file: str | None = Field(
        None, description="a trained expert, or what `name` reads; null: train one by PPO"
    )
    temperature: Temperature = Field(
        1.0, description="1 samples the policy as trained, 0 plays its best action"
    )
    min_return: float | None = Field(
        None, description="an expert that is known to return less is not recorded; null: any"
    )
    ppo: PPO = Field(default_factory=PPO, description="how an expert is trained if file is null")


class Grid(Cells):
    """The cells of an Atari game."""

    family: Name = Field("cnn", description="policy family: cnn, or an extension's")


class Atari(Section):
    """One Atari game of the study."""

    domain: Literal["atari"] = Field(description="which interface plays it")
    emulator: Emulator = Field(default_factory=Emulator, description="how the game is run")
    expert: Expert = Field(default_factory=Expert, description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is recorded"
    )
    grid: Grid = Field(description="the cells")
