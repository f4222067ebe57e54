"""The domain of Atari games."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ilscaling.domains.atari.section import Atari
from ilscaling.domains.costs import Play
from ilscaling.domains.domain import BROUGHT, Domain, Origin, Picture
from ilscaling.errors import ParamsError
from ilscaling.files import sha256

# Of the parameters of an expert, those that its own key holds or that change no recording.
APART = {"file", "ppo", "min_return"}


@dataclass(frozen=True)
class _Atari(Domain):
    def spec(self, game, emulator=None):
        from ilscaling.domains.atari.game import spec

        return spec(game, emulator)

    def make(self, game, lanes, emulator, *, threads=1):
        from ilscaling.domains.atari.game import Vector

        return Vector(game, lanes, emulator, threads=threads)

    def expert(self, name: str, section: Atari) -> Origin:
        expert = section.expert
        if self.brought(section) is not None or expert.file is not None:
            return super().expert(name, section)
        training = [
            self.game(name, section),
            section.emulator.model_dump(),
            expert.ppo.model_dump(),
        ]
        return Origin(training=training, code=self.code("expert", section))

    def player(self, section: Atari, file: Path | None) -> str:
        if self.brought(section) is not None or file is None:
            return super().player(section, file)
        digest = f"SHA-256 {sha256(file)}" if Path(file).is_file() else "not here"
        return f"{file} ({digest})"

    def if_absent(self, name: str, section: Atari) -> str:
        fix = super().if_absent(name, section)
        if self.brought(section) is not None:
            return fix
        return (
            f"{fix}: then the workflow trains one by PPO   or make one of a checkpoint: ilscaling"
            f" import-expert CHECKPOINT.zip --game {self.game(name, section)}"
            f" --out {section.expert.file}"
        )

    def train_expert(self, name, section, out, work, *, device, threads) -> None:
        from ilscaling.domains.atari import ppo
        from ilscaling.learning import precision

        where = precision.device(device)
        ppo.train(
            self.game(name, section),
            section.emulator,
            section.expert.ppo,
            out,
            work,
            device=where,
            bfloat16=precision.fast(where),
            threads=threads,
        )

    def import_expert(self, game: str, file: Path, out: Path) -> None:
        from ilscaling.domains.atari.importing import import_sb3

        import_sb3(file, out, game)

    def measure_expert(self, name, section, expert, *, episodes, seed, processes=1, threads=1):
        if self.brought(section) is not None:
            return super().measure_expert(
                name, section, expert, episodes=episodes, seed=seed, threads=threads
            )
        from ilscaling.domains.atari.measure import measure

        return measure(
            _wanted(expert),
            section.emulator,
            episodes=episodes,
            seed=seed,
            temperature=section.expert.temperature,
            noise=section.expert.noise,
            threads=threads,
        )

    def asked(self, name, section, file):
        if self.brought(section) is not None:
            return super().asked(name, section, file)
        from ilscaling.domains.atari.player import asked

        wanted = section.expert
        return asked(_wanted(file), self.game(name, section), wanted.temperature, wanted.noise)

    def says_distribution(self, section) -> bool:
        return self.brought(section) is None or super().says_distribution(section)

    def refuse_silent(self, section, where) -> None:
        if self.brought(section) is not None:
            super().refuse_silent(section, where)

    def record(self, name, section, job, out: Path, *, expert=None, threads=1) -> None:
        if self.brought(section) is not None:
            super().record(name, section, job, out, threads=threads)
            return
        from ilscaling.domains.atari.record import record_job

        game = self.game(name, section)
        record_job(section, game, job, _wanted(expert), out, threads=threads)

    def recorded(self, section: Atari) -> dict:
        return {**super().recorded(section), "expert": section.expert.model_dump(exclude=APART)}

    def starter(self, game: str):
        from ilscaling.domains.atari.starter import starter

        self.spec(game)  # refuses a game that ale-py does not have
        return starter(game)

    def steps(self, name: str, section: Atari):
        from ilscaling.domains.atari.costs import steps

        return steps(self.game(name, section), section)

    def expert_cost(self, section: Atari, speed):
        if self.brought(section) is not None or section.expert.file is not None:
            return None
        from ilscaling.domains.atari.costs import expert_cost

        return expert_cost(section, speed)

    def calibrate(self, name, section, folder, restart):
        from ilscaling.domains.atari.calibrate import calibrate

        return calibrate(name, section, folder, restart)

    def picture(self, game: str, observation: np.ndarray) -> np.ndarray:
        return observation  # a screen is one

    def pictures(self) -> tuple[Picture, ...]:
        from ilscaling.show.figures import gallery

        return (
            Picture("Screens of recorded episodes", ".png", gallery.contact_sheet),
            Picture("The most rewarding stretch of a recorded episode", ".gif", gallery.animation),
        )

    def facts(self, section: Atari, demos: Path, expert: str | None) -> dict:
        if self.brought(section) is not None:
            return super().facts(section, demos, expert)
        from ilscaling.domains.atari.facts import facts

        return {"expert": facts(expert)}


def _wanted(expert: Path | None) -> Path:
    if expert is None:
        raise ParamsError("an Atari expert is wanted", where="--expert", fix="--expert FILE")
    return expert


DOMAIN = _Atari(
    "atari",
    Atari,
    shows="screen",
    speed=Play(8.0e-4, 0.1, 1 / 30_000, 8.0e-4),
    packages=("ale-py",),
    player_packages=("torch",),
    modules={
        "game": ("ilscaling.domains.atari.game",),
        "expert": ("ilscaling.domains.atari.ppo",),
        "record": ("ilscaling.domains.atari.record",),
        "report": ("ilscaling.domains.atari.facts", BROUGHT),
    },
    calibrated=True,
)
