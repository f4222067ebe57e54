"""The line with the ETA: shares come from the jobs' own progress, times from what was seen."""

import json
import time

import pytest

from ilscaling.pipeline import progress_display
from ilscaling.progress import VARIABLE, tqdm


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


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_spans(seconds, text):
    assert progress_display.span(seconds) == text
