"""DAgger: rounds of play on Foraging, where the expert can be asked."""

from dataclasses import replace
from functools import partial

import killing
import numpy as np
import pytest
from foraging import ROOT, files, planned, record, study, train
from torch.utils.flop_counter import FlopCounterMode

from ilscaling import params, store
from ilscaling.errors import ParamsError
from ilscaling.learning import rounds

DAGGER = {"every": 25, "rounds": 3, "steps": 256, "lanes": 4}
dagger = partial(study, "dagger", DAGGER)


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    return record(tmp_path_factory.mktemp("demos"), dagger())


@pytest.fixture(scope="module")
def undisturbed(demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return out, train(demos, out, dagger())


def test_rounds_hold_the_students_states_and_the_experts_labels(undisturbed, demos):
    out, records = undisturbed
    last = records[-1]
    assert last.spent.env_steps == last.spent.expert_labels == 3 * 256
    parts = [store.open_split(rounds.path(out / "algorithm", n), "train") for n in (1, 2, 3)]
    assert [part.steps for part in parts] == [256] * 3
    for part in parts:
        shown = part.read("observation", 0, 256)
        label, taken = part.read("action", 0, 256), part.read("taken", 0, 256)
        assert (label != taken).mean() > 0.2
        # The walker goes where `taken` says, and not where the label does.
        moves = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
        at = np.array([np.argwhere(step[0])[0] for step in shown])
        same = np.diff(part.read("episode", 0, 256)) == 0
        went = np.clip(at[:-1] + moves[taken[:-1]], 0, 7) == at[1:]
        assert went.all(1)[same].all()
        # Labels are the expert's: at most its share of random play leads away from a berry.
        near = [np.argwhere(s[1])[np.abs(np.argwhere(s[1]) - a).sum(1).argmin()] - a
                for s, a in zip(shown, at, strict=True)]  # fmt: skip
        toward = (moves[label] * np.array(near)).sum(1) > 0
        assert toward.mean() > 0.9


def test_until_the_first_round_it_is_cloning_and_then_draws_from_all(demos, undisturbed, tmp_path):
    known, few = dagger(), dagger(grid={"budgets": [1.5e6, 8.0e6]})
    first = planned(few)[:1]
    assert first[0].updates <= 25
    cloned = train(demos, tmp_path / "cloned", study("cloning"), first)
    (before,) = train(demos, tmp_path / "before", few, first)
    assert before.sha256 == cloned[0].sha256 and before.spent.env_steps == 0
    last = undisturbed[1][-1]
    stored = store.open_split(demos, "train").steps
    assert last.epochs == last.samples / (stored + 3 * 256)
    assert 25 * 32 < last.unique_samples < last.samples
    # The plan knows what is played, and when.
    for cell, made in zip(planned(known), undisturbed[1], strict=True):
        assert cell.spent == made.spent and cell.flops == made.flops
        assert made.flops == made.flops_learner + made.spent.flops <= cell.budget


def test_killed_at_any_moment_it_ends_with_the_same_bytes(demos, undisturbed, tmp_path):
    _kill(demos, tmp_path, dagger(train={"checkpoint_seconds": 1e-9}), undisturbed[0], kills=4)


@pytest.mark.kills
def test_killed_at_twenty_moments(demos, undisturbed, tmp_path):
    _kill(demos, tmp_path, dagger(train={"checkpoint_seconds": 1e-9}), undisturbed[0], kills=20)


def _kill(demos, out, known, whole, kills):
    killing.until_done(train, (demos, out, known), out, kills)
    assert files(out) == files(whole)


def test_branches_take_the_trunks_rounds_along(demos, tmp_path):
    known = dagger(train={"schedule": "wsd"})
    both = train(demos, tmp_path / "both", known)
    alone = train(demos, tmp_path / "alone", known, planned(known)[-1:])
    assert both[-1:] == alone and alone[0].spent.env_steps == 3 * 256


def test_a_lost_round_is_named_and_the_remedy_works(demos, undisturbed, tmp_path):
    import shutil

    from ilscaling.errors import TrainingError

    out = tmp_path / "run"
    shutil.copytree(undisturbed[0], out)
    shutil.rmtree(rounds.path(out / "algorithm", 2))
    longer = dagger(grid={"budgets": [2.0e6, 4.0e6, 8.0e6, 9.0e6]})
    with pytest.raises(TrainingError, match="lost a round of its play") as error:
        train(demos, out, longer)
    verb, option, folder = error.value.fix.removeprefix("train it anew: ").split()
    assert (verb, option) == ("rm", "-r")
    shutil.rmtree(folder)
    assert train(demos, out, longer)[:3] == undisturbed[1]


def test_acting_costs_what_pytorch_counts(demos, tmp_path):
    """Over whole updates, the second of which has a round before it."""
    cell, counted, spent = planned(dagger())[0], [], []
    for updates in (25, 26, 27):
        with FlopCounterMode(display=False) as counter:
            cells = [replace(cell, updates=updates)]
            (record,) = train(demos, tmp_path / str(updates), dagger(), cells)
        counted.append(counter.get_total_flops())
        spent.append(record.flops)
    assert record.spent.flops_acting > 0
    assert np.diff(counted).tolist() == np.diff(spent).tolist()


def test_experts_that_cannot_answer_are_refused():
    values = params.read(ROOT / "params.yaml").model_dump(mode="json")
    for name, section in values["games"].items():
        section |= {"algorithm": "dagger", "dagger": {}}
        if section["domain"] == "nethack":
            with pytest.raises(Exception, match="bot cannot say what it would do") as error:
                params.check(values | {"games": {name: section}})
            assert name in str(error.value)
        else:
            params.check(values | {"games": {name: section}})
    with pytest.raises(ParamsError, match="must be a multiple of lanes"):
        dagger(dagger={"lanes": 3})
