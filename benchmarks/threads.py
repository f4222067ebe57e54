"""What a second CPU thread is worth, by size: python benchmarks/threads.py, on two quiet cores.

The evidence behind `WORTH_A_THREAD` in src/ilscaling/pipeline/run_resources.py: training FLOPs
of an update from which two threads are well faster than one. Times are the fifth percentile of an
update's.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from ilscaling import flops, policies  # noqa: E402
from ilscaling.learning import precision  # noqa: E402

SHAPE = {"frames": 4, "actions": 4}
BATCH = 32


def seconds(size: int, threads: int, each: float = 3.0) -> float:
    """An update of a size on so many threads."""
    torch.set_num_threads(threads)
    policy = policies.build("cnn", size, **SHAPE)
    adam = torch.optim.Adam(policy.parameters(), fused=True)
    screens = torch.randint(0, 256, (BATCH, 4, 84, 84), dtype=torch.uint8)
    actions = torch.randint(0, 4, (BATCH,))
    kind = precision.resolve("auto", "cpu", "cnn", size)
    found, end = [], time.perf_counter() + each
    while time.perf_counter() < end or len(found) < 20:
        began = time.perf_counter()
        adam.zero_grad()
        with precision.autocast("cpu", kind):
            logits = policy(screens)
        torch.nn.functional.cross_entropy(logits.float(), actions).backward()
        adam.step()
        found.append(time.perf_counter() - began)
    return float(np.percentile(found, 5))


def main() -> None:
    rows = []
    for size in (2, 4, 8, 16, 24, 48, 96):
        one, two = seconds(size, 1), seconds(size, 2)
        update = BATCH * flops.ledger("cnn", size, **SHAPE).training
        rows.append({"size": size, "FLOPs an update": update, "1 thread, ms": 1e3 * one,
                     "2 threads, ms": 1e3 * two, "times as fast": one / two})  # fmt: skip
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.3g"))


if __name__ == "__main__":
    main()
