"""The section of a level of BabyAI."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ilscaling.domains.expert import Asked
from ilscaling.params import Cells, Count, Demonstrations, Model, Name, Section


class Emulator(Model):
    """How a level is run."""

    max_steps: Count = Field(
        1_000, description="steps after which an episode is cut, beside the level's own limit"
    )
    reward: Literal["success", "minigrid"] = Field(
        "success",
        description="of a mission that is done: 1, or MiniGrid's own, 1 - 0.9 x the share of the"
        " level's steps that it took",
    )


class BabyAIExpert(Asked):
    """Who plays the demonstrations."""

    name: Name | None = Field(None, description="an extension's expert; null: the BabyAI bot")

    @model_validator(mode="after")
    def _bot_says_one_action(self):
        if self.name is None and (self.file is not None or self.temperature != 1.0):
            raise ValueError("file, temperature: for an extension's expert, which `name` names")
        return self


class MissionGrid(Cells):
    """The cells of a level."""

    family: Name = Field("mission", description="policy family")


class BabyAI(Section):
    """A level of BabyAI; the section's name is free."""

    domain: Literal["babyai"] = Field(description="which interface plays it")
    game: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9-]*$")] = Field(
        description="the level, such as GoToLocal of BabyAI-GoToLocal-v0"
    )
    emulator: Emulator = Field(default_factory=Emulator, description="how the game is run")
    expert: BabyAIExpert = Field(
        default_factory=BabyAIExpert, description="who plays the demonstrations"
    )
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is recorded"
    )
    grid: MissionGrid = Field(description="the cells")
