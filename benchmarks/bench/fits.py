"""The nine-game fit with a thousand bootstraps."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from demonstrations import ROOT
from measure import Line, line

from ilscaling import laws as fitting
from ilscaling import tables

sys.path.insert(0, str(ROOT / "benchmarks"))
import laws


def lines(released: Path | None) -> Iterator[Line]:
    """Seconds of the processor over two processes; released: folder of atari.csv, nethack.csv."""
    if released is not None:
        table, note = laws.nine(released), ""
    else:
        path = ROOT / "results" / "results.csv"
        if not path.exists():
            return
        one = tables.read_table(path)
        one = one[one["game"] == one["game"].iloc[0]]
        table = pd.concat([one.assign(game=f"game {k}") for k in range(laws.GAMES)])
        note = "one game of the study's own table, nine times"
    before = laws.processor()
    wall = laws.seconds(lambda: fitting.fit_table(table, laws.SETTINGS, processes=2))
    used = laws.processor() - before
    yield line(
        "laws", f"nine games, {laws.SETTINGS.bootstrap} resamples, two processes", used / 2 / 60,
        "60 s", goal="<= 1", note=f"{note}{'; ' if note else ''}{wall:.0f} s of the clock",
    )  # fmt: skip
