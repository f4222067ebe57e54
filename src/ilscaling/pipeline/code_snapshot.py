"""The code that a pipeline runs: a copy of the sources as they were when its keys were computed.

Keys are computed once, when a pipeline starts; a source file that is edited while it runs must not
run under a key that does not name it. So jobs import a snapshot, `.snakemake/source/DIGEST/src`.
"""

import hashlib
import os
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from ilscaling.errors import WorkflowError

FOLDER = Path(".snakemake/source")


@dataclass(frozen=True)
class Snapshot:
    """The sources of a project at one moment.

    Parameters
    ----------
    source
        The folder `src`.
    extensions
        Files of extensions, as the parameters name them.
    digest
        Of all that they hold.
    """

    source: Path
    extensions: tuple[str, ...]
    digest: str

    @property
    def folder(self) -> Path:
        return (FOLDER / self.digest).absolute()

    @property
    def python_path(self) -> str:
        """Where jobs import from."""
        return str(self.folder / "src")

    def extension(self, name: str) -> str:
        """The copy of an extension's file."""
        inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        return str(self.folder / (name if inside else f"elsewhere/{name.replace('/', '_')}"))

    def write(self) -> None:
        """Copy the sources; raises WorkflowError if they are no longer what they were."""
        if self.folder.is_dir():
            return
        aside = self.folder.with_name(f".{uuid.uuid4().hex[:8]}.tmp")
        try:
            for path in _files(self.source):
                _copy(path, aside / "src" / path.relative_to(self.source))
            for path in (self.source / "ilscaling").rglob("__pycache__/*.pyc"):
                _copy(path, aside / "src" / path.relative_to(self.source))  # the first jobs' time
            for name in self.extensions:
                _copy(Path(name), aside / Path(self.extension(name)).relative_to(self.folder))
            if take(self.source, self.extensions).digest != self.digest:
                raise WorkflowError(
                    "a source file changed while the pipeline started",
                    where=str(self.source),
                    fix="snakemake --cores all",
                )
            os.replace(aside, self.folder)
        except OSError:
            if not self.folder.is_dir():  # another start has made the same
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def enter(self) -> None:
        """From now on this process, too, imports what it lacks from here."""
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == __package__.partition(".")[0] and hasattr(
                module, "__path__"
            ):
                module.__path__ = [str(Path(self.python_path, *name.split(".")))]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)  # compiled code is valid for a file of that time


def _files(source: Path) -> list[Path]:
    every = (source / "ilscaling").rglob("*")
    return sorted(p for p in every if p.is_file() and "__pycache__" not in p.parts)


def take(source: Path, extensions: tuple[str, ...] = ()) -> Snapshot:
    """Digest the sources as they are.

    Parameters
    ----------
    source
        The folder `src`.
    extensions
        Files of extensions, as the parameters name them.
    """
    whole = hashlib.sha256()
    paths = [(path.relative_to(source).as_posix(), path) for path in _files(source)]
    for name, path in (*paths, *((name, Path(name)) for name in extensions)):
        whole.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return Snapshot(source, tuple(extensions), whole.hexdigest()[:12])


def remove_old(keep: Snapshot, most: int = 10) -> None:
    """Remove snapshots but the newest: jobs of a cluster may still run an earlier one.

    Parameters
    ----------
    keep
        What stays, however old.
    most
        How many of the newest stay.
    """
    every = sorted(FOLDER.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime)
    for path in every[:-most]:
        if path.absolute() != keep.folder:
            shutil.rmtree(path, ignore_errors=True)
