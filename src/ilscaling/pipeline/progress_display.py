"""One line on the terminal now and then: how far the workflow is, and how long it will take.

Each job's expected cost comes from the plan, its own progress from the file that the job's bar
writes. The plan's speeds are another machine's: elapsed time corrects them on the way.
"""

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ilscaling import files, plan, progress
from ilscaling.pipeline.keys import Keys

FOLDER = Path(".snakemake/progress")


@dataclass(frozen=True)
class Job:
    """A piece of work.

    Without a report of its own, the share of a job that is `alone` is told by the clock.

    Parameters
    ----------
    name
        As the terminal shows it.
    output
        What makes it done, once it is there; also names the file that it reports in.
    seconds
        Expected thread-seconds.
    alone
        Whether it waits for all others, and nothing runs beside it.
    """

    name: str
    output: str
    seconds: float
    alone: bool = False  # it waits for all others, and nothing runs beside it

    @property
    def progress(self) -> Path:
        return progress.file_of(FOLDER, self.output)


class Monitor:
    """Watches `jobs` from a daemon thread; prints to stderr while the workflow runs."""

    def __init__(self, jobs: list[Job], every: float | None = None):
        self.jobs = jobs
        self.live = os.isatty(2)  # on a terminal one line is rewritten, in a log lines follow
        self.every = every or (2.0 if self.live else 20.0)
        self.total = 0.0
        self.began = 0.0
        self.before = 0.0  # thread-seconds of work that was done before this start
        self._made: set[str] = set()  # once they were there: temporary outputs go again
        self._alone: tuple[str, float] = ("", 0.0)  # the job that runs alone, and since when
        self._stop = threading.Event()

    def start(self, outputs: set[str]) -> None:
        """Watch the jobs that make one of `outputs`, those that this start will run."""
        self.jobs = [job for job in self.jobs if job.output in outputs]
        self.total = sum(job.seconds for job in self.jobs)
        self.began = time.monotonic()
        self.before = self._done()[0]
        threading.Thread(target=self._watch, daemon=True).start()

    def add(self, jobs: list[Job]) -> None:
        """Watch further jobs, which were not known at the start."""
        known = {job.output for job in self.jobs}
        new = [job for job in jobs if job.output not in known and not Path(job.output).exists()]
        self.jobs = [*self.jobs, *new]
        self.total = sum(job.seconds for job in self.jobs)

    def stop(self) -> None:
        """End the watching and leave the terminal on a fresh line."""
        self._stop.set()
        if self.live:
            print(file=sys.stderr)

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            line = self.line()
            if line:
                start, end = ("\r\033[K", "") if self.live else ("", "\n")
                print(start + line, end=end, file=sys.stderr, flush=True)

    def _done(self) -> tuple[float, list[str]]:
        done, running = 0.0, []
        waiting = [job for job in self.jobs if not self._is_made(job)]
        done = self.total - sum(job.seconds for job in waiting)
        for job in waiting:
            if (share := _reported(job)) is None:
                continue
            done += share * job.seconds
            if time.time() - job.progress.stat().st_mtime < 30:
                running.append(f"{job.name} {share:.0%}")
        if waiting and not running and all(job.alone for job in waiting):
            share, text = self._by_the_clock(waiting[0])
            done += share * waiting[0].seconds
            running.append(text)
        return done, running

    def _is_made(self, job: Job) -> bool:
        if job.output not in self._made and Path(job.output).exists():
            self._made.add(job.output)
        return job.output in self._made

    def _by_the_clock(self, job: Job) -> tuple[float, str]:
        """How much of a job that runs alone is done, by the time since it began, and in words. It
        slows down as it takes longer than planned, and is never quite done."""
        now = time.monotonic()
        if self._alone[0] != job.output:
            self._alone = (job.output, now)
        since = now - self._alone[1]
        return since / (since + job.seconds), f"{job.name}, {span(since)}"

    def line(self) -> str:
        """E.g. '[ 42 %] cnn-8-s0 63% · cnn-16-s0 20% | 3 min gone, about 4 min left'."""
        if not self.total:
            return ""
        done, running = self._done()
        gone = time.monotonic() - self.began
        fresh = done - self.before
        # What waits for all others runs by itself, however many cores there are.
        alone = sum(job.seconds for job in self.jobs if job.alone and not self._is_made(job))
        alone = min(alone, self.total - done)
        beside = self.total - done - alone
        # Until a tenth of the work is seen, the plan's own speed is the better guess.
        planned = beside / max(1, len(running) or len(os.sched_getaffinity(0)))
        measured = beside * gone / fresh if fresh > 0 else planned
        trust = min(1.0, fresh / (0.1 * self.total))
        left = trust * measured + (1 - trust) * planned + alone
        share = done / self.total
        return (
            f"[{share:4.0%}] {' · '.join(running) or 'between jobs'} | "
            f"{span(gone)} gone, about {span(left)} left"
        )


def _reported(job: Job) -> float | None:
    """The share of a job that its own bar says is done; None without one."""
    try:
        state = files.read_json(job.progress)
        return min(1.0, state["done"] / state["total"])
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
        return None


def span(seconds: float) -> str:
    """'45 s', '3 min 20 s', '2 h 5 min'."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def jobs(keys: Keys) -> list[Job]:
    """Every job worth watching, with the plan's expected thread-seconds."""
    known: dict[str, Job] = {}

    def add(name: str, output: str, seconds: float) -> None:
        # Sections of a game may share their demonstrations.
        known.setdefault(output, Job(name, output, seconds))

    for name, section in keys.params.games.items():
        if keys.trains_expert(name):
            add(f"expert of {name}", keys.expert(name), plan.expert_cost(section).seconds)
        if not Path(keys.demos_stamp(name)).exists():
            cost = plan.record_cost(section, name).seconds
            for number, part in enumerate(keys.parts(name)):
                add(f"recording {name} {number}", part, cost)
        add(f"store of {name}", keys.demos_stamp(name), plan.shard_cost(section, name).seconds)
    return [*known.values(), *run_jobs(keys), *last_jobs(keys)]


# Step of the results -> its name, seconds on a core, and further ones a game: those of the default
# study on two cores of an AMD EPYC.
LAST = {
    "table": ("gathering the table", 3.0, 0.0),
    "fit": ("fitting the laws", 4.0, 3.0),
    "figures": ("drawing figures", 10.0, 9.0),
    "report": ("writing the report", 5.0, 1.0),
}


def last_jobs(keys: Keys) -> list[Job]:
    """The steps after all runs, in their order, one after the other."""
    games = len(keys.params.games)
    steps = [(step, False) for step in LAST]
    # Which of them is made, the start says.
    steps += [(step, True) for step in ("figures", "report")]
    return [
        Job(name, keys.result_done(step, forecast=forecast), once + games * each, alone=True)
        for step, forecast in steps
        for name, once, each in [LAST[step]]
    ]


def run_jobs(keys: Keys) -> list[Job]:
    """Training and evaluation of every run, with the plan's expected thread-seconds."""
    known = []
    for run, cells in keys.runs.items():
        evaluate = plan.evaluate_cost(keys.section(run.game), cells)
        known += [Job(job.name, job.output, job.part.cost.seconds) for job in keys.trainings(run)]
        known.append(Job(f"evaluating {run.name}", keys.evaluation_manifest(run), evaluate.seconds))
    for game in keys.params.games:
        if path := keys.best_list(game):
            cost = plan.best_cost(keys.section(game), keys.cells_of(game))
            known.append(Job(f"evaluating the best of {game}", path, cost.seconds))
    return known
