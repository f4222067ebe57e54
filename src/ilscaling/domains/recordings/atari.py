"""The domain of Atari games that somebody else has recorded."""

from dataclasses import dataclass

from ilscaling.domains.atari.section import Emulator
from ilscaling.domains.costs import Play
from ilscaling.domains.domain import BROUGHT
from ilscaling.domains.recordings.base import RecordedGames
from ilscaling.domains.recordings.section import RecordedAtari


@dataclass(frozen=True)
class _RecordedAtari(RecordedGames):
    def steps(self, name: str, section: RecordedAtari):
        from ilscaling.domains.atari.costs import steps

        return steps(section.game, section)

    def lane(self, game: str, emulator):
        from ilscaling.domains.recordings.lane import FinalScreens

        return FinalScreens(game, 1, emulator)

    def _played(self, section: RecordedAtari) -> object:
        return {"frame_skip": section.emulator.frame_skip}

    def _emulators(self, section: RecordedAtari):
        from ilscaling.domains.recordings.replay import Emulators

        taken, skip = section.expert.recordings, section.emulator.frame_skip
        how = {"sticky": taken.sticky, "noop_max": taken.noop_max}

        def emulator(steps: int, frame_skip: int) -> Emulator:
            return Emulator(frame_skip=frame_skip, max_steps=steps + 1, **how)

        return Emulators(
            theirs=lambda steps: emulator(steps, taken.frame_skip),
            ours=lambda steps: emulator(steps, skip),
            block=skip // taken.frame_skip,
            frames=taken.frame_skip,
            seeded=taken.sticky > 0 or taken.noop_max > 0,
        )


DOMAIN = _RecordedAtari(
    "atari_recordings",
    RecordedAtari,
    shows="screen",
    speed=Play(8.0e-4, 0.1, 1 / 30_000, 8.0e-4),
    store_by="ingest",
    packages=("ale-py",),
    modules={
        "game": ("ilscaling.domains.atari.game",),
        "store": ("ilscaling.domains.recordings.ingest", "ilscaling.domains.atari.game"),
        "report": (BROUGHT,),
    },
    played="atari",
)
