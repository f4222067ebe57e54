"""Speed as ratios within one run: python benchmarks/bench [--only reader step] [--data data]

Prints one table and writes `results/bench/<machine>.json` and `.csv`. Times are CPU seconds of
this process, in rounds that take turns; see `measure`.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))
# tqdm reads it when it is imported, which torch does.
os.environ["TQDM_DISABLE"] = "1"
os.environ["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"

import fits  # noqa: E402
import grid  # noqa: E402
import growth  # noqa: E402
import machine  # noqa: E402
import measure  # noqa: E402
import pandas as pd  # noqa: E402
import pipeline  # noqa: E402
import playing  # noqa: E402
import reader  # noqa: E402
import recording  # noqa: E402
import step  # noqa: E402
import torch  # noqa: E402
from demonstrations import Study  # noqa: E402

from ilscaling.files import atomic, read_json, write_json  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="the default study's")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench")
    parser.add_argument("--recordings", type=Path, help="NetHack games in the layout of NLD")
    parser.add_argument("--tables", type=Path, help="released results: atari.csv, nethack.csv")
    parser.add_argument("--only", nargs="+", help="items; the file's other lines stay")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda: of the item step alone")
    given = parser.parse_args()
    if given.device != "cpu":
        given.only, measure.clock = ["step"], time.perf_counter
    torch.set_num_threads(1)
    stem = given.out / machine.name()
    if given.device != "cpu":
        card = torch.cuda.get_device_name().lower().replace(" ", "-")
        stem = given.out / f"{machine.name()}-{card}"
    about = {"made": datetime.now(UTC).isoformat(timespec="seconds"), **machine.describe()}
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        study = Study(given.data, Path(folder))
        items = {
            "reader": lambda: reader.lines(study),
            "step": lambda: step.lines(study, device=given.device),
            "grid": lambda: grid.lines(study),
            "playing": lambda: playing.lines(study),
            "recording": lambda: recording.lines(study, given.recordings),
            "laws": lambda: fits.lines(given.tables),
            "workflow": lambda: pipeline.lines(study),
            "growth": lambda: growth.lines(study, given.out / f"{machine.name()}-growth"),
        }
        for item in given.only or items:
            print(f"\n{item}", flush=True)
            for found in items[item]():
                rows.append(found.row())
                told = "" if found.met is None else ("  met" if found.met else "  not met")
                print(
                    f"  {found.value:7.3f} ({found.low:.3f} to {found.high:.3f})"
                    f" {found.goal:7s}{told:9s} {found.what}; over {found.reference}"
                    + (f" [{found.note}]" if found.note else ""),
                    flush=True,
                )
    about["load_after"] = [round(load, 1) for load in os.getloadavg()]
    rows = [{**row, "made": about["made"]} for row in rows]
    if given.only and stem.with_suffix(".json").exists():
        # Of items that were not measured now, what was found before stays, with its time.
        kept = read_json(stem.with_suffix(".json"))["lines"]
        rows = [row for row in kept if row["item"] not in given.only] + rows
    write_json(stem.with_suffix(".json"), {"machine": about, "lines": rows})
    with atomic(stem.with_suffix(".csv")) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
    print(f"\n{stem}.csv")


if __name__ == "__main__":
    main()
