"""Exceptions whose text says what is wrong, where, and what to type next."""

import errno
import os
import shlex
import sys
from collections.abc import Callable

AGAIN = "then the same command again: what was finished stays"
# What helps where the machine lacks something, by the number of the operating system's error.
REMEDIES = {
    errno.ENOSPC: f"df -h .   and free some space; {AGAIN}",
    errno.EDQUOT: f"quota -s   and free some space; {AGAIN}",
    errno.EROFS: "copy the project to a disk that can be written",
    errno.EACCES: "chmod -R u+rwX .   or work in a folder of your own",
    errno.EMFILE: f"ulimit -n 4096   {AGAIN}",
    errno.ENFILE: f"close other programs, {AGAIN}",
    errno.EIO: f"look after the disk (dmesg); {AGAIN}",
}


class IlscalingError(Exception):
    """An error that a user can act on; the command line prints its text and no traceback.

    `what` is a sentence, `where` a file, key or array, `fix` the next thing to type.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = ""):
        self.what, self.where, self.fix = what, where, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  try:   {self.fix}")
        return "\n".join(lines)


class DamagedFile(IlscalingError, ValueError):
    """A file that does not hold what it must: cut, changed, or never one of ours."""


class ParamsError(IlscalingError):
    """A parameter that is unknown, of the wrong type or out of bounds."""


class ExtensionError(IlscalingError):
    """A file of `extensions` that cannot be loaded, or that does not do what it must."""


class GameError(IlscalingError):
    """A game that does not exist or cannot do what was asked."""


class StoreError(IlscalingError):
    """Demonstrations that are missing, truncated or corrupted."""


class ExpertError(IlscalingError):
    """An expert file that is missing, damaged or of another game."""


class TrainingError(IlscalingError):
    """A run that cannot start, or a snapshot that cannot be read."""


class FitError(IlscalingError):
    """A law that the table does not determine."""


class WorkflowError(IlscalingError):
    """A workflow that cannot start: a lock, a missing file, no disk space."""


def remake(*paths: object) -> str:
    """What to type to have files or folders of the store made anew."""
    return f"rm -r {shlex.join(map(str, paths))} && snakemake --cores all"


def text(error: IlscalingError | OSError | MemoryError) -> str:
    """What a user reads of an error of ours, of the disk or of the memory.

    Parameters
    ----------
    error
        Of the disk: files are written under temporary names, so nothing half-written stays behind.
    """
    if isinstance(error, IlscalingError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory{f': {error}' if str(error) else ''}"
    where = f"\n  where: {error.filename}" if error.filename else ""
    fix = f"\n  try:   {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
    return f"{error.strerror or error}{where}{fix}"


def run(program: Callable[[], object]) -> None:
    """Run a program of ours: an error that a user can act on is printed without a traceback.

    Ends the process with status 1 after an error, with 130 after Ctrl-C, and without a word where
    nobody reads what it prints any more (`| head`). What a terminal's encoding lacks is escaped.
    """
    os.environ["MPLBACKEND"] = "agg"  # a notebook's own is for its pages; ours are files
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        program()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains when it ends
        sys.exit(1)
    except (IlscalingError, OSError, MemoryError) as error:
        print(f"error: {text(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
