"""How long the fits take: nine games, a thousand resamples for every law, two processes.

    python benchmarks/laws.py TABLES [PROCESSES]

TABLES holds the released results as tidy CSV (atari.csv, nethack.csv); their five games are
repeated under other names up to nine. The goal is 60 s on two cores; on a machine with other work
the processor's seconds over the processes say more. Prints the seconds of every part of a game.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ilscaling import laws, tables
from ilscaling.laws import draws, game
from ilscaling.params import Laws

# As the paper fits: nominal budgets, every budget whatever the number of its sizes.
SETTINGS = Laws(flops="nominal", min_sizes=1)
GAMES, GOAL = 9, 60


def seconds(work: Callable) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor() -> float:
    """Seconds of the processor used so far, ended child processes included."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def nine(folder: Path) -> pd.DataFrame:
    """The released tables, their games repeated up to GAMES."""
    parts = [tables.read_table(folder / name) for name in ("atari.csv", "nethack.csv")]
    every = pd.concat(parts, ignore_index=True)
    names = sorted(every["game"].unique())
    found = []
    for i in range(GAMES):
        name = names[i % len(names)]
        rows = every[every["game"] == name]
        found.append(rows.assign(game=name if i < len(names) else f"{name} {i // len(names) + 1}"))
    return pd.concat(found, ignore_index=True)


def parts(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Seconds of each part of the fit of one game."""
    admitted = game.admit(rows, name, SETTINGS)
    drawn = draws.draw(admitted.runs, SETTINGS.bootstrap, SETTINGS.seed)
    found = {
        "rules": seconds(lambda: game.admit(rows, name, SETTINGS)),
        "draws": seconds(lambda: draws.draw(admitted.runs, SETTINGS.bootstrap, SETTINGS.seed)),
        "methods": seconds(lambda: game.frontiers(admitted, admitted.runs, drawn, SETTINGS)),
        "without validation": seconds(lambda: game.fit_game(rows, name, SETTINGS, False)),
        "all": seconds(lambda: game.fit_game(rows, name, SETTINGS)),
    }
    return {**found, "validation": found["all"] - found["without validation"]}


def main() -> None:
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    table = nine(Path(sys.argv[1]))
    for name in ("NetHack", "Breakout"):
        told = parts(table[table["game"] == name], name)
        print(f"{name}: " + ", ".join(f"{part} {took:.2f} s" for part, took in told.items()))
    before = processor()
    took = seconds(lambda: laws.fit_table(table, SETTINGS, processes=processes))
    print(
        f"{table['game'].nunique()} games, {len(table)} rows, {SETTINGS.bootstrap} resamples, "
        f"{processes} processes: {took:.1f} s, "
        f"{processor() - before:.1f} s of the processor (goal {GOAL} s)"
    )


if __name__ == "__main__":
    main()
