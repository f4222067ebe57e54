"""What a domain is: the entry DOMAIN.

A built-in domain's entry stands in `domains/<name>/entry.py`, which nothing imports but the
registry: so the code that a step's key holds is what `Domain.code` names, and no more. Its methods
import what they call only when they are called.
"""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from ilscaling import registry
from ilscaling.domains.costs import Play, Steps
from ilscaling.games.base import GameSpec, VectorGame
from ilscaling.params import Section

BROUGHT = "ilscaling.domains.brought"
# Of a domain that says nothing: about what a small game written in Python takes.
SMALL_GAME, SHORT_EPISODE = Play(5.0e-5, 1.0e-4, 1 / 50_000, 5.0e-5), Steps(200, 20)


@dataclass(frozen=True)
class Origin:
    """Where an expert comes from, which is what its key is made of.

    Parameters
    ----------
    training
        What determines an expert that a job of the workflow trains, ready for JSON; None for an
        expert that exists.
    file
        The file that it is read from, if one is given.
    recordings
        The folder of games that somebody has recorded, instead of an expert.
    code
        Modules and files where the code begins that trains it, or that it is.
    """

    training: Any = None
    file: str | None = None
    recordings: str | None = None
    code: tuple[str, ...] = ()


class Picture(NamedTuple):
    """A picture of recorded play.

    Parameters
    ----------
    caption
        What the report writes below it.
    ending
        Of its file, such as '.png'.
    draw
        draw(demos, out), of a store, to a file.
    """

    caption: str
    ending: str
    draw: Callable[[str | Path, str | Path], None]


@dataclass(frozen=True)
class Starter:
    """A first study of a game, for `ilscaling new`.

    Parameters
    ----------
    section
        section(scale, expert) -> the section's parameters: budgets and data of the default study
        times `scale`, an expert of a share `expert` of a full training.
    name
        What the section and the study are called; empty: as the game.
    expert_share
        Share of the time that a job of the workflow trains the expert; 0: none does.
    files
        Path -> content of further files, extensions of the study.
    first
        What is to be typed before the study runs; empty: nothing.
    notes
        Lines for the head of the study's file.
    """

    section: Callable[[float, float], dict]
    name: str = ""
    expert_share: float = 0.0
    files: Mapping[str, str] = field(default_factory=dict)
    first: str = ""
    notes: tuple[str, ...] = ()


def tracked(file: str) -> bool:
    """Whether Git has a file, so that a checkout brings it back."""
    command = ["git", "ls-files", "--error-unmatch", "--", file]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@dataclass(frozen=True)
class Domain(ABC):
    """A kind of games that share an interface: a subclass plays, records and describes them.

    In all methods `name` is what the study calls a section, and `section` its parameters.

    Parameters
    ----------
    name
        How the parameters call the domain: `domain` of a section.
    section
        Class of a study's section for a game of it.
    shows
        The field of its observation that a policy family must see.
    speed
        How fast it is on a machine where nobody has measured.
    typical
        An episode of a game of which nothing better is known.
    titles
        Beginning of a section's name -> how people write it, where capitals do not do.
    store_by
        The verb that makes a store of what `record` writes: 'shard' of parts, 'ingest' of folders
        of recorded games.
    packages
        Installed packages that run the games, whose versions matter.
    player_packages
        Further ones that its own expert is run or trained by.
    modules
        Step -> modules of ours where its code begins (see `code`); 'brought': of recording an
        extension's expert. Of an extension's domain its own files are added.
    calibrated
        Whether `calibrate` measures its speed.
    replays
        Whether its games are text on NetHack's screen, which the report's terminal plays again.
    """

    CALLED: ClassVar = ("section",)

    name: str
    section: type[Section]
    shows: str
    speed: Play = SMALL_GAME
    typical: Steps = SHORT_EPISODE
    titles: Mapping[str, str] = field(default_factory=dict)
    store_by: Literal["shard", "ingest"] = "shard"
    packages: tuple[str, ...] = ()
    player_packages: tuple[str, ...] = ()
    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibrated: bool = False
    replays: bool = False

    # What is played

    @abstractmethod
    def spec(self, game: str, emulator: Any = None) -> GameSpec:
        """Specification of a game.

        Parameters
        ----------
        game
            Name of the game, as `game` gives it.
        emulator
            How it is run: the section `emulator`; None: as the domain does by itself.

        Raises
        ------
        GameError
            For an unknown game.
        """

    @abstractmethod
    def make(self, game: str, lanes: int, emulator: Any, *, threads: int = 1) -> VectorGame:
        """A vectorised game.

        Parameters
        ----------
        game
            Name of the game, as `game` gives it.
        lanes
            Episodes side by side.
        emulator
            How it is run: the section `emulator`.
        threads
            CPU threads that may step the lanes.
        """

    def game(self, name: str, section: Section) -> str:
        """The game that a section plays: 'breakout' of 'breakout__wsd'."""
        return getattr(section, "game", None) or name.partition("__")[0]

    def refuse_unknown(self, section: Section, where: str) -> None:
        """Raise ExtensionError for a name in a section, at `where`, that no entry has."""
        if (expert := self.brought(section)) is not None:
            registry.get("EXPERT", expert, f"params: {where}.expert.name")

    # Who plays it

    def brought(self, section: Section) -> str | None:
        """Name of the entry EXPERT that plays a section's game; None for the domain's own."""
        return getattr(section.expert, "name", None)

    def expert(self, name: str, section: Section) -> Origin:
        """Where a section's expert comes from."""
        expert = self.brought(section)
        code = registry.files("EXPERT", expert) if expert else self.code("expert", section)
        return Origin(file=getattr(section.expert, "file", None), code=code)

    def player(self, section: Section, file: Path | None) -> str:
        """Who plays the demonstrations, in words. `file`: that of the expert, if there is one."""
        if (expert := self.brought(section)) is None:
            return "the domain's own expert"
        reads = f", which reads {file}" if file else ""
        return f"{expert} of {registry.source('EXPERT', expert)}{reads}"

    def if_absent(self, name: str, section: Section) -> str:
        """What to type if the expert's file is not there."""
        file = section.expert.file
        kept = f"git checkout -- {file}   or " if tracked(file) else f"put it at {file}, or "
        return f"{kept}set the parameter to null"

    def asked(self, name: str, section: Section, file: Path | None):
        """The expert as the playing loop takes it, to be asked in games that another plays.

        Parameters
        ----------
        file
            The expert's, if there is one.

        Returns
        -------
        games.play.Act
            Observations -> probabilities (lanes, actions).

        Raises
        ------
        ExpertError
            For an expert that cannot say what it would do there, or that lacks its file.
        """
        from ilscaling.domains import brought

        self.refuse_silent(section, "algorithm")
        spec = self.spec(self.game(name, section), section.emulator)
        return brought.player(section.expert, spec)

    def says_distribution(self, section: Section) -> bool:
        """Whether the demonstrations will hold what the expert says of every action."""
        name = self.brought(section)
        return name is not None and registry.get("EXPERT", name).says_distribution

    def refuse_silent(self, section: Section, where: str) -> None:
        """Raise ExpertError for an expert that cannot say what it would do in a game that another
        plays."""
        name = self.brought(section)
        if name is None:
            raise self._silent("the domain's own expert", where)
        if not registry.get("EXPERT", name).follows:
            raise self._silent(f"the expert {name!r}", where)

    def _silent(self, who: str, where: str):
        from ilscaling.errors import ExpertError

        return ExpertError(
            f"{who} cannot say what it would do in a game that another plays",
            where=where,
            fix="algorithm: cloning, or another that learns from recorded play alone, and "
            "evaluation.own_states: false; or an extension's expert with follows=True "
            "(docs/extending.md)",
        )

    def train_expert(
        self, name: str, section: Section, out: Path, work: Path, *, device: str, threads: int
    ) -> None:
        """Train the expert of a section whose `Origin` names a training.

        Parameters
        ----------
        out
            The expert's file.
        work
            Folder for what training keeps on its way.
        device
            'auto', 'cpu' or 'cuda'.
        threads
            CPU threads.
        """
        raise self._cannot("train an expert", "game")

    def import_expert(self, game: str, file: Path, out: Path) -> None:
        """Make an expert of a file that somebody else's training wrote.

        Parameters
        ----------
        game
            What it plays.
        file
            What was written.
        out
            The expert's file.
        """
        raise self._cannot("import an expert", "game")

    def measure_expert(
        self, name: str, section: Section, expert: Path | None, *, episodes: int, seed: int,
        processes: int = 1, threads: int = 1,
    ) -> dict:  # fmt: skip
        """Play whole episodes with the expert.

        Parameters
        ----------
        expert
            The expert's file, if there is one.
        episodes
            How many are played.
        seed
            Number of the first of `seeds.Purpose.EXPERT`; the others follow.
        processes, threads
            How many play at once, and CPU threads that may step the lanes.

        Returns
        -------
        dict
            `games.score.summary` and whatever else the domain counts.
        """
        from ilscaling.domains import brought

        return brought.measure(
            section.expert, self.name, self.game(name, section), section.emulator,
            episodes=episodes, seed=seed, threads=threads,
        )  # fmt: skip

    # Demonstrations

    def source(self, name: str, section: Section) -> str:
        """Name under which demonstrations are kept; sections with the same may share them."""
        return self.game(name, section)

    def records(self, section: Section) -> bool:
        """Whether demonstrations are recorded; False where recordings of others are taken."""
        return True

    def record(
        self, name: str, section: Section, job: int, out: Path, *,
        expert: Path | None = None, threads: int = 1,
    ) -> None:  # fmt: skip
        """Record a job of `demonstrations.jobs`.

        Parameters
        ----------
        job
            Number of the job, from 0 on.
        out
            The recording.
        expert
            The file of an expert that a job has trained, or that the parameters name.
        threads
            CPU threads.

        Raises
        ------
        ExpertError
            For an expert that lacks its file or answers no weights of actions.
        GameError
            For a game that cannot be played, or when the seeds run out.
        """
        from ilscaling.domains import brought
        from ilscaling.games.jobs import job as share

        seeds, steps = share(section.demonstrations, section.emulator.max_steps, job)
        brought.record(
            section.expert, self.name, self.game(name, section), section.emulator, seeds=seeds,
            lanes=section.demonstrations.lanes, steps=steps, out=out, threads=threads,
        )  # fmt: skip

    def ingest(self, section: Section, folder: Path, out: Path, *, processes: int = 1) -> dict:
        """Make a store of a folder of recorded games.

        Parameters
        ----------
        folder
            The recordings.
        out
            The store.
        processes
            How many work at once.

        Returns
        -------
        dict
            A summary for JSON.
        """
        raise self._cannot("ingest recordings", "game")

    def starter(self, game: str) -> Starter:
        """A first study of a game; raises GameError for a game that it does not play."""
        raise self._cannot("start a study by itself", "domain")

    # Keys

    def recorded(self, section: Section) -> dict:
        """What a recording depends on beside game, emulator and the expert's key: how the expert is
        asked, and how much is wanted. Ready for JSON."""
        return {
            "expert": section.expert.model_dump(exclude={"file"}),
            "demonstrations": section.demonstrations.model_dump(
                exclude={"unique_steps", "chunk_steps", "shard_steps"}
            ),
        }

    def code(self, step: str, section: Section) -> tuple[str, ...]:
        """Modules of ours and files of extensions where the domain's code of a step begins.

        Parameters
        ----------
        step
            'game' (whatever plays), 'expert', 'record', 'store', 'figures' or 'report'.
        """
        expert = self.brought(section) if step == "record" else None
        if expert is None:
            own = self.modules.get(step, ())
        else:
            own = (*self.modules.get("brought", (BROUGHT,)), *registry.files("EXPERT", expert))
        if registry.is_built_in("DOMAIN", self.name):
            return own
        return (*registry.files("DOMAIN", self.name), *own)

    # Costs

    def steps(self, name: str, section: Section) -> Steps:
        """An episode of a section's game, within the emulator's limit."""
        limit = getattr(section.emulator, "max_steps", self.typical.episode)
        return Steps(min(self.typical.episode, limit), self.typical.bytes)

    def expert_cost(self, section: Section, speed):
        """`plan.Cost` of training a section's expert, at a `plan.speed.Speed`; None without."""
        return None

    def record_memory(self, name: str, section: Section) -> float:
        """Bytes of memory of a recording job."""
        from ilscaling.plan import memory

        # The episodes that are being played, half done on average.
        lanes = getattr(section.demonstrations, "lanes", 1)
        steps = lanes * section.emulator.max_steps / 2
        return memory.TORCH + steps * memory.step_bytes(name, section)

    def calibrate(self, name: str, section: Section, folder: Path, restart: float):
        """Record a little and make a store of it.

        Parameters
        ----------
        folder
            Where the store and what leads to it are written.
        restart
            Seconds to start an episode, to be left out.

        Returns
        -------
        calibration.Recorded
            The store, and seconds a step of recording and of making the store.
        """
        raise self._cannot("measure its speed", "calibrate")

    # The report

    def picture(self, game: str, observation: np.ndarray) -> np.ndarray:
        """An observation as an image. Here: as rows of grey, dark for the least.

        Parameters
        ----------
        game
            What was played.
        observation
            Of one step, in the field that the domain `shows`.

        Returns
        -------
        np.ndarray
            uint8 (height, width) or (height, width, 3).
        """
        rows = observation.reshape(-1, observation.shape[-1]).astype(np.float64)
        return np.uint8(255 * (rows - rows.min()) / max(np.ptp(rows), 1e-9))

    def pictures(self) -> tuple[Picture, ...]:
        """What is shown of recorded play."""
        from ilscaling.show.figures import gallery

        return (Picture("Recorded episodes", ".png", gallery.contact_sheet),)

    def facts(self, section: Section, demos: Path, expert: str | None) -> dict:
        """What the report says of who played.

        Parameters
        ----------
        demos
            The store.
        expert
            Path of the expert's file, if there is one.

        Returns
        -------
        dict
            `expert` (name -> text), and `ingest` where recordings were read.
        """
        from ilscaling import store
        from ilscaling.domains import brought

        player = store.open_split(demos, "train").attrs["expert"]
        if self.brought(section) is not None:
            return {"expert": brought.facts(player)}
        return {"expert": {name: str(value) for name, value in player.items()}}

    def _cannot(self, what: str, key: str):
        from ilscaling.errors import GameError

        return GameError(
            f"the domain {self.name!r} cannot {what}",
            where=f"--{key}",
            fix="name a game of a domain that can: ilscaling params",
        )
