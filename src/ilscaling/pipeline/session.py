"""The study of a Snakefile that is being read, and what its pipeline does before its jobs.

Reading changes nothing but what the store lacks and a pull has brought (`artifact_store.adopt`):
`snakemake --lint`, `--summary`, `--rulegraph`, `--report` and `-n` take no lock and end nothing. A
pipeline prepares when its first job is due (`Session.begin`).
"""

import os
import sys
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from filelock import BaseFileLock, FileLock

from ilscaling import params as parameters
from ilscaling.parameter_files import read_mapping
from ilscaling.pipeline import (
    artifact_store,
    code_snapshot,
    console,
    demonstrations_lock,
    pipeline_lock,
    preflight,
    progress_display,
    run_resources,
    study_context,
)
from ilscaling.pipeline.console import Console
from ilscaling.pipeline.keys import Keys

# The environment in which a pipeline's jobs find what belongs to it.
SOURCE, STUDY, PROGRESS = "ILSCALING_SOURCE", "ILSCALING_STUDY", "ILSCALING_PROGRESS_DIR"
WHERE = "params.yaml and --configfile"  # stand a study's parameters
# Numba's setting: what finds the code that it has compiled; and ours.
LOCATORS, LOCATOR = "NUMBA_CACHE_LOCATOR_CLASSES", "ilscaling.pipeline.compiled_cache.Locator"


@dataclass
class Session:
    """A study and the code that its pipeline runs.

    Parameters
    ----------
    keys
        Of the study.
    snapshot
        The code.
    study_file
        File with paths and keys of the study, for its last steps and a cluster's jobs.
    contents
        What that file says; empty in a job.
    console
        What the terminal shows; None in a job.
    """

    keys: Keys
    snapshot: code_snapshot.Snapshot
    study_file: str
    contents: dict = field(default_factory=dict)
    console: Console | None = None
    lock: BaseFileLock | None = None
    demonstrations: list[FileLock] | None = None

    @property
    def params_file(self) -> str:
        """File with the study's parameters, for its jobs."""
        return str(preflight.params_file(self.keys.params, self.snapshot)[0])

    def export(self) -> None:
        """Tell the jobs, by their environment, where code, study and progress are."""
        for name, first in (
            ("PYTHONPATH", self.snapshot.python_path),
            ("PATH", str(Path(sys.executable).parent)),
        ):
            others = [path for path in os.environ.get(name, "").split(os.pathsep) if path != first]
            os.environ[name] = os.pathsep.join([first, *filter(None, others)])
        os.environ["PYTHONUTF8"] = "1"  # whatever a machine's locale is, paths and logs are UTF-8
        # Images of containers forbid it; each job would compile the snapshot, for seconds.
        os.environ["PYTHONDONTWRITEBYTECODE"] = ""
        os.environ["MPLBACKEND"] = "agg"  # that of a notebook is unknown to its shell's programs
        # A name, for numba itself would cost each start a second.
        os.environ.setdefault(LOCATORS, LOCATOR)
        os.environ[SOURCE] = self.snapshot.python_path
        os.environ[STUDY] = self.study_file
        os.environ[PROGRESS] = str(progress_display.FOLDER)

    def begin(self, outputs: set[str], missing: set[str]) -> bool:
        """Become the one pipeline of this folder and prepare for its jobs.

        Parameters
        ----------
        outputs
            What the jobs make.
        missing
            What of it was not there when the pipeline was planned.

        Returns
        -------
        bool
            Whether the plan holds: not if another pipeline made demonstrations meanwhile.

        Raises
        ------
        WorkflowError
            If another one runs here, or the jobs could not succeed.
        """
        self.lock = pipeline_lock.acquire(".snakemake")
        self.demonstrations = demonstrations_lock.acquire(self.keys, outputs, missing)
        if self.demonstrations is None:
            self.lock.release()
            return False
        preflight.begin(self.keys, self.snapshot, self.contents)
        self.snapshot.enter()
        self.console.monitor.start(outputs)
        return True

    def end(self, *, failed: bool) -> None:
        """Say how it went."""
        self.console.monitor.stop()
        if failed:
            self.console.advise()
        else:
            self.console.conclude()


def merged(config: dict, configfiles: list[str], project: Path) -> dict:
    """Parameters in the order that `ilscaling plan` has too: params.yaml, the study that is named,
    files of --configfile, and what --config says.

    Parameters
    ----------
    config
        Parameters as Snakemake has merged them, which does not know of studies/NAME.yaml.
    configfiles
        Files of --configfile, in their order.
    project
        The folder of params.yaml.
    """
    # Snakemake takes the last of two equal keys and aliases without end; `read_mapping` does not.
    base, *files = (read_mapping(file) for file in (project / "params.yaml", *configfiles))
    from_files = reduce(parameters.overlay, [base, *files], {})
    given = parameters.overlay({}, config)
    typed = {key: value for key, value in given.items() if from_files.get(key) != value}
    layers = parameters.layers(project / "params.yaml", *configfiles, name=given.get("study"))
    return parameters.laid([*layers, typed], where=WHERE)


def of_pipeline(config: dict, configfiles: list[str], project: Path, *, dry: bool) -> Session:
    """The session of the process that was started by hand, or by DVC.

    Parameters
    ----------
    config
        Parameters as Snakemake has merged them.
    configfiles
        Files of --configfile among them.
    project
        The folder of the Snakefile.
    dry
        Whether no job will run.
    """
    preflight.refuse_read_only()
    params = parameters.check(merged(config, configfiles, project), where=WHERE)
    keys = Keys(params)
    run_resources.refuse(keys)
    artifact_store.adopt(keys)
    snapshot = code_snapshot.take(project / "src", tuple(params.extensions))
    contents = study_context.describe(keys)
    session = Session(keys, snapshot, str(study_context.file_of(contents)), contents)
    monitor = progress_display.Monitor(progress_display.jobs(keys))
    session.console = console.current = Console(keys, monitor, quiet=dry, overlays=configfiles)
    session.export()
    return session


def of_job() -> Session | None:
    """The session of a job of a cluster: of the pipeline that submitted it, whatever was edited
    since. None where its environment does not say."""
    if not {STUDY, SOURCE} <= os.environ.keys() or not Path(os.environ[STUDY]).is_file():
        return None
    study = study_context.read(Path(os.environ[STUDY]))
    keys = Keys(study.params)
    keys.thaw(study.known)
    source = Path(os.environ[SOURCE])
    snapshot = code_snapshot.Snapshot(source, tuple(study.params.extensions), source.parent.name)
    session = Session(keys, snapshot, os.environ[STUDY])
    session.export()
    return session
