"""The domain of extensions' games."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ilscaling import registry
from ilscaling.domains.domain import BROUGHT, Domain
from ilscaling.domains.gymnasium.section import Gymnasium


@dataclass(frozen=True)
class _Gymnasium(Domain):
    def spec(self, game, emulator=None):
        from ilscaling.domains.gymnasium.game import spec

        return spec(game, emulator)

    def make(self, game, lanes, emulator, *, threads=1):
        from ilscaling.domains.gymnasium.game import Vector

        return Vector(game, lanes, emulator)

    def refuse_unknown(self, section: Gymnasium, where: str) -> None:
        registry.get("GAME", section.game, f"params: {where}.game")
        super().refuse_unknown(section, where)

    def record(self, name, section, job, out: Path, *, expert=None, threads=1) -> None:
        from ilscaling.domains.gymnasium.record import record

        record(section, job, out)

    def starter(self, game: str):
        from ilscaling.domains.gymnasium.starter import starter

        return starter(game)

    def code(self, step, section) -> tuple[str, ...]:
        own = registry.files("GAME", section.game) if step == "game" else ()
        return (*super().code(step, section), *own)

    def picture(self, game: str, observation: np.ndarray) -> np.ndarray:
        own = registry.get("GAME", game).picture
        return super().picture(game, observation) if own is None else own(observation)


DOMAIN = _Gymnasium(
    "gymnasium",
    Gymnasium,
    shows="observation",
    packages=("gymnasium",),
    modules={
        "game": ("ilscaling.domains.gymnasium.game",),
        "brought": ("ilscaling.domains.gymnasium.record",),
        "report": (BROUGHT,),
    },
)
