"""The FLOP ledger against PyTorch's counter and against the runs that others released."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ilscaling import flops, grid, policies
from ilscaling.errors import ParamsError
from ilscaling.policies.reading import read, tensors


@settings(max_examples=10, deadline=None)
@given(
    size=st.integers(1, 24),
    batch=st.integers(1, 3),
    frames=st.integers(1, 4),
    actions=st.integers(1, 18),
    screen=st.tuples(st.integers(36, 90), st.integers(36, 90)),
)
def test_exact_ledger_is_pytorchs_count(size, batch, frames, actions, screen):
    shape = {"frames": frames, "actions": actions, "screen": screen}
    ledger = flops.ledger("cnn", size, **shape)
    model = policies.build("cnn", size, **shape)
    screens = torch.zeros(batch, frames, *screen, dtype=torch.uint8)
    assert flops.counted(model, screens) == (batch * ledger.forward, batch * ledger.training)
    assert ledger.params == sum(p.numel() for p in model.parameters())
    assert [row.params for row in ledger.layers] == [
        sum(p.numel() for p in layer.parameters()) for layer in (*model.convolutions, model.linear)
    ]


@pytest.mark.parametrize("family", ["transformer", "lstm"])
@settings(max_examples=8, deadline=None)
@given(
    size=st.integers(4, 40),
    batch=st.integers(1, 3),
    context=st.sampled_from([1, 2, 8]),
    actions=st.integers(1, 30),
    depth=st.sampled_from([None, 1, 3]),
    inventory=st.booleans(),
)
def test_exact_ledger_of_sequences_is_pytorchs_count(
    family, size, batch, context, actions, depth, inventory
):
    shape = {"context": context, "actions": actions, "depth": depth, "inventory": inventory}
    ledger = flops.ledger(family, size, **shape)
    model = policies.build(family, size, **shape)
    g = torch.Generator().manual_seed(size)
    screens = {
        "tty_chars": torch.randint(32, 127, (batch, context, 24, 80), generator=g).byte(),
        "tty_colors": torch.randint(0, 16, (batch, context, 24, 80), generator=g).char(),
        "tty_cursor": torch.full((batch, context, 2), 9, dtype=torch.uint8),
        "previous": torch.zeros(batch, context, dtype=torch.int64),
        "first": torch.zeros(batch, context, dtype=torch.bool),
        "inventory": torch.full((batch, context, 55), 2000, dtype=torch.int16),
    }
    frames = tensors(read(model.reader, {k: v.numpy() for k, v in screens.items()}))
    state = None
    if family == "lstm":
        # The ledger counts the gradient of every frame's state, so that of the first one too.
        state = {k: v.requires_grad_() for k, v in model.initial(batch).items()}
    samples = batch * context
    counted = flops.counted(model, frames, state)
    assert counted == (samples * ledger.forward, samples * ledger.training)
    for row in ledger.layers:
        # A row's name begins those of its weights.
        weights = [w for name, w in model.named_parameters() if name.startswith(row.layer)]
        assert row.params == sum(w.numel() for w in weights) > 0, row.layer
    assert ledger.params == sum(w.numel() for w in model.parameters())
    for convention in ("published", "6nd"):
        other = flops.ledger(family, size, convention=convention, **shape)
        assert (other.params, other.training) == (ledger.params, 6 * ledger.params)


def test_six_n_d_of_the_cnn():
    exact = flops.ledger("cnn", 8, frames=4, actions=4)
    assert (
        flops.ledger("cnn", 8, frames=4, actions=4, convention="6nd").training == 6 * exact.params
    )


def test_sizes_reach_from_twenty_thousand_to_two_hundred_million():
    """The sizes that `widths` names, and its rule of depth."""
    for family, width in (("transformer", 992), ("lstm", 2296)):
        small, large = (flops.ledger(family, d, context=80, actions=121).params for d in (8, width))
        assert small < 20_000 and abs(large / 200e6 - 1) < 0.01


# From the released Atari data at 1e14: game's actions, width, parameters, samples trained on.
RELEASED = [
    (4, 1, 725, 9_146_368),
    (4, 8, 9_580, 1_081_344),
    (4, 34, 100_814, 212_992),
    (4, 266, 4_985_110, 12_288),
    (6, 13, 22_535, 638_976),
]


@pytest.mark.parametrize("actions, width, params, samples", RELEASED)
def test_published_convention_reproduces_released_runs(actions, width, params, samples):
    ledger = flops.ledger("cnn", width, frames=4, actions=actions, convention="published")
    assert ledger.params == params
    # They trained in batches of 4,096 and finished the batch in which the budget ran out.
    assert math.ceil(1e14 / ledger.training / 4096) * 4096 == samples


def test_ledger_needs_no_torch():
    code = (
        "import sys; from ilscaling import flops, grid, registry; "
        "registry.get('ALGORITHM', 'cloning'), registry.get('SCHEDULE', 'wsd'); "
        "flops.ledger('cnn', 8, frames=4, actions=4); "
        "flops.ledger('lstm', 8, context=4, actions=4); sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(flops.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_budgets_are_spent_in_whole_batches():
    ledger = flops.Ledger("exact", (flops.Row("only", 1, 3, 10),))
    spend = grid.Spend(ledger, 10)
    assert [spend.updates(b) for b in (99.0, 100.0, 199.0, 200.0, 1e19)] == [0, 1, 1, 2, 10**17]
    assert spend.flops(2) == 200


def test_unknown_names_are_refused():
    with pytest.raises(ParamsError, match="no family 'nosuch'"):
        flops.ledger("nosuch", 8, frames=4, actions=4)
    with pytest.raises(ParamsError, match="unknown FLOP convention 'rough'"):
        flops.ledger("cnn", 8, frames=4, actions=4, convention="rough")
