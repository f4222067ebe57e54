"""How fast a device trains and plays, on what lies there and on what the reader gives."""

import numpy as np
import torch
from made_up import demos
from rows import Row
from runs import clock, settings

from ilscaling import flops, grid, policies, store
from ilscaling.learning import feed, loop, precision
from ilscaling.learning.algorithm import Given
from ilscaling.learning.cloning import Cloning
from ilscaling.learning.ranks import ALONE
from ilscaling.learning.state import State
from ilscaling.params import Rule
from ilscaling.policies import acting

LENGTHS = {"train": [2_000] * 4, "dev": [500]}
# Family, size, samples an update; the larger ones on a GPU alone.
SMALL = (("cnn", 8, 32), ("transformer", 16, 256), ("lstm", 16, 256))
LARGE = (
    ("cnn", 8, 4_096), ("cnn", 50, 1_024), ("cnn", 266, 1_024),
    ("transformer", 16, 8_192), ("transformer", 128, 8_192), ("transformer", 512, 8_192),
    ("lstm", 256, 8_192),
)  # fmt: skip
SIDE = {"cpu": 512, "cuda": 8_192}
reached: dict[str, float] = {}


def peak(device, folder):
    """Products of square matrices, by type."""
    side = SIDE[device]
    for name, type in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        precision.prepare(device, name, False)
        a, b = (torch.randn(side, side, device=device, dtype=type) for _ in range(2))
        torch.mm(a, b)
        reached[name] = 2 * side**3 / clock(device, lambda a=a, b=b: torch.mm(a, b))
        yield Row(
            "peak", f"{name}, {side} a side", "recorded", reached[name] / 1e12, note="TFLOP/s"
        )


def training(device, folder):
    """Samples a second on one batch that stays there, and fed; memory."""
    for family, size, batch in (*SMALL, *(LARGE if device != "cpu" else ())):
        how = settings(family, batch=Rule(value=batch), buffer_steps=8_192, clip=1.0)
        split = store.open_split(demos(folder, family, LENGTHS), "train")
        shape = policies.shape(
            how, len(split.actions), {field: split.fields[field] for field in split.observation}
        )
        ledger, type = (
            flops.ledger(family, size, **shape),
            precision.resolve("auto", device, family, size),
        )
        precision.prepare(device, type, policies.get(family).repeatable)
        run = grid.Run("made up", family, size, 0)
        learner = Cloning(Given(split, how, run, ledger, device, type, folder, ALONE))
        state = State(
            policies.build(family, size, **shape), how, rate=1e-4, device=device, type=type
        )
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        updates = max(3, min(50, 8_192 // batch))
        case = f"{family} {size}, batch {batch}, {type}"
        with learner.batches(split, batch=batch, seed=0, start=0) as batches:
            one = feed.tensors(next(batches), device)

            def resident(one=one, state=state, learner=learner, updates=updates):
                for _ in range(updates):
                    loop.step(state, learner, one)

            def fed(batches=batches, state=state, learner=learner, updates=updates):
                for _ in range(updates):
                    loop.step(state, learner, feed.tensors(next(batches), device))

            resident()
            still = updates * batch / clock(device, resident)
            served = updates * batch / clock(device, fed)
        torch.use_deterministic_algorithms(False)
        yield Row("training", f"{case}: resident", "recorded", round(still), note="samples/s")
        yield Row("training", f"{case}: fed", "recorded", round(served), note="samples/s")
        share = still * ledger.training / reached[type if type in reached else "float32"]
        yield Row("training", f"{case}: of the peak", "recorded", share)
        if device != "cpu":
            most = torch.cuda.max_memory_allocated() / 1e9
            yield Row("training", f"{case}: memory", "recorded", most, note="GB")


def playing(device, folder):
    """Seconds a step of sixteen lanes, by PyTorch on the device and on the CPU."""
    for family, size, _ in (*SMALL, ("transformer", 256, 0), ("cnn", 50, 0)):
        how = settings(family)
        dev = store.open_split(demos(folder, family, LENGTHS), "dev")
        shape = policies.shape(
            how, len(dev.actions), {field: dev.fields[field] for field in dev.observation}
        )
        network = policies.build(family, size, **shape).eval().requires_grad_(False)
        fields = {name: dev.read(name, 0, 16) for name in dev.observation}
        for where in dict.fromkeys(("cpu", device)):
            work = _step(network.to(where), family, fields)
            work()
            seconds = clock(where, work, 5)
            case = f"{family} {size} on {where}"
            yield Row("playing", case, "recorded", 1e3 * seconds, note="ms a step of 16")


def _step(policy, family, fields):
    """What sixteen lanes take of a policy at a step."""
    if family == "cnn":
        stacks = np.repeat(fields["screen"][:, None], 4, 1)
        return lambda: acting.probabilities(policy, stacks, 1.0)
    batch = fields | {"previous": np.full(16, 121), "first": np.zeros(16, bool)}
    state, lanes = policy.initial(16), np.arange(16)
    return lambda: acting.step(policy, batch, state, lanes, 1.0)
