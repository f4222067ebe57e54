"""Whether this project works on a GPU, and how fast: python tools/gpu_check [--out FOLDER]

Takes less than five minutes, no network, and Python 3.11 or later with PyTorch 2.4 or later; the
library need not be installed. Without a GPU it runs to its end, too, and checks what a CPU shows.
Writes gpu.json and gpu.txt, one table to paste into an issue.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))
# tqdm reads it when it is imported, which torch does.
os.environ["TQDM_DISABLE"] = "1"
paths = [str(ROOT / "src"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
# Of processes that this one starts, as of the library's own jobs.
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

import machine  # noqa: E402
import numerics  # noqa: E402
import runs  # noqa: E402
import speeds  # noqa: E402
import torch  # noqa: E402
from rows import Row, error  # noqa: E402

# In this order: where the time ends, speeds at large sizes are what is missing.
CHECKS = (
    machine.environment,
    machine.shares,
    numerics.pixels,
    numerics.encoder,
    numerics.convolutions,
    numerics.transformers,
    numerics.lstms,
    runs.learning,
    runs.waits,
    runs.repeats,
    runs.other_device,
    runs.losses,
    runs.play,
    speeds.peak,
    speeds.training,
    speeds.playing,
    runs.two_processes,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-check")))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=220.0, help="no check begins after these")
    parser.add_argument("--only", nargs="+", help="names of checks")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    began, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        for check in CHECKS:
            name = check.__name__
            if given.only and name not in given.only:
                continue
            if time.monotonic() - began > given.seconds:
                made = [Row(name, "", "skipped", note="no time was left")]
            else:
                made, start = [], time.monotonic()
                try:
                    made += check(given.device, Path(folder))
                except Exception as problem:  # the other checks are worth their results
                    made.append(error(name, problem))
                seconds = time.monotonic() - start
                made.append(Row(name, "seconds", "recorded", round(seconds, 1)))
            for row in made:
                print(row, flush=True)
            rows += made
            write(given.out, rows)
    failed = sum(row.verdict in ("failed", "error") for row in rows)
    print(
        f"\n{failed} of {len(rows)} rows failed; {given.out / 'gpu.txt'}, {given.out / 'gpu.json'}"
    )
    return 1 if failed else 0


def write(out: Path, rows: list[Row]) -> None:
    """The table so far, so that a run that is cut leaves the rest."""
    (out / "gpu.json").write_text(json.dumps([row.record() for row in rows], indent=1) + "\n")
    (out / "gpu.txt").write_text("\n".join(map(str, rows)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
