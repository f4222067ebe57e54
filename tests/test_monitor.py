"""The line with the ETA: shares come from the jobs' own progress, times from what was seen."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from ilscaling import params
from ilscaling.pipeline import console, progress_display
from ilscaling.pipeline.keys import Keys
from ilscaling.progress import VARIABLE, tqdm

ROOT = Path(__file__).resolve().parent.parent


def test_a_bar_reports_to_the_monitor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake/progress").mkdir(parents=True)
    jobs = [
        progress_display.Job("done", "data/done", 30.0),
        progress_display.Job("half", "data/half", 60.0),
    ]
    jobs.append(progress_display.Job("other", "data/other", 1000.0))
    watch = progress_display.Monitor(jobs, every=3600)
    watch.start({"data/done", "data/half"})
    assert watch.line().startswith("[  0%]")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/done").write_text("")
    monkeypatch.setenv(VARIABLE, str(jobs[1].progress))
    with tqdm(total=10, desc="half") as bar:
        bar.update(5)
    assert json.loads(jobs[1].progress.read_text()) == {"desc": "half", "done": 5, "total": 10}
    # 30 + 60 / 2 of 90 planned thread-seconds; what this start does not run is not counted.
    watch.began = time.monotonic() - 100
    line = watch.line()
    assert line.startswith("[ 67%] half 50%")
    assert "about 50 s left" in line
    watch.stop()


def test_the_last_steps_count_down_by_the_clock(tmp_path, monkeypatch):
    """They run one after the other and report nothing; the line once stood still meanwhile."""
    monkeypatch.chdir(tmp_path)
    jobs = [
        progress_display.Job("run", "run", 1000.0),
        progress_display.Job("drawing figures", "figures", 30.0, alone=True),
        progress_display.Job("writing the report", "report", 10.0, alone=True),
    ]
    watch = progress_display.Monitor(jobs, every=3600)
    watch.start({"run", "figures", "report"})
    (tmp_path / "run").touch()
    now, lines = time.monotonic(), []
    for since in (100, 110, 130, 190):
        monkeypatch.setattr(time, "monotonic", lambda since=since: now + since)
        lines.append(watch.line())
    watch.stop()
    assert [line.split("] ")[1].split(" |")[0] for line in lines] == [
        "drawing figures, 0 s", "drawing figures, 10 s", "drawing figures, 30 s",
        "drawing figures, 1 min 30 s",
    ]  # fmt: skip
    assert [line.split("about ")[1] for line in lines] == [
        "40 s left", "32 s left", "25 s left", "18 s left",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_spans(seconds, text):
    assert progress_display.span(seconds) == text


def record(log: Path, **aux):
    """What Snakemake's logger says of a failed job."""
    import logging

    made = logging.LogRecord("snakemake", logging.ERROR, "", 0, "Error in rule train", None, None)
    vars(made).update(event=LogEvent.JOB_ERROR, rule_name="train", jobid=3, log=[str(log)], aux=aux)
    return made


def test_a_failure_is_told_from_the_jobs_own_event(tmp_path, monkeypatch):
    """With the end of its log, and, where that names no cause, what ended it."""
    log = tmp_path / "train.log"
    log.write_text("a line\n" * 30 + "error: the store is missing\n  try:   dvc pull\n")
    text = console.failure(record(log))
    assert f"{log} ends with:" in text and "error: the store is missing" in text
    assert text.count("a line") == console.LINES - 2 and "killed from outside" not in text
    log.write_text("")
    assert "killed from outside (no memory was left" in console.failure(record(log))
    tool = tmp_path / "scontrol"
    tool.write_text("#!/bin/sh\necho 'JobState=OUT_OF_MEMORY Reason=OutOfMemory Dependency='\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    text = console.failure(record(log, external_jobid=7))
    assert "Slurm job 7: OUT_OF_MEMORY (OutOfMemory)" in text


def test_a_complete_study_says_what_to_do_next(tmp_path, monkeypatch, capsys):
    for file in ("metrics.json", "report.html"):
        (tmp_path / file).write_text("{}")
    monkeypatch.setattr(console, "headline", lambda *_: ["breakout: 87 cells"])
    study = params.read(ROOT / "params.yaml")
    keys = SimpleNamespace(published_dir=str(tmp_path), params=study)
    said = []
    for overlays in ([], ["studies/wsd.yaml"]):
        console.Console(keys, None, quiet=False, overlays=overlays).conclude()
        said.append(capsys.readouterr().err)
    assert f"Figures: {tmp_path / 'figures'}" in said[0] and "docs/laws.md" in said[0]
    assert said[0].endswith(f"ilscaling forecast {tmp_path}/results.csv --budget 6.4e+12\n")
    assert "ilscaling play " in said[0] and "--study" not in said[0]
    assert "ilscaling play --study studies/wsd.yaml " in said[1]


def test_a_recording_job_is_called_by_its_game(tmp_path, monkeypatch):
    """Both games of the default study had a 'recording 1', in one line."""
    (tmp_path / "experts").symlink_to(ROOT / "experts")
    monkeypatch.chdir(tmp_path)  # nothing is made here
    names = [job.name for job in progress_display.jobs(Keys(params.read(ROOT / "params.yaml")))]
    assert {"recording breakout 1", "recording nethack 1"} <= set(names)


def test_the_log_file_and_other_plugins_get_every_record():
    """Nothing is taken out of Snakemake's logger: our own handler alone leaves chatter out."""
    from snakemake.logging import logger

    assert not logger.filters
    started = record(Path("none"))
    started.event = LogEvent.JOB_STARTED
    assert not console.is_shown(started)


JOBS = """
import threading
from ilscaling.pipeline import scheduling

rule all:
    input: expand("{n}.txt", n=range(16))

rule one:
    output: "{n}.txt"
    shell: "touch {output}"

onstart:
    scheduling.wake_no_more_than_needed(workflow.scheduler)

onsuccess:
    print("threads", threading.active_count(), "limit", workflow.scheduler.job_rate_limiter)
"""


def test_the_scheduler_wakes_for_no_limit_that_nobody_asked_for(tmp_path):
    """Every job that finished left a timer of a second, which set the next: after 200 jobs half a
    core. Without a limit Snakemake's scheduler sets none; one that a user asks for stays."""
    (tmp_path / "Snakefile").write_text(JOBS, encoding="utf-8")

    def ran(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--forceall", *options]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
        )
        (line,) = [row for row in done.stdout.splitlines() if row.startswith("threads")]
        _, threads, _, limit = line.split(maxsplit=3)
        return int(threads), limit

    threads, limit = ran()
    assert limit == "None" and threads < 10
    assert "JobRateLimiter" in ran("--max-jobs-per-timespan", "50/1s")[1]
