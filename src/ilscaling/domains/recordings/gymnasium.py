"""The domain of an extension's games that somebody else has recorded."""

from dataclasses import dataclass

from ilscaling import registry
from ilscaling.domains.domain import BROUGHT
from ilscaling.domains.gymnasium.section import Options
from ilscaling.domains.recordings.base import RecordedGames
from ilscaling.domains.recordings.section import RecordedGymnasium


@dataclass(frozen=True)
class _RecordedGymnasium(RecordedGames):
    def refuse_unknown(self, section: RecordedGymnasium, where: str) -> None:
        registry.get("GAME", section.game, f"params: {where}.game")
        super().refuse_unknown(section, where)

    def code(self, step, section) -> tuple[str, ...]:
        plays = step in ("game", "store", "record")
        own = registry.files("GAME", section.game) if plays else ()
        return (*super().code(step, section), *own)

    def _played(self, section: RecordedGymnasium) -> object:
        return section.emulator.options

    def _emulators(self, section: RecordedGymnasium):
        from ilscaling.domains.recordings.replay import Emulators

        def emulator(steps: int) -> Options:
            return Options(options=section.emulator.options, max_steps=steps + 1)

        return Emulators(theirs=emulator, ours=emulator, block=1, frames=1, seeded=True, shown=True)


DOMAIN = _RecordedGymnasium(
    "gymnasium_recordings",
    RecordedGymnasium,
    shows="observation",
    store_by="ingest",
    packages=("gymnasium",),
    modules={
        "game": ("ilscaling.domains.gymnasium.game",),
        "store": ("ilscaling.domains.recordings.ingest", "ilscaling.domains.gymnasium.game"),
        "report": (BROUGHT,),
    },
    played="gymnasium",
)
