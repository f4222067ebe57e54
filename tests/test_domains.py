"""A domain is one folder, an expert one file for any domain; nothing else tells domains apart."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from ilscaling import calibration, games, params, plan, registry, store
from ilscaling.cli import main
from ilscaling.domains import brought
from ilscaling.domains.nethack import vector
from ilscaling.errors import ExtensionError, GameError, ParamsError
from ilscaling.games import play
from ilscaling.show.figures import gallery
from ilscaling.store.recording import Recording

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src/ilscaling"
CORRIDOR = str(ROOT / "extensions/corridor")
BREAKOUT, NETHACK = (str(ROOT / f"extensions/experts/{n}.py") for n in ("breakout", "nethack"))
SMALL = {"train_steps": 600, "dev_steps": 60, "test_steps": 60, "chunk_steps": 64,
         "shard_steps": 512, "jobs": 2}  # fmt: skip


def hall(**changes) -> dict:
    """A tiny study of a corridor."""
    section = {
        "domain": "corridor",
        "demonstrations": {**SMALL, "lanes": 4},
        "grid": {"sizes": [2, 4], "budgets": [2.0e8, 1.0e9], "min_updates": 1, "max_epochs": 99.0},
        "train": {"batch": {"value": 16.0}, "warmup_steps": 2, "buffer_steps": 256},
        "evaluation": {"episodes": 4, "random_episodes": 40},
    }
    return {"extensions": [CORRIDOR], "games": {"hall": {**section, **changes}}}


def verb(*arguments: object) -> str:
    """What `ilscaling VERB ...` prints."""
    done = CliRunner().invoke(main.app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def written(folder: Path, study: dict) -> Path:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def test_a_domain_of_one_folder_goes_all_the_way(tmp_path):
    path = written(tmp_path, hall())
    of = ("--game", "hall", "--params", path)
    parts = [tmp_path / f"part-{job}.zip" for job in range(2)]
    for job, part in enumerate(parts):
        verb("record", *of, "--job", job, "--out", part)
    demos = tmp_path / "demos.zarr"
    verb("shard", *of, "--out", demos, *parts)
    assert "as it was written" in verb("verify", demos)
    train = store.open_split(demos, "train")
    assert train.attrs["domain"] == "corridor" and train.attrs["expert"]["wrong turns"] == 0.1
    assert train.returns().mean() > 0.9, "the guide finds the door"

    run, measured = tmp_path / "run/cells.json", tmp_path / "measured/cells.json"
    verb("train", *of, "--demos", demos, "--size", 2, "--seed", 0, "--out", run)
    verb("evaluate", *of, "--run", run, "--demos", demos, "--out", measured)
    records = [json.loads((measured.parent / n).read_text()) for n in json.loads(run.read_text())]
    assert len(records) == 2 and all(record["game"] == "hall" for record in records)
    assert records[1]["dev_loss"] < np.log(2)
    verb("random", *of, "--out", tmp_path / "random.json")
    random = json.loads((tmp_path / "random.json").read_text())
    assert 0 < random["return_mean"] < 1 and random["episodes"] == 40

    assert "hall" in verb("plan", "--params", path, "--cells")
    study = params.read(path)
    assert {job.kind for job in plan.jobs(study, plan.cells(study))} == {
        "record", "shard", "train", "evaluate", "random",
    }  # fmt: skip
    (picture,) = gallery.pictures(demos, tmp_path, "hall").values()
    assert picture.stat().st_size > 1000
    facts = registry.get("DOMAIN", "corridor").facts(study.games["hall"], demos, None)
    assert facts == {"expert": {"player": "the guide", "wrong turns": "0.1"}}


def test_what_a_domain_says_for_keys():
    """Parameters and code that a recording depends on are in its content, others are not."""

    def content(**changes):
        section = params.check(hall(**changes)).games["hall"]
        return registry.get("DOMAIN", "corridor").recorded(section)

    same = content()
    assert content(train={"frames": 2}) == same
    assert content(demonstrations={**SMALL, "lanes": 4, "shard_steps": 1024}) == same
    assert content(expert={"wrong": 0.2}) != same
    assert content(demonstrations={**SMALL, "lanes": 2}) != same

    study = params.check({
        "extensions": [CORRIDOR, BREAKOUT],
        "games": {
            **hall()["games"],
            "breakout": {"domain": "atari", "grid": {"sizes": [2], "budgets": [1.0e9]}},
            "breakout__own": {"like": "breakout", "expert": {"name": "tracker"}},
            "nethack": {"domain": "nethack", "grid": {"sizes": [16], "budgets": [1.0e9]}},
            "nethack_nld": {"like": "nethack", "expert": {"recordings": {"path": "nld"}}},
        },
    })  # fmt: skip
    entries = {name: registry.get("DOMAIN", game.domain) for name, game in study.games.items()}
    origins = {name: entries[name].expert(name, game) for name, game in study.games.items()}
    files = {Path(file).name for file in origins["hall"].code}
    assert files == {"__init__.py", "game.py", "record.py", "section.py"}
    assert origins["breakout"].training[0] == "breakout"
    assert origins["breakout__own"].code == (BREAKOUT,) and not origins["breakout__own"].training
    assert origins["nethack_nld"].recordings == "nld"
    code = {name: entries[name].code("record", game) for name, game in study.games.items()}
    assert BREAKOUT in code["breakout__own"] and code["breakout"][0].endswith("atari.record")
    assert code["nethack_nld"] == ("ilscaling.domains.nethack.ingest",)
    recorded = {name: entries[name].recorded(game) for name, game in study.games.items()}
    assert "ppo" not in recorded["breakout"]["expert"]
    assert "jobs" not in recorded["nethack_nld"]["demonstrations"]
    assert {entries[n].source(n, study.games[n]) for n in ("nethack", "nethack_nld")} == {"nethack"}
    # Every module that an entry names is there.
    for entry in entries.values():
        for modules in entry.modules.values():
            for module in modules:
                path = ROOT / "src" / module.replace(".", "/")
                assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_a_strangers_expert_plays_atari(tmp_path):
    study = {
        "extensions": [BREAKOUT],
        "games": {
            "breakout__own": {
                "domain": "atari",
                "emulator": {"max_steps": 300},
                "expert": {"name": "tracker", "noise": 0.05},
                "demonstrations": {**SMALL, "jobs": 1, "lanes": 4},
                "grid": {"sizes": [2], "budgets": [1.0e9], "max_epochs": 9.0},
            }
        },
    }
    path, part = written(tmp_path, study), tmp_path / "part.zip"
    of = ("--game", "breakout__own", "--params", path)
    verb("record", *of, "--job", 0, "--out", part)
    recorded = Recording(part)
    assert recorded.attrs["game"] == "breakout" and recorded.attrs["expert"]["name"] == "tracker"
    verb("shard", *of, "--out", tmp_path / "demos.zarr", part)
    expert = store.open_split(tmp_path / "demos.zarr", "train").returns().mean()
    assert expert > 3, "random play scores about one point"
    measured = tmp_path / "measured.json"
    verb("measure-expert", *of, "--episodes", 2, "--out", measured)
    assert json.loads(measured.read_text())["return_mean"] > 3


def nethack_study(folder: Path, extension: str, expert: str, **more) -> Path:
    return written(folder, {
        "extensions": [extension],
        "games": {
            "nethack": {
                "domain": "nethack",
                "emulator": {"max_steps": 300},
                "expert": {"name": expert, **more},
                "demonstrations": {**SMALL, "jobs": 1, "shard_steps": 512},
                "grid": {"sizes": [16], "budgets": [1.0e9], "max_epochs": 9.0},
            }
        },
    })  # fmt: skip


def test_a_strangers_expert_plays_nethack_and_nle_records_it(tmp_path):
    path = nethack_study(tmp_path, NETHACK, "descender", noise=0.02)
    of = ("--game", "nethack", "--params", path)
    for folder in ("recordings/job-0", "again/job-0"):
        (tmp_path / folder).parent.mkdir()
        verb("record", *of, "--job", 0, "--out", tmp_path / folder)
    made = json.loads((tmp_path / "recordings/job-0/games.json").read_text())
    assert made["recorder"] == "descender" and len(made["games"]) > 2
    assert made["games"] == json.loads((tmp_path / "again/job-0/games.json").read_text())["games"]
    demos = tmp_path / "demos.zarr"
    verb("ingest", *of, "--nld", tmp_path / "recordings", "--out", demos)
    study = params.read(path)
    facts = registry.get("DOMAIN", "nethack").facts(study.games["nethack"], demos, None)
    assert facts["expert"]["player"] == "descender of an extension"

    # What it said of every key, on the screen before it: with the noise that was asked for.
    split = store.open_split(demos, "train")
    act = brought.player(study.games["nethack"].expert, games.spec("nethack", "nethack"))
    seen = {name: split.read(name, 0, split.steps) for name in split.observation}
    wanted = act(seen, np.zeros(split.steps), np.ones(split.steps, bool))
    stored = split.read("expert_probs", 0, split.steps)
    assert np.allclose(stored, wanted, atol=1e-3) and len(np.unique(wanted, axis=0)) > 1

    # A key is drawn in a recording as in the playing loop: the same game comes of a seed.
    section, spec = study.games["nethack"], games.spec("nethack", "nethack")
    lanes = vector.Vector("nethack", 2, section.emulator)
    act = brought.player(section.expert, spec)
    seeds = [game["seed"] for game in made["games"][:3]]
    played = play.rollout(lanes, act, seeds=seeds)
    lanes.close()
    assert played.returns.tolist() == [game["score"] for game in made["games"][:3]]
    assert played.lengths.tolist() == [game["steps"] for game in made["games"][:3]]


OWN_RECORDER = '''
"""An expert that plays in a program of its own, which records it."""

from ilscaling.domains.expert import Expert
from ilscaling.domains.nethack.recording import record_games


class Walker:
    def __init__(self, seed):
        self.keys = iter((b"hjkl" if seed % 2 else b"lkjh") * 100_000)

    def act(self, game):
        return next(self.keys)


def record(emulator, seeds, steps, out, file):
    record_games(emulator, seeds=seeds, steps=steps, out=out, player=Walker, name="walker")


EXPERT = Expert("walker", player=lambda file: None, record=record)
'''


def test_an_expert_may_record_itself(tmp_path):
    (tmp_path / "walker.py").write_text(OWN_RECORDER)
    path = nethack_study(tmp_path, str(tmp_path / "walker.py"), "walker")
    out = tmp_path / "recordings/job-0"
    out.parent.mkdir()
    verb("record", "--game", "nethack", "--params", path, "--job", 0, "--out", out)
    assert json.loads((out / "games.json").read_text())["recorder"] == "walker"


def test_an_experts_file_that_is_missing_is_named(tmp_path):
    path = nethack_study(tmp_path, NETHACK, "descender", file="none.bin")
    done = CliRunner().invoke(main.app, ["record", "--game", "nethack", "--params", str(path),
                                         "--job", "0", "--out", str(tmp_path / "job")])  # fmt: skip
    assert "none.bin" in str(done.exception)
    for changes, says in (
        ({"recordings": {"path": "nld"}}, "give one of them"),
        ({"name": None, "noise": 0.1}, "for an extension's expert"),
        ({"name": "nobody"}, "no expert 'nobody'"),
    ):
        values = yaml.safe_load(path.read_text())
        values["games"]["nethack"]["expert"] = {"name": "descender", **changes}
        with pytest.raises((ParamsError, ExtensionError), match=says):
            params.check(values)


def test_the_entries_of_a_study_are_those_of_that_study_alone():
    """Extensions of a first study were known to a second one in the same process."""
    files = (ROOT / "params.yaml", ROOT / "studies/foraging.yaml")
    values = params.read(*files).model_dump(mode="json")
    with pytest.raises((ExtensionError, ParamsError), match=r"foraging|nearest|mlp"):
        params.check({**values, "extensions": []})
    params.check(hall())
    assert "corridor" in registry.names("DOMAIN")
    params.read(ROOT / "params.yaml")
    assert "corridor" not in registry.names("DOMAIN")


def test_a_folder_is_read_anew_when_any_of_its_files_changes(tmp_path):
    own = tmp_path / "corridor"
    shutil.copytree(CORRIDOR, own, ignore=shutil.ignore_patterns("__pycache__"))
    study = {**hall(), "extensions": [str(own)]}
    params.check(study)
    assert games.spec("corridor", "hall").actions == ("<", ">")
    path = own / "game.py"
    path.write_text(path.read_text().replace('("<", ">")', '("left", "right")'))
    params.check(study)
    assert games.spec("corridor", "hall").actions == ("left", "right")
    path.write_text("\n1 / 0\n")
    (own / "__init__.py").write_text("from .game import nothing\n")
    with pytest.raises(ExtensionError, match="ZeroDivisionError") as error:
        params.check(study)
    assert "game.py, line 2" in error.value.where
    (own / "__init__.py").unlink()
    with pytest.raises(ExtensionError, match="missing"):
        params.check(study)


def test_a_domain_without_a_method_is_refused(tmp_path):
    path = tmp_path / "half.py"
    path.write_text(
        "from ilscaling.domains.domain import Domain\nfrom ilscaling.params import Section\n"
        "class Half(Domain):\n    def spec(self, game, emulator=None):\n        pass\n"
        "DOMAIN = Half('half', Section, shows='screen')\n"
    )
    with pytest.raises(ExtensionError, match="abstract method"):
        registry.load([str(path)])


def test_what_a_domain_cannot_do_says_so(tmp_path):
    path = written(tmp_path, hall())
    done = CliRunner().invoke(main.app, ["ingest", "--game", "hall", "--params", str(path),
                                         "--nld", "x", "--out", str(tmp_path / "y")])  # fmt: skip
    assert isinstance(done.exception, GameError) and "ingest" in str(done.exception)


def test_calibration_records_the_game_of_a_named_section(tmp_path, monkeypatch):
    """A section's name is no game: breakout__wsd died with an unknown game."""
    monkeypatch.setattr(calibration, "EPISODE", 64)
    monkeypatch.setattr(calibration, "LANES", 4)
    study = params.check({
        "games": {
            "breakout__wsd": {
                "domain": "atari", "train": {"schedule": "wsd"},
                "grid": {"sizes": [2], "budgets": [1.0e9]},
                "expert": {"ppo": {"width": 0.25}},
            }
        }
    })  # fmt: skip
    section = study.games["breakout__wsd"]
    made = registry.get("DOMAIN", "atari").calibrate("breakout__wsd", section, tmp_path, 0.0)
    assert store.open_split(made.demos, "train").attrs["game"] == "breakout"
    # Its updates are those of one run at a constant rate: a trunk would train some of them twice.
    monkeypatch.setattr(calibration, "TRAIN_SECONDS", 0.01)
    run = calibration._train("breakout__wsd", section, "cnn", 2, made.demos, tmp_path, "cpu")
    assert run["updates"] > 0 and not (tmp_path / "cnn-2/trunk").exists()


# Nothing outside an entry tells domains, families, schedules or algorithms apart by their names.
NAMES = {name for kind in ("DOMAIN", "FAMILY", "SCHEDULE", "ALGORITHM")
         for name in registry.BUILT_IN[kind]}  # fmt: skip
# Where entries stand.
OWN = ("domains", "policies", "schedules", "learning/cloning.py", "registry.py")
OF_SECTION = re.compile(r"(Section|Atari|NetHack|Gymnasium|GymnasiumExpert|NetHackExpert)$")


def told_apart(path: Path) -> list[str]:
    """Lines that ask what class a section is of, or what an entry is called."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = ast.unparse(node.args[1])
            if any(OF_SECTION.search(name) for name in re.findall(r"[\w.]+", asked)):
                lines.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
        compared = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        compared += node.keys if isinstance(node, ast.Dict) else []
        for one in compared:
            if isinstance(one, ast.Constant) and one.value in NAMES:
                lines.append(f"{path.name}:{one.lineno}: {ast.unparse(node)[:80]}")
    return lines


def test_nothing_outside_an_entry_tells_entries_apart(tmp_path):
    own = [SOURCE / name for name in OWN]
    others = [p for p in SOURCE.rglob("*.py") if not any(p.is_relative_to(one) for one in own)]
    assert len(others) > 100
    assert [line for path in others for line in told_apart(path)] == []
    # The test can fail.
    (tmp_path / "bad.py").write_text('isinstance(x, a.NetHack)\nd == "atari"\n{"lstm": 1}\n')
    assert len(told_apart(tmp_path / "bad.py")) == 3


def test_the_command_line_starts_without_what_only_verbs_need():
    program = (
        "import sys, ilscaling.cli.main; slow = {'pydantic', 'yaml', 'numpy', 'pandas', 'torch',"
        " 'numba', 'matplotlib', 'gymnasium'}; print(slow & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_who_plays_in_words():
    study = params.read(ROOT / "params.yaml")
    said = {
        name: registry.get("DOMAIN", game.domain).player(game, Path(game.expert.file or "x"))
        for name, game in study.games.items()
    }
    assert said["nethack"] == "the built-in bot" and "SHA-256" in said["breakout"]
    missing = registry.get("DOMAIN", "atari").if_absent("breakout", study.games["breakout"])
    assert "import-expert" in missing and "--game breakout" in missing
    assert "git checkout -- experts/breakout.safetensors" in missing
    # A file that Git never had is in no checkout.
    rare = params.read(ROOT / "params.yaml", ROOT / "studies/sparse-atari.yaml").games["pitfall"]
    missing = registry.get("DOMAIN", "atari").if_absent("pitfall", rare)
    assert "git checkout" not in missing and "import-expert" in missing
