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
    """A piece of work: what makes it done, where it reports, its expected thread-seconds."""

    name: str
    output: str
    seconds: float

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
        for job in self.jobs:
            if job.output in self._made or Path(job.output).exists():
                self._made.add(job.output)
                done += job.seconds
                continue
            try:
                state = files.read_json(job.progress)
                share = min(1.0, state["done"] / state["total"])
            except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
                continue
            done += share * job.seconds
            if time.time() - job.progress.stat().st_mtime < 30:
                running.append(f"{job.name} {share:.0%}")
        return done, running

    def line(self) -> str:
        """E.g. '[ 42 %] cnn-8-s0 63% · cnn-16-s0 20% | 3 min gone, about 4 min left'."""
        if not self.total:
            return ""
        done, running = self._done()
        gone = time.monotonic() - self.began
        fresh = done - self.before
        # Until a tenth of the work is seen, the plan's own speed is the better guess.
        planned = (self.total - done) / max(1, len(running) or len(os.sched_getaffinity(0)))
        measured = (self.total - done) * gone / fresh if fresh > 0 else planned
        trust = min(1.0, fresh / (0.1 * self.total))
        left = trust * measured + (1 - trust) * planned
        share = done / self.total
        return (
            f"[{share:4.0%}] {' · '.join(running) or 'between jobs'} | "
            f"{span(gone)} gone, about {span(left)} left"
        )


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
                add(f"recording {number}", part, cost)
        add(f"store of {name}", keys.demos_stamp(name), plan.shard_cost(section, name).seconds)
    for forecast in (False, True):
        add("results", keys.result_done("report", forecast=forecast), 30.0)
    return [*known.values(), *run_jobs(keys)]


def run_jobs(keys: Keys) -> list[Job]:
    """Training and evaluation of every run, with the plan's expected thread-seconds."""
    known = []
    for run, cells in keys.runs.items():
        evaluate = plan.evaluate_cost(keys.section(run.game), cells)
        known += [Job(job.name, job.output, job.part.cost.seconds) for job in keys.trainings(run)]
        known.append(Job(f"evaluating {run.name}", keys.evaluation_manifest(run), evaluate.seconds))
    return known
