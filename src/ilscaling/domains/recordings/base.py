"""What the domains of recorded games have in common."""

from dataclasses import dataclass
from pathlib import Path

from ilscaling import registry
from ilscaling.domains.domain import Domain, Origin
from ilscaling.errors import GameError, ParamsError
from ilscaling.params import Section


@dataclass(frozen=True)
class RecordedGames(Domain):
    """Games of another domain, played by whoever recorded them.

    Parameters
    ----------
    played
        Name of the domain whose games they are.
    """

    played: str = ""

    def spec(self, game, emulator=None):
        return self._games().spec(game, emulator)

    def make(self, game, lanes, emulator, *, threads=1):
        return self._games().make(game, lanes, emulator, threads=threads)

    def picture(self, game, observation):
        return self._games().picture(game, observation)

    def pictures(self):
        return self._games().pictures()

    def refuse_unknown(self, section: Section, where: str) -> None:
        taken = section.expert.recordings
        if (skip := getattr(taken, "frame_skip", None)) and section.emulator.frame_skip % skip:
            raise ParamsError(
                f"{section.emulator.frame_skip} frames a step are no multiple of the recording's "
                f"{skip}",
                where=f"params: {where}.emulator.frame_skip",
                fix=f"a multiple of {skip}",
            )

    def expert(self, name: str, section: Section) -> Origin:
        return Origin(recordings=section.expert.recordings.path)

    def player(self, section: Section, file: Path | None) -> str:
        return f"recordings in {section.expert.recordings.path}"

    def measure_expert(self, name, section, expert, *, episodes, seed, processes=1, threads=1):
        raise GameError(
            "whoever played the recordings plays no more",
            where="--game",
            fix="the returns of the recordings are in ingest.json, beside their store",
        )

    def records(self, section: Section) -> bool:
        return False

    def recorded(self, section: Section) -> dict:
        wanted = section.demonstrations.model_dump(
            include={"train_steps", "dev_steps", "test_steps", "seed"}
        )
        taken = section.expert.recordings.model_dump(exclude={"path"})
        return {"taken": taken, "demonstrations": wanted, "played": self._played(section)}

    def ingest(self, section: Section, folder: Path, out: Path, *, processes: int = 1) -> dict:
        from ilscaling.domains.recordings.ingest import ingest

        return ingest(section, self.played, self._emulators(section), folder, out, processes)

    def code(self, step: str, section: Section) -> tuple[str, ...]:
        return super().code("store" if step == "record" else step, section)

    def lane(self, game: str, emulator):
        """One lane of a game whose last step shows the final observation.

        Parameters
        ----------
        game
            Name of the game, as `game` gives it.
        emulator
            How it is run: the section `emulator`.
        """
        return self.make(game, 1, emulator)

    def _games(self) -> Domain:
        return registry.get("DOMAIN", self.played)

    def _played(self, section: Section) -> object:
        """How the recordings are played again, apart from what `recorded` holds."""
        raise NotImplementedError

    def _emulators(self, section: Section):
        """`replay.Emulators` of the section."""
        raise NotImplementedError
