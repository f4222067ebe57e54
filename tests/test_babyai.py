"""BabyAI: the bot in games that it and others play, what is refused, a study from nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import closed_to_others
from typer.testing import CliRunner

from ilscaling import flops, games, params, policies, registry, store
from ilscaling.cli import main
from ilscaling.domains.babyai import bot, levels
from ilscaling.domains.babyai.section import Emulator
from ilscaling.errors import ExpertError, GameError, IlscalingError, ParamsError
from ilscaling.games import play
from ilscaling.policies import mission
from ilscaling.policies.acting import step as act_step

ROOT = Path(__file__).resolve().parent.parent


def study(**changes) -> dict:
    section = {
        "domain": "babyai",
        "game": "GoToLocal",
        "emulator": {"max_steps": 40},
        "demonstrations": {
            "train_steps": 300, "dev_steps": 40, "test_steps": 40, "jobs": 2, "lanes": 4,
            "chunk_steps": 64, "shard_steps": 256,
        },
        "grid": {"sizes": [8], "budgets": [2.0e7], "min_updates": 5, "max_epochs": 9.0},
        "train": {"context": 4, "batch": {"value": 32}, "warmup_steps": 5},
        "evaluation": {"episodes": 4, "lanes": 4, "random_episodes": 4, "own_states": True},
    }  # fmt: skip
    for key, value in changes.items():
        section[key] = {**section.get(key, {}), **value} if isinstance(value, dict) else value
    return {"games": {"near": section}}


def verb(*words) -> None:
    done = CliRunner().invoke(main.app, [str(word) for word in words])
    assert done.exit_code == 0, done.output + repr(done.exception)


@pytest.mark.parametrize("level", ["GoToLocal", "GoTo", "PutNextLocal", "BossLevel"])
def test_the_bot_does_its_missions(level):
    lanes = games.make("babyai", level, 2, Emulator())
    played = play.rollout(lanes, bot.Advice(level), seeds=range(4))
    assert played.returns.tolist() == [1.0] * 4 and not played.truncated.any()
    # An episode is a function of its seed, whatever plays beside it.
    alone = games.make("babyai", level, 1, Emulator(reward="minigrid"))
    again = play.rollout(alone, bot.Advice(level), seeds=[2])
    assert again.lengths[0] == played.lengths[2] and 0.1 < again.returns[0] < 1


def test_a_level_that_the_bot_cannot_play_is_refused():
    for level, says in (
        ("MiniGrid-DoorKey-5x5-v0", "instrs"),
        ("KeyInBox", "cannot do"),
        ("GoToNowhere", "no level"),
    ):
        with pytest.raises(GameError, match=says):
            params.check(study(game=level))
    with pytest.raises(ParamsError, match="extension's expert"):
        params.check(study(expert={"temperature": 0.5}))


def test_missions_are_numbers_of_words():
    said = "put the red ball next to a green key, then go to the box behind you"
    numbers = levels.tokens(said)
    assert levels.sentence(numbers) == said.replace(",", "")
    assert numbers.max() < mission.WORDS and len(numbers) == mission.SLOTS == levels.SLOTS
    assert len(levels.WORDS) + 1 == mission.WORDS
    with pytest.raises(GameError, match="dance"):
        levels.tokens("dance")


def test_the_bot_says_what_to_do_where_another_has_led():
    """At random play's states: the bot in the game's own environment says the same, and whoever
    follows it from there is done."""
    lanes, advice = games.make("babyai", "PutNextLocal", 2, Emulator()), bot.Advice("PutNextLocal")
    random, seen = np.random.default_rng(0), lanes.reset(np.array([5, 6]))
    own = [bot._Bot(env) for env in lanes._envs]
    fresh, there, taken = np.ones(2, bool), np.arange(2), [None, None]
    for number in range(100):
        said = advice(seen, there, fresh)
        wanted = [int(b.replan(action)) for b, action in zip(own, taken, strict=True)]
        assert said.argmax(1).tolist() == wanted and np.allclose(said.sum(1), 1)
        taken = random.integers(0, 6, 2) if number < 12 else np.array(wanted)
        step = lanes.step(taken)
        seen, fresh = step.observation, np.zeros(2, bool)
        if step.done.any():
            break
    assert step.reward.max() == 1
    noisy = bot.Advice("PutNextLocal", 0.7)(lanes.reset(np.array([5, 6])), there, np.ones(2, bool))
    assert np.allclose(noisy.min(1), 0.1) and np.allclose(noisy.sum(1), 1)
    with pytest.raises(ExpertError, match="did not follow"):
        bot.Advice("PutNextLocal")(seen, there, np.zeros(2, bool))


@pytest.mark.parametrize("context, depth", [(1, None), (8, 3)])
def test_exact_ledger_of_missions_is_pytorchs_count(context, depth):
    shape = {"context": context, "actions": 7, "depth": depth, "inventory": False}
    ledger = flops.ledger("mission", 12, **shape)
    torch.manual_seed(0)
    network = policies.build("mission", 12, **shape)
    counted = flops.counted(network, stretches(3, context), None)
    assert counted == (3 * context * ledger.forward, 3 * context * ledger.training)
    for row in ledger.layers:
        weights = [w for name, w in network.named_parameters() if name.startswith(row.layer)]
        assert row.params == sum(w.numel() for w in weights) > 0, row.layer
    assert ledger.params == sum(w.numel() for w in network.parameters())


def stretches(lanes: int, steps: int, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    view = torch.stack([torch.randint(0, n, (lanes, steps, 7, 7), generator=g) for n in (11, 6, 3)])
    said = torch.zeros(lanes, steps, mission.SLOTS, dtype=torch.uint8)
    said[..., :9] = torch.randint(1, mission.WORDS, (lanes, 1, 9), generator=g).byte()
    return {
        "view": view.permute(1, 2, 3, 4, 0).byte(),
        "direction": torch.randint(0, 4, (lanes, steps), generator=g).byte(),
        "mission": said,
        "previous": torch.randint(0, 7, (lanes, steps), generator=g),
        "first": torch.zeros(lanes, steps, dtype=torch.bool),
    }


def test_what_a_policy_remembers():
    torch.manual_seed(1)
    for context in (1, 4):
        network = policies.build("mission", 8, context=context, actions=7, depth=None)
        batch = stretches(2, 4, context)
        whole, _ = network(batch, network.initial(2))
        state = network.initial(2)
        pieces = []
        for t in range(4):
            logits, state = network({k: v[:, t : t + 1] for k, v in batch.items()}, state)
            pieces.append(logits)
        assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-5)
        # Other views and actions before the last frame: without memory nothing changes.
        other = {k: v.clone() for k, v in batch.items()}
        other["view"][:, :3], other["previous"][:] = 1, 0
        changed, _ = network(other, network.initial(2))
        assert torch.allclose(changed[:, 3], whole[:, 3], atol=1e-6) == (context == 1)
    # The order of a mission's words matters.
    said = batch["mission"].clone()
    said[..., [0, 4]] = said[..., [4, 0]]
    turned, _ = network({**batch, "mission": said}, network.initial(2))
    assert not torch.allclose(turned, whole, atol=1e-3)
    # Idle lanes and blocks of lanes change no row.
    arrays = {k: v[:, 0].numpy() for k, v in stretches(3, 1).items()}
    alone = act_step(network, arrays, network.initial(3), np.array([1]), 1.0)
    beside = act_step(network, arrays, network.initial(3), np.arange(3), 1.0)
    assert np.array_equal(alone[0], beside[1])


def test_a_study_from_nothing(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(study()))
    of, recorded = ("--game", "near", "--params", path), tmp_path / "recorded"
    for job in (0, 1):
        verb("record", *of, "--job", job, "--out", recorded / f"job-{job}")
    verb("record", *of, "--job", 1, "--out", tmp_path / "again")
    for file in ("steps.safetensors", "recording.json"):
        assert (tmp_path / "again" / file).read_bytes() == (recorded / "job-1" / file).read_bytes()
    demos = tmp_path / "demos.zarr"
    verb("ingest", *of, "--nld", recorded, "--out", demos)
    store.verify(demos)
    split = store.open_split(demos, "train")
    assert split.steps >= 300 and split.returns().mean() == 1 and split.says_distribution
    said = split.read("expert_probs", 0, split.steps)
    assert (said.argmax(1) == split.read("action", 0, split.steps)).all()

    run = tmp_path / "run/cells.json"
    verb("train", *of, "--size", 8, "--seed", 0, "--demos", demos, "--out", run)
    measured = []
    for lanes in (4, 3):
        path.write_text(yaml.safe_dump(study(evaluation={"lanes": lanes})))
        out = tmp_path / f"measured-{lanes}/cells.json"
        verb("evaluate", *of, "--run", run, "--demos", demos, "--out", out)
        measured.append((out.parent / "2e+07.json").read_bytes())
    assert measured[0] == measured[1], "an evaluation depends on the lanes"
    cell = json.loads(measured[0])
    assert cell["dev_loss"] < 1.9 and 0 <= cell["return_mean"] <= 1 and cell["own_loss"] > 0

    # DAgger: the bot labels what the student meets, and the run pays for it.
    path.write_text(yaml.safe_dump({"games": {"near": {
        **study()["games"]["near"],
        "algorithm": "dagger",
        "dagger": {"every": 4, "rounds": 1, "steps": 32, "lanes": 4, "mixing": 0.0},
    }}}))  # fmt: skip
    run = tmp_path / "dagger/cells.json"
    verb("train", *of, "--size", 8, "--seed", 0, "--demos", demos, "--out", run)
    assert json.loads((run.parent / "2e+07.json").read_text())["expert_labels"] == 32
    (played,) = run.parent.rglob("round-0001.zarr")
    part = store.open_split(played, "train")
    labels, seeds = part.read("action", 0, 32), part.read("episode_seed", 0, 32)
    assert len(set(seeds.tolist())) >= 4
    assert (part.read("expert_probs", 0, 32).argmax(1) == labels).all()
    section = params.read(path).games["near"]
    facts = registry.get("DOMAIN", "babyai").facts(section, demos, None)
    assert facts["expert"]["player"] == "the BabyAI bot"
    picture = registry.get("DOMAIN", "babyai").picture("GoToLocal", split.read("view", 0, 1)[0])
    assert picture.shape == (84, 84, 3) and picture.dtype == np.uint8 and picture.std() > 0
    assert not closed_to_others(tmp_path)


def test_recordings_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(study(demonstrations={"train_steps": 20, "jobs": 1})))
    section = params.read(path).games["near"]
    domain = registry.get("DOMAIN", "babyai")
    with pytest.raises(IlscalingError, match="no recordings"):
        domain.ingest(section, tmp_path / "none", tmp_path / "demos.zarr")
    domain.record("near", section, 0, tmp_path / "r/job-0")
    steps = tmp_path / "r/job-0/steps.safetensors"
    steps.write_bytes(steps.read_bytes()[:-100])
    with pytest.raises(IlscalingError, match="cannot read"):
        domain.ingest(section, tmp_path / "r", tmp_path / "demos.zarr")


def test_an_expert_is_measured_in_a_study_that_is_laid_over_the_parameters():
    """`--params` took a whole file alone: what `ilscaling new` writes is an overlay."""
    of = ["measure-expert", "--params", str(ROOT / "params.yaml"), "--game", "go_to_local"]
    with_study = [*of, "--study", str(ROOT / "studies/sparse.yaml"), "--episodes", "2"]
    done = CliRunner().invoke(main.app, with_study)
    assert done.exit_code == 0 and done.stdout.startswith("return "), done.exception
    refused = CliRunner().invoke(main.app, of)
    assert isinstance(refused.exception, ParamsError) and "--study" in refused.exception.fix
