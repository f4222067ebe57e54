"""The seam of algorithms, by one of a stranger's: tests/extensions/asking.py."""

from pathlib import Path

import killing
import pytest
from safetensors import safe_open

from ilscaling import grid, params, registry, store
from ilscaling.domains import brought
from ilscaling.errors import ExtensionError, ParamsError, TrainingError
from ilscaling.files import read_json, sha256
from ilscaling.learning.algorithm import Spent
from ilscaling.learning.record import CellRecord
from ilscaling.learning.run import run
from ilscaling.pipeline import keys
from ilscaling.store import shard

ROOT = Path(__file__).resolve().parent.parent
FILES = (ROOT / "params.yaml", ROOT / "studies/foraging.yaml", ROOT / "tests/params/foraging.yaml")
OWN = "tests/extensions/asking.py"


def study(**changes) -> params.Params:
    """The tiny study of foraging, trained by the algorithm; `changes`: of its section."""
    values = params.read(*FILES).model_dump(mode="json")
    values["extensions"].append(OWN)
    values["games"]["foraging"] |= {"algorithm": "asking", "asking": {"every": 7}}
    values["games"]["foraging"] = params.overlay(values["games"]["foraging"], changes)
    return params.check(values)


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    yield
    registry.load([])


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    folder, section = tmp_path_factory.mktemp("demos"), study().games["foraging"]
    brought.record(
        section.expert, section.domain, section.game, section.emulator,
        seeds=range(1000), lanes=4, steps=4_000, out=folder / "part.zip",
    )  # fmt: skip
    shard.shard([folder / "part.zip"], folder / "demos.zarr", settings=section.demonstrations)
    return folder / "demos.zarr"


def planned(known: params.Params) -> list[grid.Cell]:
    """Cells of the smallest run."""
    return next(iter(grid.by_run(grid.cells(known)).values()))


def train(demos, out, known, cells=None):
    section = known.games["foraging"]
    split = store.open_split(demos, "train")
    cells = cells or planned(known)
    return run(split, section.train, cells, out, section=section, device="cpu")


def files(out: Path) -> dict[str, str]:
    whole = (p for p in out.iterdir() if not p.name.startswith((".", "state", "timing")))
    return {path.name: sha256(path) for path in whole}


@pytest.fixture(scope="module")
def undisturbed(demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return out, train(demos, out, study())


def test_budgets_pay_for_acting_and_records_say_for_what(undisturbed):
    cells, records = planned(study()), undisturbed[1]
    ledger = grid.flops.ledger("mlp", 4, **records[0].run.shape)
    for cell, record in zip(cells, records, strict=True):
        steps = -(-record.updates // 7) * 16
        assert record.spent == Spent(steps, steps, steps * ledger.forward)
        assert record.flops == record.samples * ledger.training + steps * ledger.forward
        assert record.flops == cell.flops and record.updates == cell.updates
        # One more update would not fit.
        more = grid.Spend(ledger, cell.batch, study().games["foraging"]).flops(cell.updates + 1)
        assert record.flops <= cell.budget < more
        on_disk = read_json(undisturbed[0] / f"{cell.name}.json")
        assert on_disk["algorithm"] == "asking" and on_disk["env_steps"] == steps
        assert on_disk["expert_labels"] == steps and on_disk["flops_acting"] > 0
        assert CellRecord.from_json(on_disk) == record
    assert sum(cell.added for cell in cells) == cells[-1].flops
    assert records[-1].train_loss < records[0].train_loss


def test_killed_it_ends_with_the_same_bytes(demos, undisturbed, tmp_path):
    known = study(train={"checkpoint_seconds": 1e-9})
    out = tmp_path / "out"
    killing.until_done(train, (demos, out, known), out, kills=3)
    assert files(out) == files(undisturbed[0])
    with safe_open(out / "state.safetensors", "pt") as file:
        assert len(file.get_tensor("algorithm/labels")) == undisturbed[1][-1].spent.expert_labels


def test_branches_go_on_from_what_the_trunk_has_asked(demos, tmp_path):
    known = study(train={"schedule": "wsd"})
    both = train(demos, tmp_path / "both", known)
    assert both[-1:] == train(demos, tmp_path / "alone", known, planned(known)[-1:])


def test_settings_make_another_run_and_typos_are_refused(demos, undisturbed, tmp_path):
    (cell,) = planned(study())[:1]
    (other,) = train(demos, tmp_path, study(asking={"smoothing": 0.2}), [cell])
    assert other.run.digest != undisturbed[1][0].run.digest
    assert other.sha256 != undisturbed[1][0].sha256
    with pytest.raises(ParamsError, match="did you mean 'smoothing'"):
        study(asking={"smooth": 0.2})
    with pytest.raises(ExtensionError, match="no algorithm 'askin'"):
        study(algorithm="askin")


def test_an_algorithm_that_spends_more_than_it_says_is_refused(demos, tmp_path, monkeypatch):
    entry = registry.get("ALGORITHM", "asking")
    monkeypatch.setitem(vars(entry), "spends", lambda *_: Spent())
    with pytest.raises(TrainingError, match="promises 0 FLOPs beside the policy's updates"):
        train(demos, tmp_path, study())


def test_the_page_shows_the_files_that_run():
    page = (ROOT / "docs/extending.md").read_text()
    for name, begin in (("asking", "class Asking"), ("linear", "class Linear")):
        code = (ROOT / f"tests/extensions/{name}.py").read_text()
        assert code.count("\n") < 60 and code[code.index(begin) :] in page


def test_the_key_of_a_run_that_plays_holds_the_code_of_game_and_expert():
    known = keys.Keys(study(), ROOT)
    (run_, *_) = known.runs
    roots = keys.RECIPES[known.run_key(run_)][2]
    assert {OWN, "extensions/foraging/game.py", "extensions/foraging/expert.py"} <= set(roots)
    other = keys.Keys(study(asking={"every": 9}), ROOT)
    assert other.run_key(run_) != known.run_key(run_)
