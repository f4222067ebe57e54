"""A domain in one folder: a walker in a corridor looks for the door."""

from dataclasses import dataclass

from ilscaling.domains.domain import Domain

from .section import Walk


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
