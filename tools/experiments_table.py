"""Every experiment in one table a game that fits a terminal: what was changed, and what came out.

    python tools/experiments_table.py [options of `dvc exp show`, e.g. --all-commits, -n 5]

`dvc exp show` itself has a column for every parameter and no setting that says which to show.
"""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import yaml

from ilscaling.pipeline.headline import NUMBERS

HIDDEN = "Created|State|Executor|src|studies|experts|study/.*"
# The folder `extensions` has the name of a parameter, which --drop does not survive.
FACTS = {"Experiment", "rev", "typ", "parent", "Created", "State", "Executor", "extensions"}


def tables(rows: list[dict[str, str]], games: list[str]) -> list[str]:
    """A table a game of the rows of `dvc exp show --csv`, as lines."""
    metrics = {f"{game}.{short}" for game in games for short in NUMBERS}
    changed = [name for name in rows[0] if name not in FACTS | metrics] if rows else []
    lines = []
    for game in games:
        shown = [short for short in NUMBERS if any(row.get(f"{game}.{short}") for row in rows)]
        mine = [name for name in changed if not name.startswith("games.") or f".{game}." in name]
        table = [["experiment", *shown, "changed"]]
        for row in rows:
            values = [_short(row.get(f"{game}.{short}", "")) for short in shown]
            what = ", ".join(f"{name.split('.')[-1]}={row[name]}" for name in mine if row[name])
            # DVC gives the column only once there is an experiment.
            experiment = row.get("Experiment", "")
            table.append([f"  {experiment}" if experiment else row["rev"], *values, what])
        wide = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines += ["", game]
        for line in table:
            cells = [line[0].ljust(wide[0])]
            cells += [cell.rjust(wide[n]) for n, cell in enumerate(line[1:-1], 1)]
            lines.append("  ".join([*cells, line[-1]]).rstrip())
    return lines[1:]


def _short(value: str) -> str:
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return "-"


NONE = """
No experiment yet. One is a change of the parameters that DVC runs and keeps:
    dvc exp run -S games.{game}.train.rate.value=0.002"""


def main() -> None:
    study = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")).get("study", "default")
    headline = Path(f"results/{study}/headline.json")
    if not headline.is_file():
        sys.exit(f"the study {study!r} has no results yet: snakemake --cores all")
    games = list(json.loads(headline.read_text(encoding="utf-8")))
    keep = rf"^({'|'.join(games)})\.({'|'.join(NUMBERS)})$"
    command = ["dvc", "exp", "show", "--csv", "--only-changed", "--keep", keep, "--drop", HIDDEN]
    done = subprocess.run(
        [*command, *sys.argv[1:]],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    print("\n".join(tables(rows, games)))
    if not any(row.get("Experiment") for row in rows):
        print(NONE.format(game=games[0]))


if __name__ == "__main__":
    main()
