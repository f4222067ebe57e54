"""The sequence families: what they may see, that state loses nothing, and what they react to."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ilscaling import policies
from ilscaling.errors import ParamsError
from ilscaling.policies.encoder import bag
from ilscaling.policies.frames import FIELDS, Reader
from ilscaling.policies.lookups import Lookup
from ilscaling.policies.reading import read, tensors

FAMILIES = ("transformer", "lstm")
CONTEXT, ACTIONS = 8, 23
# Logits are of order one; sums of changes round differently from sums of cells.
CLOSE = {"atol": 2e-5, "rtol": 1e-4}
ALPHABET = " :(/-0123456789lPwTS$abZ~"
STATUS = (
    "Agent the Candidate          St:18/02 Dx:14 Co:17 In:9 Wi:16 Ch:10 Neutral S:460",
    "Dlvl:3 $:20 HP:39(52) Pw:24(24) AC:-3 Xp:4/110 T:3778 Hungry Blind",
)


def write(chars: torch.Tensor, row: int, text: str) -> None:
    """Put text at the start of a row of chars (..., 24, 80)."""
    chars[..., row, :] = 32
    chars[..., row, : len(text)] = torch.tensor(list(text.encode()), dtype=torch.uint8)


def play(lanes: int, steps: int, seed: int = 0, starts: float = 0.0) -> dict[str, torch.Tensor]:
    """Stretches in which the cursor walks over a map that changes a little from frame to frame."""
    g = torch.Generator().manual_seed(seed)
    chars = torch.randint(33, 127, (lanes, steps, 24, 80), generator=g)
    chars = torch.where(torch.rand(chars.shape, generator=g) < 0.7, 32, chars).to(torch.uint8)
    colours = torch.randint(0, 16, chars.shape, generator=g).to(torch.int8) * (chars != 32)
    for t in range(1, steps):
        still = torch.rand(lanes, 24, 80, generator=g) < 0.95
        chars[:, t] = torch.where(still, chars[:, t - 1], chars[:, t])
        colours[:, t] = torch.where(still, colours[:, t - 1], colours[:, t])
    write(chars, 22, STATUS[0])
    write(chars, 23, STATUS[1])
    cursor = (torch.randint(0, 24, (lanes, steps), generator=g),)
    cursor += (torch.randint(0, 80, (lanes, steps), generator=g),)
    return {
        "tty_chars": chars,
        "tty_colors": colours.to(torch.int8),
        "tty_cursor": torch.stack(cursor, -1).to(torch.uint8),
        "previous": torch.randint(0, ACTIONS + 1, (lanes, steps), generator=g),
        "first": torch.rand(lanes, steps, generator=g) < starts,
        "inventory": torch.randint(5900, 5977, (lanes, steps, 55), generator=g).to(torch.int16),
    }


def cut(batch: dict[str, torch.Tensor], steps: slice, lanes: slice = slice(None)) -> dict:
    return {name: values[lanes, steps] for name, values in batch.items()}


def policy(family: str, size: int = 12, *, inventory: bool = True, **shape) -> torch.nn.Module:
    torch.manual_seed(1)
    shape = {"context": CONTEXT, "actions": ACTIONS, "inventory": inventory, **shape}
    return policies.build(family, size, **shape)


def seen(model, batch: dict[str, torch.Tensor], state=None):
    """The policy's answer to frames, which are read first."""
    arrays = {name: np.ascontiguousarray(values) for name, values in batch.items()}
    return model(tensors(read(model.reader, arrays)), state)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_future_frame_changes_a_present_logit(family):
    model, batch = policy(family), play(2, 20, starts=0.1)
    other = play(2, 20, seed=5, starts=0.1)
    mixed = {k: torch.cat((v[:, :11], other[k][:, 11:]), 1) for k, v in batch.items()}
    with torch.no_grad():
        before, after = seen(model, batch)[0], seen(model, mixed)[0]
    assert torch.equal(before[:, :11], after[:, :11])
    assert not torch.isclose(before[:, 11:], after[:, 11:]).all(-1).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_games_of_a_stretch_are_as_if_alone(family):
    model, batch = policy(family), play(2, 8)
    batch["first"][0, 3] = True
    with torch.no_grad():
        both, _ = seen(model, batch)
        alone, _ = seen(model, cut(batch, slice(3, None), slice(0, 1)))
        lone, _ = seen(model, cut(batch, slice(None), slice(1, 2)))
        # A state left over from another game is forgotten as well.
        batch["first"][:, 0] = True
        after, _ = seen(model, batch, seen(model, play(2, 30, seed=3))[1])
    assert torch.allclose(both[:1, 3:], alone, **CLOSE)
    assert torch.allclose(both[1:], lone, **CLOSE)
    assert torch.allclose(after, both, **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=6, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    starts=st.sampled_from([0.0, 0.1, 0.5]),
    context=st.sampled_from([1, 2, 8]),
)
def test_stretches_with_state_equal_one_long_pass(family, sizes, starts, context):
    model = policy(family, 5, context=context)
    batch = play(3, sum(sizes), seed=sum(sizes), starts=starts)
    with torch.no_grad():
        whole, last = seen(model, batch)
        state, pieces, at = model.initial(3), [], 0
        for size in sizes:
            logits, state = seen(model, cut(batch, slice(at, at + size)), state)
            pieces.append(logits)
            at += size
    assert torch.allclose(torch.cat(pieces, 1), whole, **CLOSE)
    for name, values in last.items():
        assert torch.allclose(values.float(), state[name].float(), **CLOSE), name


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_with_lanes_taken_out_and_put_back(family):
    """Frame by frame beyond the context, each lane at its own pace: the long pass, lane by lane."""
    model, batch = policy(family), play(3, 3 * CONTEXT, starts=0.05)
    with torch.no_grad():
        whole, _ = seen(model, batch)
        state, at = model.initial(3), [0, 0, 0]
        while min(at) < 3 * CONTEXT:
            lanes = [n for n in range(3) if at[n] < 3 * CONTEXT and (sum(at) + n) % 2]
            lanes = lanes or [n for n in range(3) if at[n] < 3 * CONTEXT]
            frames = {
                k: torch.stack([v[n, at[n]] for n in lanes])[:, None] for k, v in batch.items()
            }
            logits, after = seen(model, frames, {k: v[lanes] for k, v in state.items()})
            for row, lane in enumerate(lanes):
                assert torch.allclose(logits[row, 0], whole[lane, at[lane]], **CLOSE)
                at[lane] += 1
            for name, values in after.items():
                state[name][lanes] = values


def test_transformer_sees_as_far_as_its_context():
    """Depth lets a frame hear of older ones; a single layer ends at the window's edge."""
    model, batch = policy("transformer", depth=1), play(1, 20)
    with torch.no_grad():
        whole, _ = seen(model, batch)
        window, _ = seen(model, cut(batch, slice(20 - CONTEXT, None)))
        short, _ = seen(model, cut(batch, slice(21 - CONTEXT, None)))
    assert torch.allclose(whole[:, -1], window[:, -1], **CLOSE)
    assert not torch.allclose(whole[:, -1], short[:, -1], **CLOSE)


def _message(b):
    write(b["tty_chars"], 0, "You feel a strange mental acuity.")


def _hunger(b):
    write(b["tty_chars"], 23, STATUS[1].replace("Hungry", "Burdened"))


def _hit_points(b):
    write(b["tty_chars"], 23, STATUS[1].replace("39(", "7("))


def _far_corner(b):
    b["tty_chars"][..., 21, 79] = ord("%")


def _far_colour(b):
    b["tty_colors"][..., 1, 79] = 5


def _near(b):
    b["tty_chars"][..., 8, 38] = ord("d")


def _near_colour(b):
    b["tty_colors"][..., 12, 38] = 9


def _cursor(b):
    b["tty_cursor"][..., 0] += 1


def _previous(b):
    b["previous"][:] = ACTIONS


def _inventory(b):
    b["inventory"][..., 3] = 1907


CHANGES = (
    _message,
    _hunger,
    _hit_points,
    _far_corner,
    _far_colour,
    _near,
    _near_colour,
    _cursor,
    _previous,
    _inventory,
)


@pytest.mark.parametrize("change", CHANGES)
def test_every_part_of_the_observation_counts(change):
    model, batch = policy("transformer"), play(1, 1)
    for name in ("tty_chars", "tty_colors"):
        batch[name][..., 1, 79] = batch[name][..., 12, 38] = ord("D") if name == "tty_chars" else 1
    batch["tty_cursor"][:] = torch.tensor([10, 40], dtype=torch.uint8)
    batch["previous"][:] = 2
    changed = {name: values.clone() for name, values in batch.items()}
    change(changed)
    with torch.no_grad():
        assert not torch.allclose(seen(model, batch)[0], seen(model, changed)[0], atol=1e-6)
        if change is _inventory:
            model = policy("transformer", inventory=False)
            assert torch.equal(seen(model, batch)[0], seen(model, changed)[0])


def kind(char: int, colour: int) -> int:
    """Kind of a cell: plain grey characters have one of their own."""
    letter = min(max((char & 127) - 32, 0), 95)
    return letter if colour & 31 in (0, 7) else 96 + (7 * letter + 13 * (colour & 31)) % 96


def hashed(key: int) -> int:
    golden = 2**64 - 7046029254386353131
    return (key * golden % 2**64 >> 40) & 0xFFFFFF


def word_hash(word: str) -> int:
    """Sum over the letters of a hash of each with its neighbours."""
    golden, text, key = 2**64 - 7046029254386353131, f" {word} ".encode("latin1"), 0
    for before, letter, after in zip(text, text[1:-1], text[2:], strict=False):
        product = ((before << 16) + (letter << 8) + after) * golden % 2**64
        key += (product - (product >> 63 << 64)) >> 24
    return hashed(key)


def plain_numbers(status: str) -> list[int]:
    """Buckets of the numbers in the two status lines, by a regular expression."""
    values, before = [0.0] * 15, -2
    for match in re.finditer(r"[:(/]", status):
        at = match.start()
        own = FIELDS.get(status[at - 1], -2) if at else -2
        field, before = (own if match.group() == ":" else before + 1), own
        if field >= 0:
            sign, digits = re.compile(r"(-?)(\d{0,7})").match(status, at + 1).groups()
            values[field] += int(sign + (digits or "0"))
    buckets = [math.floor(2 * math.log2(v + 1) + 1e-4) + 1 if v >= 0 else 0 for v in values[:12]]
    buckets[6] = max(0, values[6] + 12)
    for part in (2, 4):
        buckets.append(max(0, 16 * values[part] // max(values[part + 1], 1)))
    return [int(min(bucket, 31)) for bucket in buckets]


def plain_reading(batch: dict[str, torch.Tensor], lane: int, t: int) -> dict[str, list]:
    """What one frame of a batch says, slowly."""
    chars, colours = (batch[f"tty_{name}"][lane].tolist() for name in ("chars", "colors"))
    row, column = batch["tty_cursor"][lane, t].tolist()
    text = ["".join(map(chr, line)) for line in chars[t]]
    conditions = re.sub(r"[^A-Za-z]", " ", text[23][40:])
    blank = [[(32, 0)] * 80] * 24
    maps = [
        [list(zip(*lines, strict=True)) for lines in zip(chars[k], colours[k], strict=True)]
        for k in (t - 1, t) if k >= 0
    ]  # fmt: skip
    now, before = maps[-1], maps[-2] if t else blank
    return {
        "cells": [
            kind(*now[r][c]) if 0 <= r < 24 and 0 <= c < 80 else 0
            for r in range(row - 4, row + 5) for c in range(column - 4, column + 5)
        ],
        "facts": [
            int(batch["previous"][lane, t]), row, column, *plain_numbers(text[22] + text[23])
        ],
        "words": [word_hash(w) for w in (f"{text[0]} {conditions}").split(" ") if w],
        "carried": [
            hashed(key)
            for slot, glyph in enumerate(batch["inventory"][lane, t].tolist()) if glyph != 5976
            for key in (glyph, glyph + 8192 * (slot + 1))
        ],
        "changes": sorted(
            (
                (r - 1) // 3 * 10 + c // 8,
                *(((r - 1) % 3 * 8 + c % 8) * 192 + kind(*m[r][c]) for m in (now, before)),
            )
            for r in range(1, 22) for c in range(80) if now[r][c] != before[r][c]
        ),
    }  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    inventory=st.booleans(),
    text=st.text(ALPHABET, max_size=160),
    high=st.booleans(),
)
def test_frames_are_read_as_by_plain_loops(seed, inventory, text, high):
    """Every number, word, cell and change, in any order of the stretches."""
    batch = play(2, 3, seed=seed)
    # Status lines with colons, brackets and signs where none should be, and half of them whole.
    chars = batch["tty_chars"][1]
    for row, part in ((0, text[:80]), (22, text[80:]), (23, text[:80])):
        write(chars, row, part)
    if high:
        batch["tty_chars"][0, 1, 5, :9] += 128
        batch["tty_colors"][0, 1, 5, :9] = -3
    order = np.random.default_rng(seed).permutation(2)
    reader = Reader(ACTIONS, inventory)
    features = reader.read({name: values.numpy() for name, values in batch.items()}, order)
    for k, (lane, t) in enumerate((lane, t) for lane in order for t in range(3)):
        wanted = plain_reading(batch, lane, t)
        one = features.part(k, k + 1)
        facts = (one.facts[0] - reader.offsets).tolist()
        assert one.cells[0].tolist() == wanted["cells"] and facts == wanted["facts"]
        assert one.words.tolist() == wanted["words"]
        assert one.carried.tolist() == (wanted["carried"] if inventory else [])
        changes = zip(*(one[n].tolist() for n in (6, 7, 8)), strict=True)
        assert sorted(changes) == wanted["changes"]


def test_patches_are_a_strided_convolution():
    """The sum over changes is the sum over cells, by plain loops; and so is its gradient."""
    encoder, batch = policy("transformer").encoder.double(), play(2, 3)
    table, width = encoder.patches, encoder.patches.shape[1]
    features = tensors(read(Reader(ACTIONS, True), {k: v.numpy() for k, v in batch.items()}))
    sums = encoder.operations(features["frames"], 3)[0].view(2, 3, -1)[..., -70 * width :]
    pairs = zip(batch["tty_chars"].flatten(), batch["tty_colors"].flatten(), strict=True)
    kinds = torch.tensor([kind(int(char), int(colour)) for char, colour in pairs])
    kinds = kinds.view(2, 3, 24, 80)[:, :, 1:22].reshape(2, 3, 7, 3, 10, 8)
    kinds = kinds.transpose(3, 4).flatten(4)
    place = torch.arange(24) * 192
    expected = (table[place + kinds] - table[place]).sum(-2).flatten(2)
    assert torch.allclose(sums, expected)
    weights = torch.randn_like(sums)
    for one, wanted in zip(
        torch.autograd.grad((sums * weights).sum(), table),
        torch.autograd.grad((expected * weights).sum(), table),
        strict=True,
    ):
        assert torch.allclose(one, wanted)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), inventory=st.booleans())
def test_compiled_and_plain_operations_sum_the_same(seed, inventory):
    """And the gradients of all that is learned from them."""
    encoder = policy("transformer", 10, inventory=inventory).encoder
    batch = {name: values.numpy() for name, values in play(2, 3, seed=seed).items()}
    frames = read(Reader(ACTIONS, inventory), batch)["frames"]
    compiled = Lookup.apply(frames, 3, *encoder.tables())
    plain = encoder.operations(tensors({"frames": frames})["frames"], 3)
    weights = [torch.randn_like(values) for values in plain]
    gradients = []
    for sums in (compiled, plain):
        total = sum((one * weight).sum() for one, weight in zip(sums, weights, strict=True))
        gradients.append(torch.autograd.grad(total, encoder.tables()))
    for one, other in (*zip(compiled, plain, strict=True), *zip(*gradients, strict=True)):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_bag_sums_rows_and_spreads_gradients():
    table = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    index, starts = torch.tensor([5, 1, 1, 0, 5]), torch.tensor([0, 0, 3, 5])
    assert torch.autograd.gradcheck(lambda t: bag(t, index, starts), table)
    expected = torch.stack(
        [0 * table[0], table[5] + 2 * table[1], table[0] + table[5], 0 * table[0]]
    )
    assert torch.allclose(bag(table, index, starts), expected)


def reading(batch: dict[str, torch.Tensor]):
    reader = Reader(ACTIONS, False)
    features = reader.read({k: v.numpy() for k, v in batch.items()}, np.arange(1))
    return features, features.facts - reader.offsets


def test_status_lines_are_read():
    """By hand: dungeon level 3, 20 gold, 39 of 52 hit points, armour class -3, turn 3778."""
    batch = play(1, 2)
    chars = batch["tty_chars"][0]
    # A line of text over the status lines must not lend its numbers to the next frame's.
    write(chars[0], 22, "a - 4 darts (in quiver")
    write(chars[0], 23, "(end) HP:")
    numbers = reading(batch)[1][:, 3:].tolist()
    assert numbers[0] == [1] * 6 + [12] + [1] * 5 + [0, 0]
    assert numbers[1] == [5, 9, 11, 12, 10, 10, 9, 5, 14, 24, 18, 1, 12, 16]


def test_words_are_read_wherever_they_stand():
    batch = play(1, 4)
    chars = batch["tty_chars"][0]
    write(chars, 0, "")
    write(chars[1], 0, "The kitten bites!")
    write(chars[2], 0, "   bites!  The kitten")
    write(chars[3], 0, "The kitten bites")
    write(chars[3], 23, STATUS[1].replace("3778", "121"))
    features, _ = reading(batch)
    words = [set(features.part(k, k + 1).words.tolist()) for k in range(4)]
    assert words[1] == words[2] and len(words[1] - words[0]) == 3
    assert len(words[3] - words[0]) == 3 and len(words[3] & words[1] - words[0]) == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_policies_learn(family):
    """From a rule that needs the frame before: the action is the last frame's first letter."""
    torch.manual_seed(0)
    model = policy(family, 16, inventory=False)
    batch = play(32, CONTEXT)
    letters = torch.randint(0, 8, (32, CONTEXT))
    batch["tty_chars"][:, :, 0, 0] = letters.to(torch.uint8) + 65
    batch["tty_chars"][:, :, 0, 1:] = 32
    target = letters.roll(1, 1)
    adam = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        logits, _ = seen(model, batch)
        loss = torch.nn.functional.cross_entropy(
            logits[:, 1:].flatten(0, 1), target[:, 1:].flatten()
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert loss.item() < 0.7 < torch.log(torch.tensor(8.0))


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_stays_near(family):
    model, batch = policy(family), play(2, 12, starts=0.1)
    with torch.no_grad():
        full, _ = seen(model, batch)
        with torch.autocast("cpu", torch.bfloat16):
            low, _ = seen(model, batch)
    assert low.dtype == torch.float32
    assert torch.allclose(low, full, atol=0.1)


def test_too_small_a_width_is_refused():
    with pytest.raises(ParamsError, match="size 3 is too small"):
        policies.build("lstm", 3, context=4, actions=5)
