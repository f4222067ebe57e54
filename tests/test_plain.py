"""The fast training step against plain PyTorch: the same losses on the same batches."""

import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from ilscaling import policies
from ilscaling.learning.algorithm import Learner
from ilscaling.learning.loop import step
from ilscaling.learning.state import State
from ilscaling.params import Rule, Train
from ilscaling.policies.cnn.pixels import innermost

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "bench"))
import plain


class Cloned(Learner):
    """Behaviour cloning without demonstrations."""

    def loss(self, policy, batch):
        return F.cross_entropy(policy(batch["screen"]), batch["action"])


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 5e-3)])
def test_losses_of_the_fast_step_are_those_of_the_plain_one(precision, tolerance):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    settings = Train(batch=Rule(value=16), warmup_steps=0)
    shape = {"frames": 4, "actions": 4}
    policy, simple = policies.build("cnn", 8, **shape), plain.Stacks(8, **shape)
    with torch.no_grad():
        for mine, other in zip(policy.parameters(), simple.parameters(), strict=True):
            other.copy_(mine)
    state = State(policy, settings, rate=2e-4, device="cpu", type=precision)
    adam = torch.optim.Adam(simple.parameters(), 2e-4, foreach=False)
    actions = torch.arange(16) % 4
    screens = torch.randint(0, 100, (16, 4, 84, 84), dtype=torch.uint8)
    screens += (40 * actions).to(torch.uint8)[:, None, None, None]
    first = None
    for update in range(1, 31):
        with torch.no_grad():
            fast = F.cross_entropy(policy(screens), actions)
        loss = F.cross_entropy(simple(screens), actions)
        first = first or loss.item()
        assert fast.item() == pytest.approx(loss.item(), rel=tolerance), update
        step(state, Cloned(None), {"screen": screens, "action": actions})
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert loss.item() < 0.97 * first


@pytest.mark.parametrize("shape", [(3, 4, 84, 84), (1, 4, 7, 9), (2, 3, 84, 84)])
@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16, torch.float64])
def test_pixels_are_converted_exactly(shape, type):
    screens = torch.randint(0, 256, shape, dtype=torch.uint8)
    found, plain_ = innermost(screens, type), screens.to(type)
    assert torch.equal(found, plain_)
    assert found.is_contiguous(memory_format=torch.channels_last)
