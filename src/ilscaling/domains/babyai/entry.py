"""The domain of BabyAI."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ilscaling.domains.babyai.section import BabyAI
from ilscaling.domains.costs import Play, Steps
from ilscaling.domains.domain import BROUGHT, Domain, Origin


@dataclass(frozen=True)
class _BabyAI(Domain):
    def spec(self, game, emulator=None):
        from ilscaling.domains.babyai.levels import spec

        return spec(game, emulator)

    def make(self, game, lanes, emulator, *, threads=1):
        from ilscaling.domains.babyai.game import Vector

        return Vector(game, lanes, emulator)

    def refuse_unknown(self, section: BabyAI, where: str) -> None:
        from ilscaling.domains.babyai.levels import identifier

        identifier(section.game)
        super().refuse_unknown(section, where)

    def source(self, name: str, section: BabyAI) -> str:
        # Paths have small letters: 'go_to_local' of GoToLocal.
        return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", section.game).lower())

    def expert(self, name: str, section: BabyAI) -> Origin:
        if self.brought(section) is not None:
            return super().expert(name, section)
        return Origin(code=("ilscaling.domains.babyai.bot",))

    def player(self, section: BabyAI, file: Path | None) -> str:
        return super().player(section, file) if self.brought(section) else "the BabyAI bot"

    def asked(self, name, section: BabyAI, file):
        if self.brought(section) is not None:
            return super().asked(name, section, file)
        from ilscaling.domains.babyai.bot import advice

        return advice(section.expert, section.game)

    def says_distribution(self, section: BabyAI) -> bool:
        return self.brought(section) is None or super().says_distribution(section)

    def refuse_silent(self, section: BabyAI, where: str) -> None:
        if self.brought(section) is not None:
            super().refuse_silent(section, where)

    def record(self, name, section, job, out: Path, *, expert=None, threads=1) -> None:
        from ilscaling.domains.babyai.record import record

        record(section, job, out)

    def ingest(self, section: BabyAI, folder: Path, out: Path, *, processes: int = 1) -> dict:
        from ilscaling.domains.babyai.demonstrations import demonstrations

        return demonstrations(folder, out, settings=section.demonstrations)

    def measure_expert(self, name, section, expert, *, episodes, seed, processes=1, threads=1):
        if self.brought(section) is not None:
            return super().measure_expert(
                name, section, expert, episodes=episodes, seed=seed, threads=threads
            )
        from ilscaling.domains.babyai.record import measure

        return measure(section, episodes=episodes, seed=seed)

    def picture(self, game: str, observation: np.ndarray) -> np.ndarray:
        from ilscaling.domains.babyai.game import picture

        return picture(observation)


DOMAIN = _BabyAI(
    "babyai",
    BabyAI,
    shows="view",
    speed=Play(1.0e-3, 1.5e-3, 1 / 100_000, 3.0e-4),
    typical=Steps(60, 20),
    titles={"babyai": "BabyAI"},
    store_by="ingest",
    packages=("minigrid", "gymnasium"),
    modules={
        "game": ("ilscaling.domains.babyai.game",),
        "record": ("ilscaling.domains.babyai.record",),
        "brought": ("ilscaling.domains.babyai.record",),
        "store": ("ilscaling.domains.babyai.demonstrations",),
        "report": (BROUGHT,),
    },
)
