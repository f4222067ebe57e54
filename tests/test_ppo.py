"""PPO and adversarial imitation: on Foraging what they cost and that they resume, on CartPole that
they learn."""

import csv
import itertools
from dataclasses import replace
from pathlib import Path

import killing
import numpy as np
import pytest
import scipy.stats
from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode

from ilscaling import games, grid, params, registry, store
from ilscaling.domains import brought
from ilscaling.errors import GameError, ParamsError
from ilscaling.files import sha256
from ilscaling.learning.rollouts import Lanes
from ilscaling.learning.run import run
from ilscaling.policies.gradient import advantages
from ilscaling.seeds import Purpose, seeds
from ilscaling.store import shard

ROOT = Path(__file__).resolve().parent.parent
FILES = (ROOT / "params.yaml", ROOT / "studies/foraging.yaml", ROOT / "tests/params/foraging.yaml")
PLAY = {"lanes": 4, "horizon": 32, "epochs": 2}
OWN = {
    "ppo": PLAY,
    "adversarial": PLAY | {"updates_discriminator": 2, "batch_discriminator": 16},
}
CARTPOLE = {
    "game": "cartpole",
    "emulator": {"options": {}, "max_steps": 500},
    "expert": {"name": "balancer", "noise": 0.0},
    "train": {"rate": {"value": 0.001}, "batch": {"value": 256}, "warmup_steps": 0, "ema": 0.0},
    "grid": {"sizes": [64], "budgets": [1e10], "max_epochs": 1e9},
}
BALANCE = {"lanes": 8, "horizon": 128, "epochs": 8, "clip": 0.2, "entropy": 0.0}


def study(algorithm, own=None, **changes) -> params.Params:
    """The tiny study of foraging, trained by an algorithm; `changes`: of its section."""
    values = params.read(*FILES).model_dump(mode="json")
    values["extensions"].append("tests/extensions/cartpole.py")
    section = values["games"]["foraging"] | {"algorithm": algorithm}
    section[algorithm] = own or OWN[algorithm]
    values["games"]["foraging"] = params.overlay(section, changes)
    return params.check(values)


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    yield
    registry.load([])


def recorded(folder: Path, section) -> Path:
    brought.record(
        section.expert, section.domain, section.game, section.emulator,
        seeds=range(1000), lanes=4, steps=4_000, out=folder / "part.zip",
    )  # fmt: skip
    shard.shard([folder / "part.zip"], folder / "demos.zarr", settings=section.demonstrations)
    return folder / "demos.zarr"


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("demos"), study("ppo").games["foraging"])


@pytest.fixture(scope="module")
def balancing(tmp_path_factory):
    section = study("ppo", **CARTPOLE).games["foraging"]
    return recorded(tmp_path_factory.mktemp("balancing"), section)


def planned(known: params.Params) -> list[grid.Cell]:
    return next(iter(grid.by_run(grid.cells(known)).values()))


def train(demos, out, known, cells=None):
    section = known.games["foraging"]
    split = store.open_split(demos, "train")
    return run(split, section.train, cells or planned(known), out, section=section, device="cpu")


def files(out: Path) -> dict[str, str]:
    """Digest of every file that a run leaves for good: rows of its rollouts, too."""
    return {
        path.relative_to(out).as_posix(): sha256(path)
        for path in out.rglob("*")
        if path.is_file()
        and not path.relative_to(out).parts[0].startswith((".", "state", "timing"))
    }


def rollouts(out: Path) -> list[dict[str, float]]:
    with open(out / "algorithm" / "rollouts.csv", encoding="utf-8") as file:
        return [{name: float(v) for name, v in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module", params=["ppo", "adversarial"])
def undisturbed(request, demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return request.param, out, train(demos, out, study(request.param))


# --- arithmetic ----------------------------------------------------------------------------------


def test_advantages_are_the_definitions_sum():
    random = np.random.default_rng(0)
    steps, lanes, discount, trace = 40, 3, 0.9, 0.8
    rewards, values = random.normal(size=(steps, lanes)), random.normal(size=(steps + 1, lanes))
    done = random.random((steps, lanes)) < 0.15
    truncated = done & (random.random((steps, lanes)) < 0.5)
    seen = advantages(rewards, values, done, truncated, discount=discount, trace=trace)
    for lane in range(lanes):
        for begin in range(steps):
            total = 0.0
            for at in range(begin, steps):
                after = values[at + 1, lane]
                if done[at, lane]:
                    after = values[at, lane] if truncated[at, lane] else 0.0
                error = rewards[at, lane] + discount * after - values[at, lane]
                total += (discount * trace) ** (at - begin) * error
                if done[at, lane]:
                    break
            assert seen[begin, lane] == pytest.approx(total)


def _lanes(section, lanes=3):
    game = games.make(section.domain, section.game, lanes, section.emulator)
    return Lanes(game, 2, lambda number: seeds(Purpose.LEARNING, number, count=1)[0])


@pytest.mark.parametrize("changes", [{}, CARTPOLE], ids=["foraging", "cartpole"])
def test_lanes_go_on_where_they_stood(changes):
    """CartPole's episodes end at different steps, some at the very moment of saving."""
    section = study("ppo", **changes).games["foraging"]
    whole, cut = _lanes(section), _lanes(section)
    actions = len(whole.game.spec.actions)

    def act(stacks):
        weights = 1 + np.abs(stacks.reshape(len(stacks), -1)[:, :actions].astype(float))
        return weights / weights.sum(1, keepdims=True)

    whole.begin()
    cut.begin()
    for steps in (1, 7, 30, 2, 61, 250):
        wanted, seen = whole.play(steps, act), cut.play(steps, act)
        for name, values in vars(wanted).items():
            assert np.array_equal(getattr(seen, name), values), name
        state = cut.save()
        cut.close()
        cut = _lanes(section)
        cut.restore(state)
        assert np.array_equal(cut.score, whole.score)
    wrong = {**state, "stacks": state["stacks"] + 1}
    with pytest.raises(GameError, match="came to another end"):
        cut.restore(wrong)


# --- what they cost, and how they go on ----------------------------------------------------------


def test_budgets_pay_for_all_networks_and_unique_samples_are_counted(undisturbed):
    algorithm, out, records = undisturbed
    known = study(algorithm)
    per, size = 2 * 128 // 32, 128
    for cell, record in zip(planned(known), records, strict=True):
        assert record.spent == cell.spent and record.flops == cell.flops <= cell.budget
        assert record.spent.env_steps == -(-record.updates // per) * size
        whole, rest = divmod(record.updates, per)
        assert record.unique_samples == whole * size + min(size, rest * 32)
        assert record.epochs == record.samples / record.spent.env_steps
    rows = rollouts(out)
    assert [row["update"] for row in rows] == list(range(0, records[-1].updates, per))
    assert rows[-1]["env_steps"] == records[-1].spent.env_steps


@pytest.mark.parametrize("algorithm", ["ppo", "adversarial"])
def test_whole_updates_cost_what_pytorch_counts(demos, tmp_path, algorithm):
    """From before to after a rollout: acting, values, the discriminator."""
    known, counted, spent = study(algorithm), [], []
    cell = planned(known)[0]
    for updates in (7, 8, 9, 10):
        with FlopCounterMode(display=False) as counter:
            cells = [replace(cell, updates=updates)]
            (record,) = train(demos, tmp_path / str(updates), known, cells)
        counted.append(counter.get_total_flops())
        spent.append(record.flops)
    assert np.diff(counted).tolist() == np.diff(spent).tolist()
    assert spent[2] - spent[1] > 2 * (spent[1] - spent[0])


def test_networks_beside_the_policy_begin_with_weights_of_their_own(demos, tmp_path):
    cells = [replace(planned(study("adversarial"))[0], updates=1)]
    train(demos, tmp_path, study("adversarial"), cells)
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        names = [n for n in file.keys() if n.endswith("weight/0.weight")]  # noqa: SIM118
        first = [file.get_tensor(name) for name in names]
    assert len(first) == 3
    for one, other in itertools.combinations(first, 2):
        assert (one - other).abs().mean() > 0.02


def _kill(demos, out, undisturbed, kills):
    algorithm, whole, _ = undisturbed
    known = study(algorithm, train={"checkpoint_seconds": 1e-9})
    killing.until_done(train, (demos, out, known), out, kills)
    assert files(out) == files(whole)


def test_killed_at_any_moment_it_ends_with_the_same_bytes(demos, undisturbed, tmp_path):
    _kill(demos, tmp_path, undisturbed, kills=3)


@pytest.mark.kills
def test_killed_at_twenty_moments(demos, undisturbed, tmp_path):
    _kill(demos, tmp_path, undisturbed, kills=20)


def test_branches_go_on_with_the_trunks_games(demos, tmp_path):
    known = study("adversarial", train={"schedule": "wsd"})
    both = train(demos, tmp_path / "both", known)
    assert both[-1:] == train(demos, tmp_path / "alone", known, planned(known)[-1:])


def test_what_cannot_be_trained_so_is_refused_before_work():
    with pytest.raises(ParamsError, match="a batch of 32 is more than 1 passes over 16 steps"):
        grid.cells(study("ppo", {"lanes": 4, "horizon": 4, "epochs": 1}))
    values = params.read(ROOT / "params.yaml").model_dump(mode="json")
    values["games"]["nethack"] |= {"algorithm": "ppo", "ppo": {}}
    with pytest.raises(ParamsError, match="remembers what it has seen"):
        grid.cells(params.check(values))


# --- what they reach -----------------------------------------------------------------------------


def learned(demos, out, algorithm, own, updates, seed=0) -> list[dict]:
    """Rows of a run on CartPole of so many updates."""
    known = study(algorithm, own, **CARTPOLE)
    cell = replace(planned(known)[0], updates=updates)
    train(demos, out, known, [replace(cell, run=replace(cell.run, seed=seed))])
    return rollouts(out)


def test_ppo_learns_to_balance(balancing, tmp_path):
    rows = learned(balancing, tmp_path, "ppo", BALANCE, 32 * 30)
    assert rows[0]["return"] < 60
    assert np.nanmean([row["return"] for row in rows[-5:]]) > 150


@pytest.mark.slow
def test_ppo_learns_as_fast_as_that_of_stable_baselines(balancing, tmp_path):
    """The same settings and network sizes on CartPole: mean return over all of training, and over
    its last third, of four seeds each, differ by no more than seeds do."""
    theirs, ours = [], []
    for seed in range(4):
        rows = learned(balancing, tmp_path / str(seed), "ppo", BALANCE, 32 * 40, seed)
        ends = np.cumsum([row["episodes"] for row in rows])
        ours.append(_scores([row["return"] for row in rows]))
        theirs.append(_scores(_stable_baselines(seed, 40)))
        assert ends[-1] > 100
    for own, other in zip(np.transpose(ours), np.transpose(theirs), strict=True):
        print("ours", own, "Stable-Baselines3's", other)
        assert scipy.stats.ttest_ind(own, other, equal_var=False).pvalue > 0.02
        assert own.mean() > 0.8 * other.mean()


def _scores(returns: list[float]) -> tuple[float, float]:
    return float(np.nanmean(returns)), float(np.nanmean(returns[-len(returns) // 3 :]))


def _stable_baselines(seed: int, rollouts: int) -> list[float]:
    """Mean return of the episodes that end in each rollout."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from torch import nn

    class Returns(BaseCallback):
        def __init__(self):
            super().__init__()
            self.means, self.now = [], []

        def _on_step(self):
            self.now += [i["episode"]["r"] for i in self.locals["infos"] if "episode" in i]
            return True

        def _on_rollout_end(self):
            self.means.append(float(np.mean(self.now)) if self.now else float("nan"))
            self.now = []

    model = PPO(
        "MlpPolicy", make_vec_env("CartPole-v1", 8, seed=seed), seed=seed, device="cpu",
        learning_rate=1e-3, n_steps=128, batch_size=256, n_epochs=8, clip_range=0.2, ent_coef=0.0,
        policy_kwargs={"net_arch": [64, 64], "activation_fn": nn.ReLU, "ortho_init": False,
                       "optimizer_kwargs": {"eps": 1e-8}},
    )  # fmt: skip
    watch = Returns()
    model.learn(rollouts * 1024, callback=watch)
    return watch.means


@pytest.mark.slow
def test_adversarial_imitation_reaches_the_expert(balancing, tmp_path):
    own = BALANCE | {"updates_discriminator": 8, "batch_discriminator": 128}
    rows = learned(balancing, tmp_path, "adversarial", own, 32 * 60)
    print([row["return"] for row in rows])
    assert np.nanmean([row["return"] for row in rows[-10:]]) > 400
