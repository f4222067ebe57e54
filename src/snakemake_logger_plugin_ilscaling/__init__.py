"""Snakemake's logger plugin of this project: `snakemake --logger ilscaling`, as profiles/default.

Shows what Snakemake would, without its scheduling chatter, and what `ilscaling.pipeline.console`
adds. Snakemake loads it before it reads the Snakefile, which says whose code of `ilscaling` this
pipeline is of; so it imports nothing of it and looks for the console when there is one.
"""

import logging
import os
import sys
from pathlib import Path

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase

# The log file has them.
QUIET = {Quietness.RULES, Quietness.HOST, Quietness.REASON}


def find_cache() -> None:
    """Give Snakemake, which would end with a traceback, a place for its cache where the user of a
    container has no home that can be written to."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    try:
        (cache / "snakemake").mkdir(parents=True, exist_ok=True)
    except OSError:
        os.environ["XDG_CACHE_HOME"] = str(Path(".snakemake/cache").absolute())


def refused_study() -> str | None:
    """What is wrong with params.yaml or a file after `--configfile`, None if nothing is. Snakemake
    reads them before any code of the project's, and does not say in which of them it failed."""
    from ilscaling import errors, parameter_files  # the process ends after it: no snapshot is meant

    paths, is_study = ["params.yaml"], False
    for argument in sys.argv[1:]:
        option, _, value = argument.partition("=")
        if argument.startswith("-"):
            is_study = option in ("--configfile", "--configfiles")
            argument = value
        if is_study and argument:
            paths.append(argument)
    for path in paths:
        try:
            parameter_files.read_mapping(path)
        except errors.ParamsError as error:
            return errors.text(error)
    return None


class LogHandler(LogHandlerBase):
    """Prints records on the terminal."""

    _refused: str | None = None

    def __post_init__(self) -> None:
        find_cache()  # a plugin is the first of ours that Snakemake runs
        settings = self.common_settings
        quiet = {*(settings.quiet or ()), *QUIET}
        stream = sys.stdout if settings.stdout else sys.stderr
        self._terminal = ColorizingTextHandler(nocolor=settings.nocolor, stream=stream)
        self._terminal.setFormatter(DefaultFormatter(quiet, settings.show_failed_logs))
        self._terminal.addFilter(
            DefaultFilter(
                quiet,
                settings.debug_dag,
                settings.verbose,
                settings.dryrun,
                settings.printshellcmds,
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        console = sys.modules.get("ilscaling.pipeline.console")
        if console is None and record.levelno >= logging.ERROR:
            # Before the Snakefile, so that an error ends the process.
            if self._refused is None and (words := refused_study()):
                self._refused = words
                print(words, file=sys.stderr)
            if self._refused:
                return
        if console is None or console.is_shown(record):
            self._terminal.handle(record)
        if console is not None and console.current is not None:
            console.current.handle(record)

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False
