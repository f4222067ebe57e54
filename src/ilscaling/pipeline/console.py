"""What the terminal shows: the line with the ETA, why a job failed, the closing words.

Snakemake's logger plugin `ilscaling` (see `snakemake_logger_plugin_ilscaling`) passes every record
on to here; the Snakefile says what study it is.
"""

import logging
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

from ilscaling import files
from ilscaling.errors import FitError
from ilscaling.pipeline.keys import Keys
from ilscaling.pipeline.progress_display import Monitor

# What the line with the ETA says better.
CHATTER = {LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS, LogEvent.JOB_ERROR}
WORDS = re.compile(
    r"Select jobs to execute\.\.\.|Execute \d+ jobs\.\.\.|Error in rule "
    # What a failed job did not make, and has left, is as it should be.
    r"|Cannot restore .*: no backup found|--keep-incomplete mode is set"
)
NOTHING = "Nothing to be done"
LINES = 12  # of a failed job's log
AHEAD = 10  # times the largest budget: what a forecast is shown with


class Console:
    """What is shown of a pipeline.

    Parameters
    ----------
    keys
        The study.
    monitor
        The line with the ETA.
    quiet
        Whether nothing is added to Snakemake's own words, as in a dry run.
    overlays
        Files that are laid over params.yaml (--configfile).
    """

    def __init__(self, keys: Keys, monitor: Monitor, *, quiet: bool, overlays: Sequence[str] = ()):
        self.keys, self.monitor, self.quiet = keys, monitor, quiet
        self.overlays = overlays

    def handle(self, record: logging.LogRecord) -> None:
        """Add what a record of Snakemake's logger calls for."""
        if self.quiet:
            return
        if getattr(record, "event", None) == LogEvent.JOB_ERROR:
            _say(failure(record))
        elif str(record.msg).startswith(NOTHING):
            # Snakemake says nothing of its own when there is nothing to do.
            self.conclude()

    def conclude(self) -> None:
        """Print where the report is, what was fitted and what to do next, if all is made."""
        published = Path(self.keys.published_dir)
        try:
            metrics = files.read_json(published / "metrics.json")
            report = (published / "report.html").resolve(strict=True)
            words = headline(metrics, published)
        except (OSError, ValueError, FitError):
            return
        where = [f"\nReport:  {report}", f"Figures: {report.parent / 'figures'}"]
        _say("\n".join([*where, *words, *self._next()]))

    def _next(self) -> list[str]:
        """Commands that go on from a complete study, and where its words are explained."""
        overlays = "".join(f" --study {shlex.quote(file)}" for file in self.overlays)
        games = self.keys.params.games.values()
        budget = AHEAD * max(budget for game in games for budget in game.grid.budgets)
        return [
            "",
            "What 'sign only', 'flat', 'edge' and the like mean: docs/laws.md. Next:",
            f"    ilscaling play{overlays}          watch the best agent (--list: all of them)",
            f"    ilscaling forecast {self.keys.published_dir}/results.csv --budget {budget:.2g}",
        ]

    def advise(self) -> None:
        """Print what to do after a failure."""
        _say(
            "\nA job failed. Fix the cause and give the same command again: nothing that was"
            " finished is computed twice."
        )


current: Console | None = None


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")  # at once: Snakemake's own words come from another thread


def is_shown(record: logging.LogRecord) -> bool:
    """Whether Snakemake's own record belongs on the terminal."""
    return getattr(record, "event", None) not in CHATTER and not WORDS.match(str(record.msg))


def failure(record: logging.LogRecord) -> str:
    """Why a job failed: the end of its log, and what ended it if that does not say so."""
    logs = [Path(name) for name in record.log if Path(name).is_file()]
    lines = [f"\nError in rule {record.rule_name}, job {record.jobid}"]
    said = False
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace").rstrip()
        said = said or "error:" in text or "Traceback" in text
        tail = [line.split("\r")[-1] for line in text.splitlines()[-LINES:]]
        lines += (
            [f"{log} ends with:", *(f"  {line}" for line in tail)] if tail else [f"{log}: empty"]
        )
    job = dict(record.aux or {}).get("external_jobid")
    if state := job and slurm_state(str(job)):
        lines.append(f"Slurm job {job}: {state}")
    elif not said:
        lines.append(
            "The log names no cause: the job was killed from outside (no memory was left, a time"
            " limit, a signal) or crashed (a segmentation fault)."
        )
    return "\n".join(lines)


def slurm_state(job: str) -> str:
    """How a job of Slurm ended, such as 'OUT_OF_MEMORY' or 'TIMEOUT'; empty if it can't be told."""
    try:
        command = ["scontrol", "show", "job", job]
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    state = re.search(r"JobState=(\S+)", done.stdout)
    reason = re.search(r"Reason=(\S+)", done.stdout)
    cause = "" if reason is None or reason[1] == "None" else f" ({reason[1]})"
    return f"{state[1]}{cause}" if state else ""


def headline(metrics: dict, published: Path) -> list[str]:
    """The quoted exponents for the terminal.

    Parameters
    ----------
    metrics
        Game -> its numbers, as metrics.json holds them.
    published
        Folder of the study's results, with its laws.

    Returns
    -------
    list of str
        One line a law, each with its interval and, below, with what a sceptic should know of it.
    """
    # Only here: a Snakefile that is read needs no statistics.
    from ilscaling import laws
    from ilscaling.show import quoted

    fit = laws.read(published / "laws")
    lines = []
    for game, numbers in metrics.items():
        method = "parabola vertices" if numbers["method"] == "vertex" else "grid minima"
        lines.append(
            f"\n{game}: {numbers['cells_done']} cells; N and D by the median of four methods, the"
            f" rest from {method}"
        )
        lines += quoted.lines(fit, game)
        best, share = numbers.get("best_return"), numbers.get("best_return_of_expert")
        if best is not None:
            of = "" if share is None else f", {share:.0%} of the expert's"
            lines.append(f"  best return {best:.1f}{of}")
    return lines
