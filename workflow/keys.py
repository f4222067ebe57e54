"""Keys and paths of everything that the workflow makes; the only code that computes either.

The key of a step is a digest of the parameters that it uses, of the code that it runs (the closure
of its imports) and of the keys of its inputs. It stands in the path of what the step makes, so an
artefact that exists under its key is valid, whatever its age. A run's key does not name its
budgets: a budget that is added later goes on from the run's last state.
"""

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import forecast
import sources
import trainings
from late import LATE

from ilscaling import files, games, plan, registry, schedules
from ilscaling.domains.gymnasium.section import Gymnasium
from ilscaling.domains.nethack.section import NetHack
from ilscaling.errors import ExpertError
from ilscaling.games import played
from ilscaling.grid import Run, budget_name
from ilscaling.params import Params

LENGTH = 12  # hex digits of a key in a path

# Modules whose import closure is the code of a step. What a registry names instead of importing
# (a domain's game, a family's model) is added by the step's own domain and family.
ROOTS = {
    "expert": ("ilscaling.domains.atari.ppo",),
    "record": ("ilscaling.domains.atari.record",),
    "perform": ("ilscaling.domains.gymnasium.record",),
    "shard": ("ilscaling.store.shard",),
    "games": ("ilscaling.domains.nethack.recording", "ilscaling.domains.nethack.bot"),
    "ingest": ("ilscaling.domains.nethack.ingest",),
    "train": ("ilscaling.learning.run",),
    "evaluate": ("ilscaling.measuring",),
    "random": ("ilscaling.measuring.reference",),
    "table": ("ilscaling.tabulate", "ilscaling.grid"),
    "fit": ("ilscaling.laws", "ilscaling.tables"),
    "proposal": ("ilscaling.laws", "ilscaling.grid"),
    "forecast": ("ilscaling.tabulate",),
    "figures": (
        "ilscaling.show.figures",
        "ilscaling.show.figures.gallery",
        "ilscaling.show.figures.replays",
        "ilscaling.measuring.replay",
        "ilscaling.laws",
    ),
    "report": ("ilscaling.show.report", "ilscaling.show.figures.gallery"),
    "headline": (),
}
# Scripts beside this file that run a step.
SCRIPTS = {
    "table": "gather.py",
    "proposal": "propose.py",
    "forecast": "realise.py",
    "figures": "picture.py",
    "report": "publish.py",
    "headline": "headline.py",
}
GAME_ROOTS = {
    "atari": ("ilscaling.domains.atari.game",),
    "nethack": ("ilscaling.domains.nethack.vector",),
    "gymnasium": ("ilscaling.domains.gymnasium.game",),
}
FAMILY_ROOTS = {
    "cnn": ("ilscaling.policies.cnn",),
    "transformer": ("ilscaling.policies.transformer",),
    "lstm": ("ilscaling.policies.lstm",),
}


def game_roots(section) -> tuple[str, ...]:
    """Where the code of a section's game begins, an extension's file among it."""
    own = isinstance(section, Gymnasium)
    file = (registry.source("GAME", section.game),) if own else ()
    return (*GAME_ROOTS[section.domain], *file)


def family_roots(family: str) -> tuple[str, ...]:
    """Where the code of a family's policies begins."""
    return FAMILY_ROOTS.get(family) or (registry.source("FAMILY", family),)


def training_roots(section) -> tuple[str, ...]:
    """Where the code of a section's algorithm and schedule begins."""
    named = (("ALGORITHM", section.algorithm), ("SCHEDULE", section.train.schedule))
    return tuple(registry.source(kind, name) for kind, name in named)


# What every key computed so far is a digest of: step, content, and the modules its code begins at.
RECIPES: dict[str, tuple[str, object, tuple[str, ...]]] = {}


def key(step: str, content: object, *roots: str) -> str:
    """Key of a step: its parameters and inputs' keys (`content`), and its code."""
    late = {name: sources.part(name)[:LENGTH] for name in LATE.get(step, {})}
    if late != LATE.get(step, {}):
        content = [content, late]
    script, roots = "", (*ROOTS[step], *roots)
    if step in SCRIPTS:
        script, used = sources.script(SCRIPTS[step])
        roots = tuple(sorted({*roots, *used}))
    made = files.digest([step, content, sources.digest(*roots), script])[:LENGTH]
    RECIPES[made] = (step, content, roots)
    return made


def recordings_digest(folder: str | Path) -> str:
    """Key of somebody's recordings in the layout of NLD: the names and sizes of the games and the
    content of their xlogfiles. Of an absent folder, its name: such a study can be planned."""
    root = Path(folder).expanduser()
    if not root.is_dir():
        return files.digest(["absent", str(folder)])[:LENGTH]
    logs = {p.relative_to(root).as_posix(): files.sha256(p) for p in root.glob("*/*xlogfile")}
    sizes = {p.relative_to(root).as_posix(): p.stat().st_size for p in root.glob("*/*.bz2")}
    return files.digest([sorted(logs.items()), sorted(sizes.items())])[:LENGTH]


@dataclass(frozen=True, eq=False)
class Keys:
    """All keys and paths of one study. `root`: the project's folder."""

    params: Params
    root: Path = field(default_factory=Path)

    @cached_property
    def cells(self) -> list[plan.Cell]:
        return plan.cells(self.params)

    @cached_property
    def runs(self) -> dict[Run, list[plan.Cell]]:
        return plan.by_run(self.cells)

    @cached_property
    def _memory(self) -> dict:
        return {}

    def _once(self, name: tuple, make):
        if name not in self._memory:
            self._memory[name] = make()
        return self._memory[name]

    def _game_roots(self, game: str) -> tuple[str, ...]:
        return game_roots(self.params.games[game])

    @property
    def _all_game_roots(self) -> list[str]:
        return sorted({root for game in self.params.games for root in self._game_roots(game)})

    # Expert

    def expert_key(self, game: str) -> str:
        return self._once(("expert", game), lambda: self._expert_key(game))

    def _expert_key(self, game: str) -> str:
        section = self.params.games[game]
        if isinstance(section, NetHack):
            if section.expert.recordings is None:
                return key("games", [section.emulator.model_dump()], *self._game_roots(game))
            return recordings_digest(section.expert.recordings.path)
        if isinstance(section, Gymnasium) and section.expert.file is None:
            return sources.digest(registry.source("EXPERT", section.expert.name))[:LENGTH]
        if section.expert.file is None:
            content = [played(game), section.emulator.model_dump(), section.expert.ppo.model_dump()]
            return key("expert", content, *self._game_roots(game))
        path = self.root / section.expert.file
        if not path.is_file():
            fix = f"git checkout -- {section.expert.file}   or set the parameter to null"
            if not isinstance(section, Gymnasium):
                fix += (
                    ": then the workflow trains one by PPO   or make one of a checkpoint:"
                    f" ilscaling import-expert CHECKPOINT.zip --game {played(game)}"
                    f" --out {section.expert.file}"
                )
            where = f"{path} (params: games.{game}.expert.file)"
            raise ExpertError("expert file is missing", where=where, fix=fix)
        return files.sha256(path)[:LENGTH]

    def expert(self, game: str) -> str | None:
        """File of an Atari game's expert policy, or that an extension's expert reads, if any."""
        given = self.params.games[game].expert.file
        if isinstance(self.params.games[game], Gymnasium):
            return given
        return given or f"data/experts/{played(game)}-{self.expert_key(game)}.safetensors"

    def expert_work(self, game: str) -> str:
        return f"data/experts/{played(game)}-{self.expert_key(game)}-work"

    # Demonstrations

    def source(self, game: str) -> str:
        """Name under which a game's demonstrations are kept. Sections of a game that differ in
        training alone share them."""
        section = self.params.games[game]
        return section.domain if isinstance(section, NetHack) else games.name(game, section)

    def owner(self, source: str, key: str) -> str:
        """The first game whose demonstrations, recordings or random play have that key."""
        for game in self.params.games:
            keys = (self.record_key(game), self.demos_key(game), self.random_key(game))
            keys += (self.expert_key(game),)
            if self.source(game) == source and key in keys:
                return game
        raise KeyError(f"{source}-{key}")

    def record_key(self, game: str) -> str:
        return self._once(("record", game), lambda: self._record_key(game))

    def _record_key(self, game: str) -> str:
        section = self.params.games[game]
        wanted = section.demonstrations.model_dump(exclude={"chunk_steps", "shard_steps"})
        if isinstance(section, NetHack) and section.expert.recordings is not None:
            taken = section.expert.recordings.model_dump(exclude={"path"})
            del wanted["jobs"]
            return key("ingest", [self.expert_key(game), taken, wanted])
        content = [
            self.source(game),
            section.emulator.model_dump(),
            self.expert_key(game),
            section.expert.model_dump(exclude={"file", "ppo", "min_return"}),
            wanted,
        ]
        if isinstance(section, Gymnasium):
            player = registry.source("EXPERT", section.expert.name)
            return key("perform", content, *self._game_roots(game), player)
        step = "games" if isinstance(section, NetHack) else "record"
        return key(step, content, *self._game_roots(game))

    def parts(self, game: str) -> list[str]:
        """What the recording jobs make: a part each of an Atari game, a folder of recorded games
        each of NetHack; nothing where somebody else's recordings are taken."""
        section = self.params.games[game]
        folder = f"{self.source(game)}-{self.record_key(game)}"
        jobs = range(section.demonstrations.jobs)
        if not isinstance(section, NetHack):
            return [f"data/parts/{folder}/part-{job}.zip" for job in jobs]
        if section.expert.recordings is None:
            return [f"data/recordings/{folder}/job-{job}" for job in jobs]
        return []

    def recordings(self, game: str) -> str:
        """The folder of NetHack games that is ingested, in the layout of NLD."""
        section = self.params.games[game]
        if section.expert.recordings is not None:
            return section.expert.recordings.path
        return f"data/recordings/{self.source(game)}-{self.record_key(game)}"

    def demos_key(self, game: str) -> str:
        return self._once(("shard", game), lambda: self._demos_key(game))

    def _demos_key(self, game: str) -> str:
        section = self.params.games[game]
        wanted = section.demonstrations
        content = [self.record_key(game), wanted.chunk_steps, wanted.shard_steps]
        if isinstance(section, NetHack):
            return key("ingest", content)
        return key("shard", content)

    def demos(self, game: str) -> str:
        return f"data/demonstrations/{self.source(game)}-{self.demos_key(game)}/demos.zarr"

    def demos_stamp(self, game: str) -> str:
        return f"data/demonstrations/{self.source(game)}-{self.demos_key(game)}/done.json"

    # Runs and cells

    def run_key(self, run: Run) -> str:
        return self._once(("train", run), lambda: self._run_key(run))

    def trunk_key(self, run: Run) -> str:
        """Key of what the cells of a run share: of all but how they branch off."""
        apart = schedules.all_read()
        return self._once(("trunk", run), lambda: self._run_key(run, apart))

    def _run_key(self, run: Run, apart: set[str] | None = None) -> str:
        section = self.params.games[run.game]
        train = section.train
        content = [
            self.demos_key(run.game),
            [run.game, run.family, run.size, run.seed],
            # By value: a rule that changes for other sizes leaves this run alone.
            {"batch": train.batch_of(run.size), "rate": train.rate(run.size)},
            train.model_dump(
                exclude={"batch", "rate", "checkpoint_seconds"}
                | (schedules.unread(train) if apart is None else apart)
            ),
            section.grid.flops,
            [section.algorithm, section.model_dump(include={section.algorithm})],
        ]
        return key("train", content, *family_roots(run.family), *training_roots(section))

    def schedule(self, run: Run) -> str:
        return self.params.games[run.game].train.schedule

    def run_dir(self, run: Run) -> str:
        kind = "" if self.schedule(run) == "constant" else f"-{self.schedule(run)}"
        return f"data/runs/{run.game}/{run.name}{kind}-{self.run_key(run)}"

    def trunk_dir(self, run: Run) -> str:
        return f"data/runs/{run.game}/{run.name}-trunk-{self.trunk_key(run)}"

    def curve(self, run: Run) -> str:
        """The learning curve of a run up to its largest budget."""
        constant = self.schedule(run) == "constant"
        mark = "" if constant else f"-{budget_name(self.runs[run][-1].budget)}"
        return f"{self.run_dir(run)}/curve{mark}.csv"

    def ladder(self, run: Run) -> str:
        """Digest of the run's budgets: names the list of its snapshots."""
        return files.digest([cell.budget for cell in self.runs[run]])[:LENGTH]

    def trainings(self, run: Run) -> list[trainings.Training]:
        """The jobs that train a run, in their order."""
        return self._once(("trainings", run), lambda: trainings.of(self, run))

    def run_manifest(self, run: Run) -> str:
        return f"{self.run_dir(run)}/cells-{self.ladder(run)}.json"

    def evaluation_key(self, run: Run) -> str:
        section = self.params.games[run.game]
        content = [
            self.run_key(run),
            section.evaluation.model_dump(exclude={"random_episodes", "lanes"}),
            section.emulator.model_dump(),
        ]
        roots = (*self._game_roots(run.game), *family_roots(run.family))
        return self._once(("evaluate", run), lambda: key("evaluate", content, *roots))

    def evaluation_dir(self, run: Run) -> str:
        return f"data/evaluations/{run.game}/{run.name}-{self.evaluation_key(run)}"

    def evaluation_manifest(self, run: Run) -> str:
        return f"{self.evaluation_dir(run)}/cells-{self.ladder(run)}.json"

    def random_key(self, game: str) -> str:
        section = self.params.games[game]
        evaluation = section.evaluation
        content = [
            self.source(game),
            section.emulator.model_dump(),
            evaluation.random_episodes,
            evaluation.seed,
        ]
        return self._once(("random", game), lambda: key("random", content, *self._game_roots(game)))

    def random(self, game: str) -> str:
        return f"data/evaluations/{self.source(game)}/random-{self.random_key(game)}.json"

    # Results: fixed names for people, one keyed stamp a step for the workflow

    @cached_property
    def table_key(self) -> str:
        content = [
            [[self.evaluation_key(run), self.ladder(run)] for run in self.runs],
            [[game, self.demos_key(game), self.random_key(game)] for game in self.params.games],
            [[budget_name(cell.budget), cell.reason] for cell in self.cells],
        ]
        return key("table", content, *self._all_game_roots)

    @cached_property
    def fit_key(self) -> str:
        return key("fit", [self.table_key, self.params.laws.model_dump(exclude={"forecast"})])

    @cached_property
    def proposal_key(self) -> str:
        return key("proposal", [self.fit_key, self.params.laws.forecast.model_dump()])

    @cached_property
    def forecast_key(self) -> str:
        return key("forecast", [self.proposal_key])

    @cached_property
    def headline_key(self) -> str:
        return key("headline", [self.fit_key])

    def key_of(self, step: str, *, forecast: bool = False) -> str:
        """Key of a step of the results; `forecast`: of figures and report that show it."""
        shown = [self.forecast_key] if forecast else []
        if step == "figures":
            return key("figures", [self.fit_key, *shown], *self._all_game_roots)
        if step == "report":
            figures = self.key_of("figures", forecast=forecast)
            return key("report", [figures, *shown, self.params.model_dump(exclude={"machine"})])
        return getattr(self, f"{step}_key")

    def stamp(self, step: str, *, forecast: bool = False) -> str:
        return f"results/keys/{step}-{self.key_of(step, forecast=forecast)}.json"

    # The forecast: cells that the fitted laws propose

    def forecast(self) -> "Keys | None":
        """Keys of the study that the forecast trains; None as long as it is not proposed."""
        path = self.root / self.stamp("proposal")
        if not path.is_file():
            return None
        proposals = files.read_json(path)["proposals"]
        return self._once(
            ("forecast",), lambda: Keys(forecast.study(self.params, proposals), self.root)
        )

    @cached_property
    def has_forecast(self) -> bool:
        """Whether the forecast of this study was trained: figures and report then show it."""
        return (self.root / self.stamp("forecast")).is_file()

    def all(self) -> dict[str, object]:
        """Every key by step, for the report and for people."""
        trunks = {
            f"{run.game}/{run.name}": self.trunk_key(run)
            for run in self.runs
            if self.schedule(run) == "wsd"
        }
        return {
            "expert": {game: self.expert_key(game) for game in self.params.games},
            "record": {game: self.record_key(game) for game in self.params.games},
            "demonstrations": {game: self.demos_key(game) for game in self.params.games},
            "runs": {f"{run.game}/{run.name}": self.run_key(run) for run in self.runs},
            **({"trunks": trunks} if trunks else {}),
            "evaluations": {
                f"{run.game}/{run.name}": self.evaluation_key(run) for run in self.runs
            },
            "table": self.table_key,
            "fit": self.fit_key,
            **({"forecast": self.forecast_key} if self.has_forecast else {}),
            "figures": self.key_of("figures", forecast=self.has_forecast),
            "report": self.key_of("report", forecast=self.has_forecast),
        }
