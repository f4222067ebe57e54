"""Schedules of the rate, and runs whose budgets branch off a trunk."""
# ruff: noqa: F811 (fixtures of test_training)

import pytest
import torch
from ladder import cells
from safetensors.torch import load_file
from test_training import BATCH, SETTINGS, clone, demos, nethack, train  # noqa: F401

from ilscaling import registry, schedules, store
from ilscaling.errors import ExtensionError
from ilscaling.files import sha256
from ilscaling.learning import loop, snapshot
from ilscaling.learning.run import run_trunk
from ilscaling.learning.snapshot import load_policy
from ilscaling.learning.state import State
from ilscaling.params import Rule, Train, TrainSequences
from ilscaling.show.report import text

WSD = SETTINGS.model_copy(update={"schedule": "wsd", "cooldown": 0.25})
COSINE = SETTINGS.model_copy(update={"schedule": "cosine", "final": 0.1})
ENDS = (10, 40, 100)


def rates(settings, end, until):
    return [schedules.factor(settings, update, end) for update in range(1, until + 1)]


@pytest.mark.parametrize("end", [2, 9, 11, 100, 1001])
@pytest.mark.parametrize("final", [0.0, 0.1])
@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_a_rate_rises_stays_and_falls_to_the_final_one(schedule, final, end):
    settings = Train(schedule=schedule, final=final, warmup_steps=10, cooldown=0.2)
    found = rates(settings, end, end)
    assert found[-1] == pytest.approx(final * min(1.0, end / 10), abs=1e-12)
    top = found.index(max(found))
    assert found[: top + 1] == sorted(found[: top + 1]) and max(found) <= 1
    assert found[top:] == sorted(found[top:], reverse=True)
    shared = schedules.shared(settings, end)
    assert found[:shared] == rates(settings, None, shared)
    if schedule == "wsd":
        assert shared == min(end - 1, round(0.8 * end))
        middle = (end - shared) // 4
        if shared > 10 and (end - shared) % 4 == 0:
            # One minus the square root: half is gone after a quarter.
            assert found[shared + middle - 1] == pytest.approx((1 + final) / 2)
    elif end == 1001:
        assert found[505] == pytest.approx((1 + final) / 2, abs=0.002)


def test_what_a_grid_spends():
    ends = [100, 200, 400]
    for schedule, added, trunk in (
        ("constant", [100, 100, 200], [100, 200, 400]),
        ("cosine", [100, 200, 400], []),
        ("wsd", [100, 120, 240], [80, 160, 320]),
    ):
        settings = Train(schedule=schedule)
        assert schedules.added(settings, ends) == added
        assert schedules.trunk(settings, ends) == trunk
        own = sum(schedules.own(settings, end) for end in ends)
        assert sum(added) == own + max(trunk, default=0)


def plain(demos, settings, end, out):
    """Weights after `end` updates without a stop, at the rates of a schedule, and the curve."""
    constant = settings.model_copy(update={"schedule": "constant"})
    rate = State.rate
    try:
        State.rate = lambda self, u: self.full_rate * schedules.factor(settings, u, end)
        train(demos, out, (end,), constant)
    finally:
        State.rate = rate
    state = load_file(out / "state.safetensors")
    return {k.removeprefix("average/"): v for k, v in state.items() if "average/" in k}, (
        out / "curve.csv"
    ).read_bytes()


@pytest.mark.parametrize("settings", [WSD, COSINE], ids=["wsd", "cosine"])
def test_a_cell_is_what_one_uninterrupted_run_gives(demos, tmp_path, settings):
    records = train(demos, tmp_path / "run", ENDS, settings)
    for end, record in zip(ENDS, records, strict=True):
        assert record.updates == end and record.flops == end * BATCH
        assert record.run.schedule == settings.schedule
        name = f"{end * BATCH:.6g}"
        weights, curve = plain(demos, settings, end, tmp_path / name)
        found = load_file(tmp_path / "run" / f"{name}.safetensors")
        assert all(torch.equal(found[name], weights[name]) for name in weights)
        assert (tmp_path / "run" / f"curve-{name}.csv").read_bytes() == curve
        assert load_policy(tmp_path / "run" / f"{name}.safetensors")[1] == record
    assert not list((tmp_path / "run").glob("state*"))


def test_lanes_are_carried_along_a_branch(nethack, tmp_path):
    settings = TrainSequences(
        batch=Rule(value=64), rate=Rule(value=0.02), warmup_steps=5, buffer_steps=256,
        context=16, schedule="wsd",
    )  # fmt: skip
    both = clone(nethack, tmp_path / "both", (20, 40), "lstm", settings)
    alone = clone(nethack, tmp_path / "alone", (40,), "lstm", settings)
    assert both[1] == alone[0]


def made(out):
    """Digests of what must not depend on history: cells and curves, the trunk's included."""
    apart = ("state", "timing", "update-")
    found = {path.relative_to(out): path for path in out.rglob("*.*")}
    return {at: sha256(p) for at, p in found.items() if not p.name.startswith(apart)}


@pytest.fixture(scope="module")
def undisturbed(demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("wsd") / "run"
    return out, train(demos, out, ENDS, WSD)


@pytest.fixture
def starts(monkeypatch):
    """Updates at which training began or went on."""
    found = []
    loader = store.Loader

    def watched(*args, start, **kwargs):
        found.append(start // 16)
        return loader(*args, start=start, **kwargs)

    monkeypatch.setattr("ilscaling.learning.feed.Loader", watched)
    return found


def test_a_killed_trunk_or_branch_goes_on(demos, undisturbed, tmp_path, monkeypatch, starts):
    """Dies in the trunk, at a leave, in a branch, and between a snapshot and its record."""
    out = tmp_path / "run"
    settings = WSD.model_copy(update={"checkpoint_seconds": 1e-9})
    step = loop.step
    for end in (5, 30, 37, 70, 90):

        def dies(state, learner, batch, end=end):
            if state.update == end:
                raise MemoryError
            step(state, learner, batch)

        with monkeypatch.context() as patched:
            patched.setattr(loop, "step", dies)
            with pytest.raises(MemoryError):
                train(demos, out, ENDS, settings)
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "write_json", lambda path, record: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(demos, out, ENDS, settings)
    assert train(demos, out, ENDS, settings) == undisturbed[1]
    assert made(out) == made(undisturbed[0])
    # 7, 30 and 75 are the leaves; none of the deaths cost more than one update.
    assert starts[:1] == [0] and 5 in starts and set(starts) <= {0, 5, 8, 30, 37, 70, 75, 90, 100}


def test_new_budgets_and_another_cooldown_go_on_from_the_trunk(
    demos,
    undisturbed,
    tmp_path,
    starts,
):
    """Trunk and branches as separate jobs do them, in the workflow's folders."""
    trunk, how = tmp_path / "trunk", {"trunk": tmp_path / "trunk"}
    split = store.open_split(demos, "train")

    def leave(settings, ends):
        budgets = [float(n * BATCH) for n in ends]
        of = cells(split, settings, budgets, family="cnn", size=2)
        return run_trunk(split, settings, of, trunk, device="cpu")

    leave(WSD, (10,))
    assert leave(WSD, (10, 100)) == {"update-8.safetensors": 8, "update-75.safetensors": 75}
    assert starts == [0, 8]
    train(demos, tmp_path / "run", (100,), WSD, **how)
    assert starts[2:] == [75]
    leave(WSD, ENDS)  # between two: from the nearest before it
    train(demos, tmp_path / "run", ENDS, WSD, **how)
    assert starts[3:] == [8, 8, 30]
    assert made(tmp_path / "run").items() <= made(undisturbed[0]).items()
    longer = WSD.model_copy(update={"cooldown": 0.5})
    leave(longer, ENDS)
    train(demos, tmp_path / "longer", ENDS, longer, **how)
    assert starts[6:] == [0, 8, 30, 5, 20, 50]
    alone = train(demos, tmp_path / "alone", (100,), longer)
    assert alone[0].sha256 == sha256(tmp_path / "longer" / f"{100 * BATCH:.6g}.safetensors")
    starts.clear()
    assert train(demos, tmp_path / "run", ENDS, WSD, **how) == undisturbed[1] and starts == []


def test_a_trunk_that_fails_fails_what_branches_off_later(demos, tmp_path, starts):
    settings = WSD.model_copy(update={"rate": Rule(value=1e30)})
    records = train(demos, tmp_path, (1, 20, 60), settings)
    assert [r.status for r in records] == ["done", "failed", "failed"]
    assert records[2].updates == records[1].updates == 15
    starts.clear()
    assert train(demos, tmp_path, (1, 20, 60, 100), settings)[:3] == records
    assert starts == []


@pytest.fixture
def linear():
    registry.load(["tests/extensions/linear.py"])
    yield SETTINGS.model_copy(update={"schedule": "linear"})
    registry.load([])


def test_a_schedule_of_a_strangers_file(demos, tmp_path, linear):
    records = train(demos, tmp_path / "run", (10, 40), linear)
    weights, curve = plain(demos, linear, 40, tmp_path / "plain")
    (name,) = (f"{record.budget:.6g}" for record in records[1:])
    found = load_file(tmp_path / "run" / f"{name}.safetensors")
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert (tmp_path / "run" / f"curve-{name}.csv").read_bytes() == curve
    assert (records[1].run.schedule, records[1].run.fall) == ("linear", {"final": 0.0})
    assert schedules.trunk(linear, (10, 40)) == [5, 20]
    # What it does not read is no part of the run; what it reads is.
    other, falls = (
        linear.model_copy(update=change) for change in ({"cooldown": 0.5}, {"final": 0.5})
    )
    assert train(demos, tmp_path / "run", (10, 40), other) == records
    assert train(demos, tmp_path / "final", (10,), falls)[0].run.digest != records[0].run.digest
    assert "in a straight line to 0.1 of the rate" in text.training(
        {**linear.model_dump(mode="json"), "final": 0.1}
    )


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ExtensionError, match="no schedule 'linaer'; known: constant, cosine, wsd"):
        Train(schedule="linaer")
