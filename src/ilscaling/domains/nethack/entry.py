"""The domain of NetHack."""

from dataclasses import dataclass
from pathlib import Path

from ilscaling.domains.costs import Play, Steps
from ilscaling.domains.domain import Domain, Origin, Picture
from ilscaling.domains.nethack.section import NetHack


@dataclass(frozen=True)
class _NetHack(Domain):
    def spec(self, game, emulator=None):
        from ilscaling.domains.nethack.vector import spec

        return spec(game, emulator)

    def make(self, game, lanes, emulator, *, threads=1):
        from ilscaling.domains.nethack.vector import Vector

        return Vector(game, lanes, emulator)

    def expert(self, name: str, section: NetHack) -> Origin:
        if (taken := section.expert.recordings) is not None:
            return Origin(recordings=taken.path)
        if self.brought(section) is not None:
            return super().expert(name, section)
        return Origin(code=("ilscaling.domains.nethack.bot",))

    def player(self, section: NetHack, file: Path | None) -> str:
        if (taken := section.expert.recordings) is not None:
            return f"recordings in {taken.path}"
        return super().player(section, file) if self.brought(section) else "the built-in bot"

    def measure_expert(self, name, section, expert, *, episodes, seed, processes=1, threads=1):
        if self.brought(section) is not None:
            return super().measure_expert(
                name, section, expert, episodes=episodes, seed=seed, threads=threads
            )
        from ilscaling.domains.nethack.bot.play import measure
        from ilscaling.seeds import Purpose, seeds

        played = seeds(Purpose.EXPERT, seed, count=episodes)
        return measure(section.emulator, played, processes=processes)

    def says_distribution(self, section: NetHack) -> bool:
        return section.expert.recordings is None and super().says_distribution(section)

    def refuse_silent(self, section: NetHack, where: str) -> None:
        if section.expert.recordings is not None:
            raise self._silent("whoever played the recordings", where)
        if self.brought(section) is None:
            # It presses several keys to one end, and takes them for pressed.
            raise self._silent("NetHack's built-in bot", where)
        super().refuse_silent(section, where)

    def source(self, name: str, section: NetHack) -> str:
        return self.name  # whatever the sections are called

    def records(self, section: NetHack) -> bool:
        return section.expert.recordings is None

    def record(self, name, section, job, out: Path, *, expert=None, threads=1) -> None:
        from ilscaling.domains.nethack.record import record

        record(section, job, out)

    def ingest(self, section: NetHack, folder: Path, out: Path, *, processes: int = 1) -> dict:
        from ilscaling.domains.nethack.ingest import ingest

        return ingest(
            folder,
            out,
            settings=section.demonstrations,
            recordings=section.expert.recordings,
            processes=processes,
        )

    def recorded(self, section: NetHack) -> dict:
        content = super().recorded(section)
        if (taken := section.expert.recordings) is None:
            return content
        # Somebody else's games: which are taken, and nothing of how ours would be made.
        wanted = {k: v for k, v in content["demonstrations"].items() if k != "jobs"}
        return {"taken": taken.model_dump(exclude={"path"}), "demonstrations": wanted}

    def code(self, step: str, section: NetHack) -> tuple[str, ...]:
        if step == "record" and not self.records(section):
            step = "store"  # which reads the recordings
        return super().code(step, section)

    def record_memory(self, name: str, section: NetHack) -> float:
        from ilscaling.plan import memory

        return memory.RECORDED_GAMES

    def calibrate(self, name, section, folder, restart):
        from ilscaling.domains.nethack.calibrate import calibrate

        return calibrate(section, folder, restart)

    def pictures(self) -> tuple[Picture, ...]:
        from ilscaling.show.figures import terminal

        caption = "Screens of a recorded game of median return"
        return (Picture(caption, ".png", terminal.contact_sheet),)

    def facts(self, section: NetHack, demos: Path, expert: str | None) -> dict:
        from ilscaling.domains.nethack.facts import facts

        return facts(section, Path(demos))


DOMAIN = _NetHack(
    "nethack",
    NetHack,
    shows="tty_chars",
    speed=Play(1.6e-4, 0.005, 1 / 15_000, 7.0e-5),
    typical=Steps(3_000, 28),
    titles={"nethack": "NetHack"},
    store_by="ingest",
    packages=("nle",),
    modules={
        "game": ("ilscaling.domains.nethack.vector",),
        "record": ("ilscaling.domains.nethack.record", "ilscaling.domains.nethack.bot"),
        "brought": ("ilscaling.domains.nethack.record",),
        "store": ("ilscaling.domains.nethack.ingest",),
        "figures": ("ilscaling.show.figures.terminal", "ilscaling.measuring.replay"),
        "report": ("ilscaling.domains.nethack.facts", "ilscaling.show.figures.terminal"),
    },
    calibrated=True,
    replays=True,
)
