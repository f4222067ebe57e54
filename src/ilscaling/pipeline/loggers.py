"""TensorBoard and Weights & Biases follow a study from outside: its learning curves and its
measurements become their runs, while it trains or afterwards. Training knows nothing of it, so no
key does either.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ilscaling import files
from ilscaling.errors import WorkflowError
from ilscaling.grid import Run

MEASURED = ("dev_loss", "test_loss", "dev_top1", "return_mean")
SUFFIX = ".ilscaling"


class Logger(ABC):
    """Where scalars go.

    Parameters
    ----------
    folder
        Of its files.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @abstractmethod
    def begin(self, name: str, key: str, settings: Mapping[str, object]) -> object:
        """Open a run by its name, the key that tells it from others, and its settings."""

    @abstractmethod
    def add(self, run: object, update: int, scalars: Mapping[str, float]) -> None:
        """Add scalars of an update to a run that `begin` opened, of any order."""

    @abstractmethod
    def end(self, run: object) -> None:
        """Close a run."""


class TensorBoard(Logger):
    """Event files, a folder a run; those that it wrote before of a run are written anew."""

    def begin(self, name, key, settings):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise _missing("TensorBoard", 'pip install ".[study]"', error) from None
        folder = self.folder / f"{name}-{key}"
        for old in folder.glob(f"events.*{SUFFIX}"):
            old.unlink()
        writer = SummaryWriter(str(folder), filename_suffix=SUFFIX)
        writer.add_text("settings", "\n".join(f"- {k}: {v}" for k, v in settings.items()))
        return writer

    def add(self, run, update, scalars):
        for name, value in scalars.items():
            run.add_scalar(name, value, update)
        run.flush()

    def end(self, run):
        run.close()


class WandB(Logger):
    """Runs of Weights & Biases: offline, unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path, project: str):
        super().__init__(folder)
        self.project = project

    def begin(self, name, key, settings):
        try:
            import wandb
        except ImportError as error:
            raise _missing("Weights & Biases", 'pip install ".[wandb]"', error) from None
        self.folder.mkdir(parents=True, exist_ok=True)
        quiet = wandb.Settings(
            silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True
        )
        run = wandb.init(
            project=self.project,
            name=name,
            # One run each time: what has the name of an old one would be laid over it.
            group=key,
            config=dict(settings),
            dir=str(self.folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
            reinit="create_new",
            settings=quiet,
        )
        # Its own count of steps must rise; what was measured comes after the curve.
        run.define_metric("update")
        run.define_metric("*", step_metric="update")
        return run

    def add(self, run, update, scalars):
        run.log({"update": update, **scalars})

    def end(self, run):
        run.finish()


def _missing(what: str, fix: str, error: ImportError) -> WorkflowError:
    return WorkflowError(f"{what} is not installed here ({error})", fix=fix)


class Follower:
    """Passes on what is new in the runs of a study.

    Parameters
    ----------
    keys : Keys
        Of the study.
    loggers : list of Logger
        Who gets it.
    """

    def __init__(self, keys, loggers: list[Logger]):
        self.keys, self.loggers = keys, loggers
        self.opened: dict[Run, list] = {}
        self.last: dict[Run, int] = {}  # update of the last row of its curve that was passed on
        self.measured: set[tuple[Run, float]] = set()  # cells whose measurement was

    def step(self) -> int:
        """Pass on what is new; returns the number of rows."""
        return sum(self._run(run) for run in self.keys.runs)

    def close(self) -> None:
        """Close every run."""
        for runs in self.opened.values():
            for logger, run in zip(self.loggers, runs, strict=True):
                logger.end(run)
        self.opened.clear()

    @property
    def complete(self) -> bool:
        """Whether every run of the study was measured."""
        return all(Path(self.keys.evaluation_manifest(run)).is_file() for run in self.keys.runs)

    def _run(self, run: Run) -> int:
        new = [*self._curve(run), *self._measured(run)]
        if new and run not in self.opened:
            name, key = f"{run.game}/{run.name}", self.keys.run_key(run)
            settings = {"study": self.keys.params.study, "game": run.game, "family": run.family}
            settings |= {"size": run.size, "seed": run.seed, "key": key}
            self.opened[run] = [one.begin(name, key, settings) for one in self.loggers]
        for update, scalars in new:
            for logger, of in zip(self.loggers, self.opened[run], strict=True):
                logger.add(of, update, scalars)
        return len(new)

    def _curve(self, run: Run) -> list[tuple[int, dict[str, float]]]:
        """New rows of the learning curve: update and scalars."""
        path = Path(self.keys.curve(run))
        if not path.is_file():
            return []
        curve = pd.read_csv(path)
        curve = curve[curve["update"] > self.last.get(run, -1)]
        if len(curve):
            self.last[run] = int(curve["update"].iloc[-1])
        rows = curve.drop(columns="update").add_prefix("train/").to_dict("records")
        return list(zip(map(int, curve["update"]), rows, strict=True))

    def _measured(self, run: Run) -> list[tuple[int, dict[str, float]]]:
        """New measurements of a run's cells: update and scalars."""
        rows = []
        for cell in self.keys.runs[run]:
            path = Path(self.keys.evaluation_dir(run)) / f"{cell.name}.json"
            if (run, cell.budget) in self.measured or not path.is_file():
                continue
            self.measured.add((run, cell.budget))
            record = files.read_json(path)
            known = {name: record[name] for name in MEASURED if record.get(name) is not None}
            values = {f"measured/{name}": float(value) for name, value in known.items()}
            rows += [(record["updates"], values)] if values else []
        return rows
