"""What grows with data, updates, cells and games: exponents over 1x, 3x and 10x, and a figure."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import step
import yaml
from demonstrations import Study, atari
from measure import Line, line, seconds
from pipeline import planning, spent

from ilscaling.domains.atari import game as roms
from ilscaling.show.figures import style

TIMES = (1, 3, 10)
# In a process of its own: the most memory that serving so many samples ever takes.
SERVE = """
import sys
from ilscaling import store
loader = store.Loader(store.open_split(sys.argv[1], "train"), frames=4, batch=64, buffer_steps=2048)
for _ in range(int(sys.argv[2]) // 64):
    next(loader)
# Not ru_maxrss, which begins with what the process that started this one holds.
status = open("/proc/self/status", encoding="utf-8")
held = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(int(held[0]) * 1024)
"""


def lines(study: Study, out: Path) -> Iterator[Line]:
    """Exponents of cost over scale; the figure is written to `out`."""
    found = {
        "reader's memory, data": [memory(study.work, scale) for scale in TIMES],
        "training time, updates": training(study),
        "dry run, cells": [planning(300 * scale, study.work) for scale in TIMES],
        "dry run, games": [many_games(study, scale) for scale in TIMES],
    }
    for what, values in found.items():
        slope = np.polyfit(np.log(TIMES), np.log(values), 1)[0]
        yield line(
            "growth", f"exponent of {what}", slope, "in proportion", goal="<= 1.05",
            note=", ".join(f"{value:.3g}" for value in values) + " at 1x, 3x, 10x",
        )  # fmt: skip
    picture(found, out)


def memory(work: Path, scale: int) -> float:
    """Bytes of memory at most, reading a whole store of that scale once."""
    steps = 8_000 * scale
    path = atari(work / f"growth-{scale}", steps)
    command = [sys.executable, "-c", SERVE, str(path), str(steps)]
    done = subprocess.run(
        command, check=True, capture_output=True, encoding="utf-8", errors="replace", env=os.environ
    )
    return float(done.stdout)


def training(study: Study) -> list[float]:
    """CPU seconds of training on ever more data at the smallest size."""
    run = step.Run(study, "breakout", min(study.params.games["breakout"].grid.sizes))

    def updates(count: int) -> None:
        for _ in range(count):
            run.state.step(run.next())

    updates(run.many)
    found = [seconds(lambda scale=scale: updates(run.many * scale)) for scale in TIMES]
    run.batches.close()
    return found


def many_games(study: Study, scale: int) -> float:
    """CPU seconds of a dry run of a study of so many more Atari games."""
    section = study.params.games["breakout"].model_dump(mode="json")
    # An imported expert's file would have to be there.
    section["expert"]["file"] = None
    names = [name for name in roms.names() if name != "breakout"][:scale]
    file = study.work / f"games-{scale}.yaml"
    file.write_text(yaml.safe_dump({"games": dict.fromkeys(names, section)}), encoding="utf-8")
    return spent("snakemake", "-n", "--configfile", str(file))


def picture(found: dict[str, list[float]], out: Path) -> None:
    """Cost over scale, both relative to the first, with the line of proportion."""
    style.look()
    figure, axes = style.panels(1, 1, width=4.5, height=3.2)
    ax = axes.flat[0]
    ax.plot(TIMES, TIMES, "--", color="0.6", label="in proportion")
    for what, values in found.items():
        ax.plot(TIMES, np.array(values) / values[0], "o-", label=what)
    ax.set(xscale="log", yscale="log", xlabel="scale", ylabel="cost relative to the first")
    ax.set_xticks(TIMES, [f"{scale}x" for scale in TIMES])
    ax.minorticks_off()
    ax.legend(fontsize="small")
    style.save(figure, out)
