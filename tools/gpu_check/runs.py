"""Whole runs on made-up play: what they learn, whether they repeat, and what they wait for."""

import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
from made_up import demos
from rows import Row, at_most, holds
from safetensors.torch import load_file

from ilscaling import flops, grid, policies, store
from ilscaling.files import read_json
from ilscaling.learning import loop, ranks
from ilscaling.learning.run import run
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring.loss import held_out
from ilscaling.params import Rule, Train, TrainSequences
from ilscaling.policies import acting

FAMILIES = ("cnn", "transformer", "lstm")
LENGTHS = {"train": [150, 90, 200, 120, 240], "dev": [60, 50, 40]}
SIZES = {"cnn": 8, "transformer": 16, "lstm": 16}
STACKS = Train(batch=Rule(value=32), rate=Rule(value=0.003), warmup_steps=10, buffer_steps=512)
STRETCHES = TrainSequences(
    batch=Rule(value=64), rate=Rule(value=0.01), warmup_steps=10, buffer_steps=512, context=16,
    inventory=True,
)  # fmt: skip


def settings(family: str, **changes):
    """Of the made-up run."""
    return (STACKS if family == "cnn" else STRETCHES).model_copy(update=changes)


def train(family, folder, out, updates, device, team=ranks.ALONE, **changes):
    """Train to so many updates; returns the records."""
    how, size = settings(family, **changes), SIZES[family]
    split = store.open_split(demos(folder, family, LENGTHS), "train")
    observation = {field: split.fields[field] for field in split.observation}
    shape = policies.shape(how, len(split.actions), observation)
    ledger = flops.ledger(family, size, **shape)
    budgets = [float(n * how.batch_of(size) * ledger.training) for n in updates]
    of = grid.Run(split.attrs["game"], family, size, 0)
    cells = grid.of_run(of, how, shape, budgets, limits=grid.Limits(split.steps))
    try:
        return run(split, how, cells, folder / out, device=device, team=team)
    finally:
        torch.use_deterministic_algorithms(False)


def last(folder, out):
    """The weights at a run's last budget."""
    paths = [p for p in (folder / out).glob("*.safetensors") if p.stem != "state"]
    return max(paths, key=lambda path: float(path.stem))


def learning(device, folder):
    """A planted rule is learned; the record says where and in which type."""
    for family, updates in (("cnn", 100), ("transformer", 150), ("lstm", 150)):
        record = train(family, folder, f"{family}-whole", (40, updates), device)[-1]
        yield at_most("learning", f"{family}: loss, nats", record.train_loss, 1.0)
        said = f"{record.run.device}, {record.run.precision}, repeatable {record.run.repeatable}"
        yield Row("learning", f"{family}: the record", "recorded", said)


def repeats(device, folder):
    """The same run again, and stopped and gone on with."""
    for family in FAMILIES:
        updates = (40, 100 if family == "cnn" else 150)
        record = train(family, folder, f"{family}-again", updates, device)[-1]
        train(family, folder, f"{family}-cut", updates[:1], device)
        train(family, folder, f"{family}-cut", updates, device)
        whole = load_file(last(folder, f"{family}-whole"))
        for what in ("again", "cut"):
            other = load_file(last(folder, f"{family}-{what}"))
            same = all(torch.equal(value, other[name]) for name, value in whole.items())
            far = max(float((v - other[n]).abs().max()) for n, v in whole.items())
            case = f"{family}, {'again' if what == 'again' else 'stopped and gone on'}"
            if record.run.repeatable:
                yield holds("repeats", f"{case}: the same bits", same, f"furthest weight {far:.1e}")
            else:
                yield Row("repeats", f"{case}: the same bits", "recorded", same, note=f"{far:.1e}")


def other_device(device, folder):
    """A state of one device goes on on the other: float32 there and here."""
    for family in FAMILIES:
        train(family, folder, f"{family}-there", (40,), device, precision="float32")
        train(family, folder, f"{family}-here", (40,), "cpu", precision="float32")
        weights = [load_file(last(folder, f"{family}-{where}")) for where in ("there", "here")]
        far = max(float((v - weights[1][n]).norm() / v.norm()) for n, v in weights[0].items())
        yield Row("other_device", f"{family}: furthest weight after 40 updates", "recorded", far)
        records = train(family, folder, f"{family}-there", (40, 60), "cpu", precision="float32")
        yield holds("other_device", f"{family}: goes on on the CPU", records[-1].updates == 60)


def losses(device, folder):
    """Held-out loss on the device and on the CPU, of one policy."""
    for family in FAMILIES:
        policy, _ = load_policy(last(folder, f"{family}-whole"))
        dev = store.open_split(demos(folder, family, LENGTHS), "dev")
        how = {"frames": 4 if family == "cnn" else None, "inventory": family != "cnn"}
        here = held_out(policy, dev, **how).estimates["loss"].mean
        there = held_out(policy.to(device), dev, device=device, **how).estimates["loss"].mean
        yield at_most("losses", f"{family}: difference, nats", abs(here - there), 1e-4)


def play(device, folder):
    """A lane's probabilities whatever is beside it."""
    for family in FAMILIES:
        policy, _ = load_policy(last(folder, f"{family}-whole"))
        policy = policy.to(device)
        dev = store.open_split(demos(folder, family, LENGTHS), "dev")
        chances = [_chances(policy, family, dev, lanes) for lanes in (1, 5, 16, 17, 40)]
        same = all(np.array_equal(one, chances[0]) for one in chances)
        yield holds("play", f"{family}: the same bits beside 0 to 39 lanes", same)


def _chances(policy, family, dev, lanes):
    fields = {name: dev.read(name, 0, lanes) for name in dev.observation}
    if family == "cnn":
        stacks = np.repeat(fields["screen"][:, None], 4, 1)
        return acting.probabilities(policy, stacks, 1.0)[0]
    batch = fields | {"previous": np.full(lanes, 121), "first": np.ones(lanes, bool)}
    return acting.step(policy, batch, policy.initial(lanes), np.arange(lanes), 1.0)[0]


def waits(device, folder):
    """How often an update waits for the device: PyTorch warns of each."""
    if device == "cpu":
        return [Row("waits", "", "skipped", note="needs CUDA; tests/test_pretended_gpu.py counts")]
    rows, step = [], loop.step
    for family in FAMILIES:
        counted = []

        def counting(*arguments, counted=counted):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                torch.cuda.set_sync_debug_mode("warn")
                try:
                    step(*arguments)
                finally:
                    torch.cuda.set_sync_debug_mode("default")
            counted.append(sum("synchroniz" in str(one.message) for one in said))

        loop.step = counting
        try:
            train(family, folder, f"{family}-waits", (9,), device)
        finally:
            loop.step = step
        # The first updates load kernels.
        rows.append(at_most("waits", f"{family}: waits an update", max(counted[2:]), 0))
    return rows


MEMBER = """
import sys
from pathlib import Path
import torch
import runs
from ilscaling.learning import ranks
family, folder, device = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
with ranks.join("cpu") as team:
    runs.train(family, folder, f"{family}-pair", (10,), device, team, precision="float32")
"""


def two_processes(device, folder):
    """A run shared by two processes on one device, by gloo, against one process."""
    from ilscaling.pipeline import gpu_allocator

    (folder / "member.py").write_text(MEMBER)
    for family in ("cnn", "transformer"):
        train(family, folder, f"{family}-alone", (10,), device, precision="float32")
        command = [sys.executable, "-m", "member", family, str(folder), device]
        paths = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])
        job = subprocess.Popen(
            gpu_allocator.torchrun(command, 2), env={**os.environ, "PYTHONPATH": paths}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            text, _ = job.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            yield Row("two_processes", family, "failed", note="no end within 40 s")
            continue
        if job.returncode:
            yield Row("two_processes", family, "failed", note=text.strip()[-300:])
            continue
        one, two = (load_file(last(folder, f"{family}-{name}")) for name in ("alone", "pair"))
        far = max(float((v - two[n]).norm() / v.norm().clamp_min(1e-6)) for n, v in one.items())
        yield at_most("two_processes", f"{family}: furthest weight, relative", far, 1e-2)
        record = read_json(last(folder, f"{family}-pair").with_suffix(".json"))
        yield holds("two_processes", f"{family}: the record says two", record["devices"] == 2)


def clock(device, work, repeats: int = 3) -> float:
    """Seconds of the fastest call."""
    best = float("inf")
    for _ in range(repeats):
        _settle(device)
        began = time.perf_counter()
        work()
        _settle(device)
        best = min(best, time.perf_counter() - began)
    return best


def _settle(device) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
