"""What the workflow does around its jobs: one pipeline a folder, disk space, the closing words."""

import atexit
import fcntl
import json
import os
import re
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import kept
from keys import Keys
from monitor import Job
from snakemake.logging import logger as snakemake_logger
from snakemake_interface_logger_plugins.common import LogEvent

from ilscaling import files, plan
from ilscaling.domains.atari.section import Atari
from ilscaling.domains.nethack.section import NetHack
from ilscaling.errors import WorkflowError
from ilscaling.params import Params

SILENT = 60.0  # seconds without a beat after which a pipeline on another node is dead


def hold(folder: str | Path) -> int:
    """Take the folder's pipeline lock, or refuse; clears what a killed Snakemake left locked.

    The kernel releases the lock with the process, however it ends. Whoever holds it knows that no
    other Snakemake runs here, so Snakemake's own lock files must be a dead one's. On a cluster's
    file systems a lock may not be seen from another node; there the holder's beat counts.
    Returns the descriptor that holds the lock for the life of the process.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    lock = folder / "ilscaling.lock"
    # Not inherited by jobs: a job that outlives a killed pipeline must not block the next one.
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    process, _, host = os.pread(descriptor, 300, 0).decode().strip().partition(" ")
    here = socket.gethostname()
    refusal = WorkflowError(
        f"another pipeline is running in this folder (process {process} on {host})",
        where=str(Path.cwd()),
        fix=f"wait for it, or stop it: kill {process}"
        + ("" if host == here else f"   on {host}; one that died counts for {SILENT:.0f} s"),
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise refusal from None
    if host not in ("", here) and time.time() - os.fstat(descriptor).st_mtime < SILENT:
        os.close(descriptor)
        raise refusal
    mine = f"{os.getpid()} {here}"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, mine.encode(), 0)
    threading.Thread(target=_beat, args=(lock, mine), daemon=True).start()
    atexit.register(_release, lock, mine)
    for stale in (folder / "locks").glob("*.lock"):
        stale.unlink(missing_ok=True)
    return descriptor


def _beat(lock: Path, mine: str) -> None:
    """Tell other nodes, by the time of the lock file, that its holder lives."""
    with suppress(OSError):
        while lock.read_text() == mine:
            os.utime(lock)
            time.sleep(SILENT / 4)


def _release(lock: Path, mine: str) -> None:
    with suppress(OSError):
        if lock.read_text() == mine:
            os.truncate(lock, 0)


def look_on(keys: Keys) -> None:
    """What a dry run does first: fetch what the store holds, so that it tells the truth. Where a
    pipeline runs, that one has done so."""
    Path(".snakemake").mkdir(exist_ok=True)
    descriptor = os.open(".snakemake/ilscaling.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        kept.restore(keys, mend=False)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def sweep(*folders: Path) -> None:
    """Remove the temporary files and folders that killed jobs left half-written."""
    for folder in folders:
        for stale in sorted(folder.glob("**/.*.tmp*")):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)


def hush() -> None:
    """Keep Snakemake's scheduling chatter off the terminal, which no option of it does alone."""
    events = {LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS}
    chatter = re.compile(r"Select jobs to execute\.\.\.|Execute \d+ jobs\.\.\.")

    def wanted(record) -> bool:
        return getattr(record, "event", None) not in events and not chatter.match(str(record.msg))

    snakemake_logger.addFilter(wanted)


def write_params(params: Params) -> str:
    """Path of the merged parameters (params.yaml, studies and all) for the jobs to read."""
    values = params.model_dump(mode="json")
    path = Path(".snakemake/params") / f"{files.digest(values)[:12]}.yaml"
    if not path.exists():
        files.write_json(path, values)  # JSON is YAML, and floats survive it exactly
    return str(path)


def jobs(params: Params, keys: Keys) -> list[Job]:
    """Every job worth watching, with the plan's expected thread-seconds."""
    found = []
    for name, game in params.games.items():
        stamp = keys.demos_stamp(name)
        if stamp in {job.output for job in found}:
            continue  # sections of NetHack may share their demonstrations
        if isinstance(game, Atari) and game.expert.file is None:
            cost = plan.expert_cost(game)
            found.append(Job(f"expert of {name}", keys.expert(name), cost.seconds))
        if not Path(stamp).exists():
            cost = plan.record_cost(game, name).seconds
            found += [Job(f"recording {j}", p, cost) for j, p in enumerate(keys.parts(name))]
        found.append(Job(f"shards of {name}", stamp, plan.shard_cost(game, name).seconds))
    found += run_jobs(keys)
    for forecast in (False, True):
        found.append(Job("results", keys.stamp("report", forecast=forecast), 30.0))
    return found


def run_jobs(keys: Keys) -> list[Job]:
    """Training and evaluation of every run, with the plan's expected thread-seconds."""
    found = []
    for run, cells in keys.runs.items():
        game = keys.params.games[run.game]
        evaluate = plan.evaluate_cost(game, cells)
        found += [Job(job.name, job.output, job.part.cost.seconds) for job in keys.trainings(run)]
        found.append(Job(f"evaluating {run.name}", keys.evaluation_manifest(run), evaluate.seconds))
    return found


def missing_bytes(params: Params, keys: Keys) -> float:
    """Disk space that what is still to be made will take."""
    wanted = 0.0
    stamps = {keys.demos_stamp(name): (name, game) for name, game in params.games.items()}
    for stamp, (name, game) in stamps.items():
        if not Path(stamp).exists():
            wanted += game.demonstrations.jobs * plan.record_cost(game, name).bytes
            wanted += plan.shard_cost(game, name).bytes
    for run, cells in keys.runs.items():
        if not Path(keys.run_manifest(run)).exists():
            wanted += plan.train_cost(params.games[run.game], cells).bytes
    return wanted


def refuse_absent_recordings(params: Params, keys: Keys) -> None:
    """Raise WorkflowError if recordings that are still to be ingested are not there."""
    for name, game in params.games.items():
        if not isinstance(game, NetHack) or game.expert.recordings is None:
            continue
        folder = Path(game.expert.recordings.path).expanduser()
        if not folder.is_dir() and not Path(keys.demos_stamp(name)).exists():
            raise WorkflowError(
                f"no recordings of {name} there",
                where=f"{folder} (params: games.{name}.expert.recordings.path)",
                fix="give the folder that holds NLD's subfolders, or null for the built-in bot",
            )


def announce(keys: Keys) -> None:
    """Print where the report is and what was fitted, if the study is complete."""
    if not any(Path(keys.stamp("report", forecast=shown)).exists() for shown in (True, False)):
        return
    metrics = json.loads(Path("results/metrics.json").read_text())
    print(f"\nReport:  {Path('results/report.html').resolve()}", file=sys.stderr)
    for line in headline(metrics):
        print(line, file=sys.stderr)


def explain_failure(since: float) -> None:
    """Print the end of the logs of the jobs that failed after the moment `since`."""
    for log in sorted(Path("logs").rglob("*.log"), key=lambda path: path.stat().st_mtime):
        text = log.read_text(errors="replace")
        if log.stat().st_mtime >= since and ("error:" in text or "Traceback" in text):
            lines = [line.split("\r")[-1] for line in text.rstrip().splitlines()[-12:]]
            print(f"\n{log} ends with:\n  " + "\n  ".join(lines), file=sys.stderr)
    print(
        "\nA job failed. Fix the cause and give the same command again: nothing that was finished"
        " is computed twice.",
        file=sys.stderr,
    )


LAWS = {
    "N_opt": "compute-optimal parameters  N ~ C^",
    "D_opt": "compute-optimal samples     D ~ C^",
    "L_min": "lowest dev loss             L ~ C^",
    "R_max": "highest return              R ~ C^",
    "R_on_1/L": "return on loss              R ~ (1/L)^",
}


def headline(metrics: dict) -> list[str]:
    """The fitted exponents for the terminal, one line a law."""
    lines = []
    for game, found in metrics.items():
        method = "parabola vertices" if found["method"] == "vertex" else "grid minima"
        lines.append(f"\n{game}: {found['cells_done']} cells, exponents from {method}")
        for law, text in LAWS.items():
            lines.append(f"  {text}{_interval(found, law)}")
        best, share = found.get("best_return"), found.get("best_return_of_expert")
        if best is not None:
            of = "" if share is None else f", {share:.0%} of the expert's"
            lines.append(f"  best return {best:.1f}{of}")
    return lines


def _interval(found: dict, law: str) -> str:
    if found.get(law) is None:
        return " not fitted (results/laws/notes.txt says why)"
    low, high, r2 = (found.get(f"{law}_{part}") for part in ("low", "high", "r2"))
    interval = "" if low is None else f"  [{low:.3f}, {high:.3f}]"
    return f"{found[law]:.3f}{interval}" + ("" if r2 is None else f"  R2 {r2:.3f}")
