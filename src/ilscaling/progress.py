"""A progress bar that a workflow can read: tqdm, plus a small file where one is asked for."""

import json
import os
import time
from pathlib import Path

from tqdm import tqdm as _tqdm

# Set by the workflow for each job: where the bar writes {"desc", "done", "total"}.
VARIABLE = "ILSCALING_PROGRESS"


def file_of(folder: str | Path, output: str | Path) -> Path:
    """Where the job that makes `output` reports its progress."""
    return Path(folder) / (str(output).replace("/", "_") + ".json")


class tqdm(_tqdm):
    """tqdm that also writes its state to the file named by ILSCALING_PROGRESS, every 2 s.

    It shows from the first update on: only then is known where work that goes on begins.
    """

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("mininterval", 1.0 if os.isatty(2) else 10.0)
        kwargs.setdefault("dynamic_ncols", True)
        kwargs.setdefault("delay", 1e-9)
        self._file = os.environ.get(VARIABLE)
        self._written, self._begun = 0.0, False
        super().__init__(*args, **kwargs)

    def update(self, n=1):
        shown = super().update(n)
        if not self._begun:
            self._begun = True
            self.refresh()
        if self._file and not self.disable and time.monotonic() - self._written > 2:
            self._written = time.monotonic()
            state = {"desc": str(self.desc).rstrip(": "), "done": self.n, "total": self.total}
            try:
                temporary = Path(f"{self._file}.tmp{os.getpid()}")
                temporary.write_text(json.dumps(state), encoding="utf-8")
                temporary.rename(self._file)
            except OSError:
                self._file = None  # progress is a courtesy: a full disk is reported by the work
        return shown
