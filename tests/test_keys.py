"""Keys cover what a step uses, and nothing else changes them."""

import copy
from pathlib import Path

import pytest
import yaml

from ilscaling import params
from ilscaling.pipeline import code_digest, keys
from ilscaling.pipeline.keys import recipe

ROOT = Path(__file__).resolve().parent.parent


def study(game: str = "breakout", **changes) -> keys.Keys:
    """Keys of the default study with 'a__b__c': value changes below games.GAME or laws."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    for path, value in changes.items():
        top = path.startswith(("laws", "machine"))
        section = values if top else values["games"][game]
        *parents, last = path.split("__")
        for part in parents:
            section = section[part]
        section[last] = copy.deepcopy(value)
    return keys.Keys(params.check(values), ROOT)


# change -> what gets a new key: the first step named and all after it (parallel steps not)
ORDER = ("record", "demonstrations", "runs", "evaluations", "table", "fit", "figures", "report")
CHANGES = {
    "emulator__sticky": (0.1, "record"),
    "expert__temperature": (0.5, "record"),
    "expert__file": (None, "record"),
    "demonstrations__train_steps": (500_001, "record"),
    "demonstrations__seed": (1, "record"),
    "demonstrations__jobs": (5, "record"),
    "demonstrations__unique_steps": (210_000, "demonstrations"),
    "demonstrations__shard_steps": (65_536, "demonstrations"),
    "train__rate": ({"value": 0.001}, "runs"),
    "train__batch": ({"value": 64}, "runs"),
    "train__warmup_steps": (50, "runs"),
    "train__ema": (0.1, "runs"),
    "train__precision": ("float32", "runs"),
    "train__threads": (2, "runs"),
    "train__buffer_steps": (8192, "runs"),
    "train__schedule": ("wsd", "runs"),
    "evaluation__episodes": (21, "evaluations"),
    "evaluation__temperature": (0.5, "evaluations"),
    "laws__level": (0.9, "fit"),
    # No effect on any result but the list of parameters that the report shows.
    "train__checkpoint_seconds": (61.0, "report"),
    "train__cooldown": (0.1, "report"),  # at a constant rate
    "evaluation__lanes": (9, "report"),
}


NETHACK = {
    "emulator__role": ("val-hum-neu-fem", "record"),
    "expert__recordings": ({"path": "elsewhere"}, "record"),
    "demonstrations__train_steps": (1_000_001, "record"),
    "demonstrations__unique_steps": (590_000, "demonstrations"),
    "demonstrations__chunk_steps": (512, "demonstrations"),
    "train__context": (16, "runs"),
    "train__depth": (3, "runs"),
    "train__inventory": (True, "runs"),
    "train__clip": (2.0, "runs"),
    "train__beta2": (0.99, "runs"),
    "train__weight_decay": (0.1, "runs"),
    "grid__family": ("lstm", "runs"),
    "grid__flops": ("6nd", "runs"),
    "evaluation__seed": (5, "evaluations"),
}
CASES = [("breakout", change, *CHANGES[change]) for change in CHANGES] + [
    ("nethack", change, *NETHACK[change]) for change in NETHACK
]


@pytest.mark.parametrize(("game", "change", "value", "first"), CASES)
def test_a_parameter_changes_the_keys_of_what_depends_on_it(game, change, value, first):
    before, after = study().all(), study(game, **{change: value}).all()
    for step in ORDER:
        expected = ORDER.index(step) < ORDER.index(first)
        if not isinstance(before[step], dict):
            assert (before[step] == after[step]) == expected, step
            continue
        # Keys of the other game never change; of this one all do.
        for one, other in ((before[step], after[step]), (after[step], before[step])):
            for name, key in one.items():
                same = key in other.values()
                assert same == (expected or name.split("/")[0] != game), (step, name)


def test_the_machine_and_its_cores_are_in_no_key():
    """Any number of devices gives the same results within rounding; so does any of threads if the
    study says that it may be any."""
    machine = {"gpus": {"value": 4.0, "at": 1e5, "power": 0.5}}
    assert study(machine=machine).all() == study().all()
    counts = [study(train__threads=threads).all()["runs"] for threads in (1, 2, "auto")]
    assert len({tuple(runs.values()) for runs in counts}) == 3


def test_sections_of_nethack_share_what_they_have_in_common():
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["games"]["nethack_short"] = {"like": "nethack", "train": {"context": 8}}
    both = keys.Keys(params.check(values), ROOT)
    assert both.demos("nethack") == both.demos("nethack_short")
    assert both.random("nethack") == both.random("nethack_short")
    runs = {both.run_dir(run) for run in both.runs}
    assert len(runs) == len(both.runs)
    assert both.section_with_key("nethack", both.demos_key("nethack_short")) == "nethack"


def test_recordings_have_the_key_of_their_content(tmp_path):
    folder = tmp_path / "nld" / "1"
    folder.mkdir(parents=True)
    absent = keys.recordings_digest(tmp_path / "none")
    (folder / "nle.1.xlogfile").write_text("points=3")
    one = keys.recordings_digest(tmp_path / "nld")
    (folder / "nle.1.0.ttyrec3.bz2").write_bytes(b"...")
    two = keys.recordings_digest(tmp_path / "nld")
    assert len({absent, one, two}) == 3
    (tmp_path / "nld").rename(tmp_path / "moved")
    assert keys.recordings_digest(tmp_path / "moved") == two


def test_new_sizes_seeds_and_budgets_leave_runs_alone():
    base = study()
    grid = base.params.games["breakout"].grid
    wider = study(
        grid__sizes=[*grid.sizes, 24],
        grid__seeds=[*grid.seeds, 9],
        grid__budgets=[*grid.budgets, 2 * grid.budgets[-1]],
    )
    for run in base.runs:
        assert wider.run_dir(run) == base.run_dir(run)
        assert wider.evaluation_dir(run) == base.evaluation_dir(run)
    assert set(base.runs) < set(wider.runs)
    assert wider.result_key("table") != base.result_key("table")
    changed = [run for run in base.runs if wider.run_manifests(run) != base.run_manifests(run)]
    longer = [run for run in base.runs if len(wider.runs[run]) > len(base.runs[run])]
    assert changed == longer and longer


def jobs(known: keys.Keys, rule: str) -> set[str]:
    runs = [run for run in known.runs if run.game == "breakout"]
    return {job.output for run in runs for job in known.trainings(run) if job.part.kind == rule}


def folders(known: keys.Keys, rule: str) -> set[str]:
    return {output.rpartition("/")[0] for output in jobs(known, rule)}


def test_a_step_of_the_results_has_one_key():
    """`snakemake data/results/fit-KEY/done.json` must not seal today's fit under another key."""
    known = study()
    assert known.has_step(known.result_dir("fit"))
    assert known.has_step(known.result_dir("report", forecast=True))
    assert not known.has_step("data/results/fit-0123456789ab")


def test_trunks_outlive_budgets_and_cooldowns(monkeypatch):
    """With every branch a job of its own, as of large sizes."""
    monkeypatch.setattr("ilscaling.plan.part.ALONE", 0.0)
    base = study(train__schedule="wsd")
    budgets = base.params.games["breakout"].grid.budgets
    between = [*budgets[:-1], 0.8 * budgets[-1], budgets[-1]]
    more = study(train__schedule="wsd", grid__budgets=between)
    assert folders(more, "trunk") == folders(base, "trunk")
    assert jobs(more, "branch") > jobs(base, "branch")
    new = jobs(more, "branch") - jobs(base, "branch")
    assert len(new) == sum(cell.declared and cell.budget == between[-2] for cell in more.cells)
    for changed in ({"train__cooldown": 0.1}, {"train__final": 0.1}):
        other = study(train__schedule="wsd", **changed)
        assert folders(other, "trunk") == folders(base, "trunk")
        assert not folders(other, "branch") & folders(base, "branch")
    assert jobs(other, "trunk") == jobs(base, "trunk")
    cosine = study(train__schedule="cosine", train__cooldown=0.1)
    assert not jobs(cosine, "trunk")
    assert jobs(cosine, "branch") == jobs(study(train__schedule="cosine"), "branch")


def test_short_branches_share_a_job_and_spend_what_the_plan_says():
    for schedule in ("constant", "cosine", "wsd"):
        known = study(train__schedule=schedule)
        for run, cells in known.runs.items():
            trained = [job.part for job in known.trainings(run)]
            spent = sum(cell.added for cell in cells)
            assert sum(part.flops for part in trained) == pytest.approx(spent)
            branches = [part for part in trained if part.kind == "branch"]
            assert sum(part.cost.seconds < 60 for part in branches) <= 1
            if branches:
                assert sorted(c.budget for part in branches for c in part.cells) == [
                    cell.budget for cell in cells
                ]


def test_sections_of_an_atari_game_share_its_demonstrations():
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["games"]["breakout__wsd"] = {"like": "breakout", "train": {"schedule": "wsd"}}
    both = keys.Keys(params.check(values), ROOT)
    assert both.demos("breakout") == both.demos("breakout__wsd")
    assert both.section_with_key("breakout", both.record_key("breakout__wsd")) == "breakout"
    trained = [job.output for run in both.runs for job in both.trainings(run)]
    assert len(set(trained)) == len(trained)


def test_a_rule_that_changes_other_sizes_leaves_a_run_alone():
    at = study().params.games["breakout"].train.rate.at
    before, after = study(), study(train__rate={"value": 0.002, "at": at, "power": -0.3})
    base = study(train__rate={"value": 0.002, "at": at, "power": 0.0})
    for run in [run for run in before.runs if run.game == "breakout"]:
        assert (base.run_key(run) == after.run_key(run)) == (run.size == at)


def test_closures_hold_what_a_step_runs():
    closure = code_digest.closure(*recipe.ROOTS["train"], "ilscaling.policies.cnn")
    for module in ("learning.loop", "learning.state", "store.loader", "policies.cnn", "grid"):
        assert f"ilscaling.{module}" in closure
    assert not any("figures" in module or "laws" in module for module in closure)


def test_a_steps_code_holds_its_verb_and_no_other_steps():
    """The verbs are code like any other, and none drags in what another step runs."""
    strangers = {
        "record": ("nethack", "atari", "gymnasium", "learning", "laws"),
        "shard": ("learning", "measuring", "laws"),
        "train": ("measuring", "laws", "show"),
        "evaluate": ("learning.loop", "laws", "show"),
        "random": ("learning.loop", "laws", "show"),
        "fit": ("show.figures", "show.report", "learning", "cli"),
        "table": ("show.figures", "laws", "learning.loop"),
    }
    for step, roots in recipe.ROOTS.items():
        modules = recipe.modules(step, roots)
        if step in recipe.VERBS:
            assert recipe.VERBS[step] in modules
        # What seeds an episode has is part of what was recorded, and of what was measured.
        if step in ("record", "evaluate", "random"):
            assert "ilscaling.seeds" in modules, step
        for stranger in strangers.get(step, ()):
            mine = [m for m in modules if f"{m}.".startswith(f"ilscaling.{stranger}.")]
            mine += [m for m in modules if f"{m}.".startswith(f"ilscaling.domains.{stranger}.")]
            assert not [m for m in mine if m != "ilscaling.learning"], (step, stranger)


def test_versions_that_change_results_are_in_the_keys_of_the_steps_that_use_them(monkeypatch):
    """After an upgrade of torch a run is another one, not the old one with new weights."""
    first = study(), study("nethack")
    before = [known.all() for known in first]
    installed = recipe.public_version
    moved = {"torch": set(), "nle": set(), "ale-py": set()}
    for package, steps in moved.items():
        upgraded = lambda p, moved=package: installed(p) + "x" * (p == moved)  # noqa: E731
        monkeypatch.setattr(recipe, "public_version", upgraded)
        after = study().all()
        for step in ("record", "demonstrations", "random", "runs", "evaluations"):
            steps |= {
                (step, name.split("/")[0])
                for name, key in before[0][step].items()
                if after[step][name] != key
            }
    trained = {(step, game) for step in ("runs", "evaluations") for game in ("breakout", "nethack")}
    made = {(step, "breakout") for step in ("record", "demonstrations")}
    assert moved["torch"] == trained | made
    played = ("record", "demonstrations", "random", "runs", "evaluations")
    assert moved["nle"] == {(step, "nethack") for step in played}
    assert moved["ale-py"] == {(step, "breakout") for step in played}


def test_the_training_digest_does_not_disagree_with_the_key(monkeypatch):
    """What the key says (torch) or cannot know (the device) retrains nothing under the same key."""
    from types import SimpleNamespace

    from ilscaling import grid
    from ilscaling.learning import record

    screens = {"screen": ((84, 84), "uint8")}
    split = SimpleNamespace(
        attrs={"game": "breakout"}, name="train", fields=screens, observation=("screen",),
        actions=("NOOP", "FIRE"),
    )  # fmt: skip
    train = study().params.games["breakout"].train

    def digest(device="cpu", precision="float32", size=2) -> str:
        settings = train.model_copy(update={"precision": precision})
        run = grid.Run("breakout", "cnn", size, 0)
        return record.run_record(split, settings, run, convention="exact", device=device).digest

    before = digest()
    assert before == digest(device="cuda") == digest(device="cuda:1")
    assert digest(precision="bfloat16") != before != digest(size=4)
    monkeypatch.setattr(record, "__version__", "another")
    assert digest() == before


def test_a_changed_verb_changes_its_key_and_changing_it_back_restores_it(tmp_path, monkeypatch):
    """Nothing remembers an earlier digest beside the key: what is edited is another step."""
    import shutil

    shutil.copytree(ROOT / "src/ilscaling", tmp_path / "ilscaling")
    monkeypatch.setattr(code_digest, "SOURCE", tmp_path)
    verb = tmp_path / "ilscaling/cli/train.py"
    text = verb.read_text()

    def key() -> str:
        forget()
        return study().all()["runs"]["breakout/cnn-2-s0"]

    try:
        first = key()
        verb.write_text(text.replace("section=settings,", "section=None,"))
        edited = key()
        verb.write_text(text.replace("The family's size dial", "What makes it larger"))
        assert key() == first, "what the command line says is no code"
        verb.write_text(text)
        assert key() == first != edited
    finally:
        forget()


def forget() -> None:
    for function in (
        code_digest.path_of, code_digest.imports, code_digest.closure, code_digest.of,
        recipe.modules,
    ):  # fmt: skip
        function.cache_clear()


def test_frozen_keys_are_those_of_the_pipeline_whatever_was_edited_since(monkeypatch):
    known = study()
    known.all()
    frozen = known.frozen()
    later = study()
    later.thaw(frozen)
    monkeypatch.setattr(code_digest, "of", lambda modules: pytest.fail("computed anew"))
    assert later.all() == known.all()


def test_code_changes_a_digest_and_comments_do_not(tmp_path, monkeypatch):
    package = tmp_path / "ilscaling"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("X = 1\n")
    step = package / "step.py"

    def digest(text: str) -> str:
        step.write_text(text)
        forget()
        return code_digest.digest("ilscaling.step")

    monkeypatch.setattr(code_digest, "SOURCE", tmp_path)
    try:
        first = digest('"""One."""\nfrom ilscaling.base import X\n\ndef f():\n    return X\n')
        comment = digest(
            '"""Two."""\n# why\nfrom ilscaling.base import X\ndef f():\n    "doc"\n    return X\n'
        )
        code = digest('"""One."""\nfrom ilscaling.base import X\n\ndef f():\n    return X + 1\n')
        assert first == comment != code
        (package / "base.py").write_text("X = 2\n")
        assert digest(step.read_text()) != code
    finally:
        forget()
