"""Others' recordings become demonstrations, ours data sets of Minari."""

import json
import shutil
import zipfile
from pathlib import Path
from unittest import mock

import gymnasium
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from ilscaling import params, registry, store
from ilscaling.cli import main
from ilscaling.domains.atari.game import Vector
from ilscaling.domains.atari.section import Emulator
from ilscaling.domains.gymnasium.game import Vector as GymnasiumVector
from ilscaling.domains.recordings import npz, replay
from ilscaling.domains.recordings.episode import Episode
from ilscaling.errors import StoreError
from ilscaling.files import read_json
from ilscaling.pipeline.keys import Keys

ROOT = Path(__file__).resolve().parent.parent
HUMAN = ROOT.parent / "shared" / "human-atari"
person = pytest.mark.skipif(not HUMAN.is_dir(), reason="no games of a person here")
SMALL = {"train_steps": 100, "dev_steps": 20, "test_steps": 20, "chunk_steps": 64,
         "shard_steps": 512}  # fmt: skip
GRID = {"grid": {"sizes": [2], "budgets": [1.0e9], "min_updates": 1, "max_epochs": 99.0}}


def atari(game: str = "breakout", taken: dict | None = None, **emulator) -> dict:
    how = {"frame_skip": 4, "sticky": 0.0, "noop_max": 0, "max_steps": 2000, **emulator}
    expert = {"recordings": {"path": "unread", **(taken or {})}}
    section = {"domain": "atari_recordings", "game": game, "emulator": how, "expert": expert,
               "demonstrations": SMALL, **GRID}  # fmt: skip
    return {"games": {"theirs": section}}


def foraging(taken: dict | None = None) -> dict:
    section = {
        "domain": "gymnasium_recordings", "game": "foraging",
        "emulator": {"options": {"side": 5, "steps": 40}, "max_steps": 40},
        "expert": {"recordings": {"path": "unread", **(taken or {})}},
        "demonstrations": SMALL, "grid": {**GRID["grid"], "family": "mlp"},
    }  # fmt: skip
    files = [str(ROOT / f"extensions/foraging/{name}.py") for name in ("game", "mlp")]
    return {"extensions": files, "games": {"theirs": section}}


def verb(*arguments: object) -> str:
    done = CliRunner().invoke(main.app, [str(argument) for argument in arguments])
    return f"{done.output}{done.exception or ''}"


def ingested(study: dict, source: Path, folder: Path, *options: str, kind: str = "npz") -> str:
    """What the verb says; the store is folder/demos.zarr."""
    folder.mkdir(exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return verb("ingest", f"--{kind}", source, "--game", "theirs", "--params", path,
                "--out", folder / "demos.zarr", *options)  # fmt: skip


def steps(folder: Path, field: str) -> list[np.ndarray]:
    """A field of all episodes, in the order in which they were read."""
    rows = {}
    for name in store.SPLITS:
        split = store.open_split(folder / "demos.zarr", name)
        for k, seed in enumerate(split.table["seed"]):
            rows[int(seed)] = split.read(field, *split.starts[k : k + 2])
    return [rows[seed] for seed in sorted(rows)]


def played(actions: np.ndarray, frame_skip: int) -> tuple[list, list, bool]:
    """Screens before each action and rewards, until the game is over."""
    game = Vector("breakout", 1, Emulator(frame_skip=frame_skip, sticky=0.0, noop_max=0))
    screens, rewards = [game.reset(np.zeros(1))["screen"][0]], []
    for action in actions:
        step = game.step(np.array([action]))
        screens.append(step.observation["screen"][0])
        rewards.append(step.reward[0])
        if step.done[0]:
            break
    game.close()
    return screens[: len(rewards)], rewards, bool(step.done[0])


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    """A game of Breakout, an action a frame, each held for four, under names of others."""
    blocks = np.random.default_rng(0).integers(0, 4, 2000)
    held = np.repeat(blocks, 4)
    _, rewards, over = played(held, 1)
    assert over and sum(rewards) > 0 and len(rewards) % 4
    path = tmp_path_factory.mktemp("theirs") / "game.npz"
    np.savez_compressed(path, acts=held[: len(rewards)].astype(np.uint8), score=rewards)
    return path


NAMES = ("--field", "action=acts", "--field", "reward=score")


def test_frames_become_the_steps_that_a_policy_would_see(frames, tmp_path):
    said = ingested(atari(taken={"stretch": 30}), frames, tmp_path, *NAMES)
    acts = np.load(frames)["acts"][::4]
    screens, rewards, _ = played(acts, 4)
    assert (np.concatenate(steps(tmp_path, "action")) == acts[: len(rewards)]).all(), said
    assert (np.concatenate(steps(tmp_path, "screen")) == np.stack(screens)).all()
    assert np.concatenate(steps(tmp_path, "reward")).tolist() == rewards
    # Held out are stretches, whose return is that of the game.
    assert {len(part) for part in steps(tmp_path, "action")[:-1]} == {30}
    for name in store.SPLITS:
        split = store.open_split(tmp_path / "demos.zarr", name)
        assert split.steps >= SMALL[f"{name}_steps"] and split.attrs["domain"] == "atari"
        assert set(split.returns()) == {sum(rewards)}
    (row,) = read_json(tmp_path / "ingest.json")["recordings"]
    assert row["played_again"] and row["ended"] and row["return"] == sum(rewards)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock") == [
        "demos.zarr", "ingest.json", "study.yaml"
    ]  # fmt: skip


def changed(frames: Path, out: Path, **arrays) -> Path:
    np.savez(out, **{**np.load(frames), **arrays})
    return out


def test_a_recording_that_the_game_does_not_bear_out_is_refused_with_the_frame(frames, tmp_path):
    score = np.load(frames)["score"].copy()
    first = int(np.flatnonzero(score)[0])
    score[first], score[first + 1] = 0, score[first]
    source = changed(frames, tmp_path / "later.npz", score=score)
    said = ingested(atari(), source, tmp_path / "a", *NAMES)
    assert f"differs at frame {first:,}: the game gives 1 points, not 0" in said
    assert not (tmp_path / "a" / "demos.zarr").exists()
    acts = np.load(frames)["acts"]
    longer = changed(frames, tmp_path / "on.npz", acts=np.append(acts, [0] * 8),
                     score=np.append(np.load(frames)["score"], [0] * 8))  # fmt: skip
    said = ingested(atari(), longer, tmp_path / "b", *NAMES)
    assert f"frame {len(acts) - 1:,}: the game is over, and the recording goes on" in said
    acts = acts.copy()
    acts[5] = (acts[4] + 1) % 4
    mixed = changed(frames, tmp_path / "mixed.npz", acts=acts, score=played(acts, 1)[1])
    said = ingested(atari(), mixed, tmp_path / "c", *NAMES)
    assert "hold several actions" in said and "emulator.frame_skip: 1" in said
    whole = atari(taken={"stretch": 100}, frame_skip=1)
    assert "hold" not in ingested(whole, mixed, tmp_path / "d", *NAMES)
    assert sum(map(len, steps(tmp_path / "d", "action"))) == len(played(acts, 1)[1])


def test_a_field_that_is_not_there_is_named_with_those_that_are(frames, tmp_path):
    said = ingested(atari(), frames, tmp_path)
    assert "no array 'action'; there are: acts, score" in said and "--field action=THEIRS" in said
    said = ingested(atari(), frames, tmp_path / "again", "--field", "acts=action")
    assert "maps no field" in said


class Runs:
    def __reduce__(self):
        return (print, ("run",))


def objects(path: Path) -> str:
    np.savez(path, action=np.array([Runs()]), reward=np.zeros(1))
    return "not numbers"


def claims(path: Path) -> str:
    """A header that claims a terabyte."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**40,)}
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("action.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
        with archive.open("reward.npy", "w") as file:
            np.lib.format.write_array(file, np.zeros(1))
    return "claims 1,099,511,627,776 bytes"


def bomb(path: Path) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        with archive.open("action.npy", "w") as file:
            np.lib.format.write_array(file, np.zeros(2**27, np.uint8))
        with archive.open("reward.npy", "w") as file:
            np.lib.format.write_array(file, np.zeros(1))
    return "expands to"


def cut(path: Path) -> str:
    np.savez_compressed(path, action=np.arange(1000), reward=np.zeros(1000))
    path.write_bytes(path.read_bytes()[:-40])
    return "cannot read this recording"


@pytest.mark.parametrize("make", [objects, claims, bomb, cut])
def test_a_file_that_is_no_recording_is_refused(tmp_path, make):
    says = make(tmp_path / "theirs.npz")
    with pytest.raises(StoreError, match=says):
        list(npz.read(tmp_path / "theirs.npz", {}))


@person
def test_a_persons_montezuma_differs_at_its_frame(tmp_path):
    said = ingested(atari("montezuma_revenge"), HUMAN / "MontezumaRevenge.npz", tmp_path)
    assert "differs at frame 2,300: the game gives 0 points, not 3000" in said


@person
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "game", "skip", "points"),
    [("PrivateEye", "private_eye", 4, 100_400), ("Pitfall", "pitfall", 1, 48_990)],
)
def test_a_persons_games_play_again(tmp_path, name, game, skip, points):
    study = atari(game, {"stretch": 100}, frame_skip=skip)
    ingested(study, HUMAN / f"{name}.npz", tmp_path)
    (row,) = read_json(tmp_path / "ingest.json")["recordings"]
    assert row["return"] == points and row["played_again"]


# --- a game of Gymnasium, and Minari --------------------------------------------------------------


@pytest.fixture(scope="module")
def walks(tmp_path_factory) -> Path:
    """Eight episodes of Foraging by random steps, with what was seen."""
    registry.load(foraging()["extensions"])
    env = registry.get("GAME", "foraging").make(side=5, steps=40)
    drawn = np.random.default_rng(0)
    columns = {n: [] for n in ("observations", "actions", "rewards", "dones")}
    seeds = list(range(7, 15))
    for seed in seeds:
        seen, done = env.reset(seed=seed)[0], False
        while not done:
            action = int(drawn.integers(4))
            before = seen.copy()
            seen, reward, done, _, _ = env.step(action)
            for name, value in zip(columns, (before, action, reward, done), strict=True):
                columns[name].append(value)
    path = tmp_path_factory.mktemp("walks") / "walks.npz"
    np.savez(path, seeds=seeds, **columns)
    return path


def test_a_game_of_gymnasium_comes_in_with_its_seeds_or_its_observations(walks, tmp_path):
    known = dict(np.load(walks))
    said = ingested(foraging(), walks, tmp_path / "again")
    seen = np.concatenate(steps(tmp_path / "again", "observation"))
    assert (seen == known["observations"]).all(), said
    assert read_json(tmp_path / "again/ingest.json")["played_again"] == 8
    del known["seeds"]
    np.savez(tmp_path / "unseeded.npz", **known)
    ingested(foraging(), tmp_path / "unseeded.npz", tmp_path / "seen")
    assert read_json(tmp_path / "seen/ingest.json")["played_again"] == 0
    assert (np.concatenate(steps(tmp_path / "seen", "observation")) == seen).all()
    del known["observations"]
    np.savez(tmp_path / "blind.npz", **known)
    assert "no observations" in ingested(foraging(), tmp_path / "blind.npz", tmp_path / "none")


@pytest.mark.parametrize(
    ("field", "change", "says"),
    [
        ("actions", lambda v: v[0], "action has the shape ()"),
        ("observations", lambda v: v[0, 0, 0, 0], "320 actions and 1 observations"),
        ("seeds", lambda v: v + 0.5, "seeds are float64"),
        ("seeds", lambda v: v[:, None], "seeds are int64 (8, 1)"),
        ("seeds", lambda v: -v, "its seed is -7"),
        ("seeds", lambda v: np.full(8, 2**63, np.uint64), "its seed is 9223372036854775808"),
        ("dones", lambda v: v * 1.5, "terminated is 1.5 at step 39"),
        # Of another episode, which has the same rewards as far as it goes.
        ("observations", lambda v: np.roll(v, 40, 0), "differs at frame 0: what the game shows"),
    ],
)
def test_arrays_that_cannot_be_a_recording_are_refused_in_words(
    walks, tmp_path, field, change, says
):
    known = dict(np.load(walks))
    np.savez(tmp_path / "bad.npz", **{**known, field: change(known[field])})
    said = ingested(foraging(), tmp_path / "bad.npz", tmp_path / "a")
    assert says in said and not (tmp_path / "a" / "demos.zarr").exists(), said


def test_no_steps_and_observations_that_do_not_fit_are_refused(walks, tmp_path):
    known = {n: v for n, v in np.load(walks).items() if n != "seeds"}
    np.savez(tmp_path / "none.npz", **{n: v[:0] for n, v in known.items()})
    assert "it has no steps" in ingested(foraging(), tmp_path / "none.npz", tmp_path / "a")
    # 256 would be 0 in the game's uint8.
    wide = known["observations"].astype(np.uint16) * 256
    np.savez(tmp_path / "wide.npz", **{**known, "observations": wide})
    said = ingested(foraging(), tmp_path / "wide.npz", tmp_path / "b")
    assert "the observation at step 0 holds what uint8 does not" in said


class Cut(gymnasium.Env):
    """Three steps, then cut by the game itself; no rewards."""

    observation_space = gymnasium.spaces.Box(0, 9, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = np.zeros(1, np.float32)
        return self.at.copy(), {}

    def step(self, action):
        self.at += 1
        return self.at.copy(), 0.0, False, self.at[0] == 3, {}


def replayed(steps: int, ended: bool | None) -> list[bool]:
    """Whether the game is over at each step of a recording of `Cut`."""
    from ilscaling.domains.gymnasium.entries import Game
    from ilscaling.domains.gymnasium.section import Options

    with mock.patch.object(registry, "get", lambda *_: Game(name="cut", make=Cut)):
        game = GymnasiumVector("cut", 1, Options(max_steps=steps + 1))
    episode = Episode("here", np.zeros(steps, int), np.zeros(steps), ended=ended, seed=0)
    return [moment.done for moment in replay.moments(episode, game, 1, 1)]


def test_a_game_that_is_cut_by_itself_is_not_played_into_another():
    with pytest.raises(StoreError, match="frame 2: the game is over, and the recording goes on"):
        replayed(5, None)
    # An old `done` says that the episode has ended, however it did.
    assert replayed(3, True) == replayed(3, None) == [False] * 3
    with pytest.raises(StoreError, match="frame 1: the game goes on"):
        replayed(2, True)


def test_a_game_that_is_over_where_the_recording_says_it_is_not_differs(walks, tmp_path):
    known = dict(np.load(walks))
    cut_off = {n: known[n][:40] for n in ("actions", "rewards")}
    np.savez(tmp_path / "on.npz", **cut_off, terminated=np.zeros(40), seed=7)
    said = ingested(foraging(), tmp_path / "on.npz", tmp_path / "a")
    assert "frame 39: the game is over, and the recording says it is not" in said


def test_minari_reads_what_is_exported_and_it_comes_back(walks, tmp_path):
    minari = pytest.importorskip("minari")
    ingested(foraging(), walks, tmp_path)
    said = verb("export", tmp_path / "demos.zarr", "--minari", tmp_path / "sets",
                "--params", tmp_path / "study.yaml")  # fmt: skip
    assert "train" in said, said
    data = minari.MinariDataset(tmp_path / "sets/train/data")
    split = store.open_split(tmp_path / "demos.zarr", "train")
    assert (data.total_episodes, data.total_steps) == (split.episodes, split.steps)
    for episode in data:
        assert len(episode.observations) == len(episode) + 1
        assert all(data.observation_space.contains(seen) for seen in episode.observations)
        assert all(data.action_space.contains(action) for action in episode.actions)
        ends = episode.terminations | episode.truncations
        assert ends[-1] and not ends[:-1].any()
    few = foraging()
    few["games"]["theirs"]["demonstrations"] = {**SMALL, "train_steps": 40}
    ingested(few, tmp_path / "sets/train", tmp_path / "back", kind="minari")
    assert read_json(tmp_path / "back/ingest.json")["played_again"] == split.episodes
    back = np.concatenate(steps(tmp_path / "back", "observation"))
    assert (back == split.read("observation", 0, split.steps)).all()
    for field, says in (
        ("observation=seen", "no field 'seen' of"),
        ("action=acts", "field action"),
    ):
        said = ingested(few, tmp_path / "sets/train", tmp_path / field, "--field", field,
                        kind="minari")  # fmt: skip
        assert says in said
    # One that names an environment instead of its spaces would have it imported.
    metadata = tmp_path / "sets/train/data/metadata.json"
    described = json.loads(metadata.read_text())
    del described["action_space"]
    metadata.write_text(json.dumps({**described, "env_spec": '{"entry_point": "antigravity:x"}'}))
    said = ingested(few, tmp_path / "sets/train", tmp_path / "bad", kind="minari")
    assert "its metadata lack the spaces" in said


def test_the_final_screen_of_a_game_of_atari_is_exported(frames, tmp_path):
    minari = pytest.importorskip("minari")
    several, acts = tmp_path / "several", np.load(frames)["acts"][::4]
    screens, rewards, _ = played(acts, 4)
    several.mkdir()
    for number in range(3):
        np.savez(several / f"{number}.npz", action=acts, reward=rewards, note=number)
    (several / "2.npz").rename(several / "2.NPZ")
    shutil.copy(several / "1.npz", several / "twice.npz")
    said = ingested(atari(taken={"frame_skip": 4}), several, tmp_path / "refused")
    assert "twice.npz is 1.npz once more" in said
    (several / "twice.npz").unlink()
    assert "Error" not in ingested(atari(taken={"frame_skip": 4}), several, tmp_path)
    verb("export", tmp_path / "demos.zarr", "--minari", tmp_path / "sets", "--params", "none")
    (episode,) = minari.MinariDataset(tmp_path / "sets/dev/data")
    assert (episode.observations[:-1] == np.stack(screens)).all()
    fresh = episode.observations[0]
    assert (episode.observations[-1] != fresh).any() and episode.terminations[-1]


# --- in a study -----------------------------------------------------------------------------------


def test_a_study_takes_the_recordings_and_records_nothing(tmp_path):
    source = tmp_path / "game.npz"
    values = atari(taken={"path": str(source)})
    values["games"]["sticky"] = {"like": "theirs", "emulator": {"sticky": 0.25}}

    def demos() -> dict[str, str]:
        keys = Keys(params.check(values), ROOT)
        assert keys.parts("theirs") == [] and keys.recordings("theirs") == str(source)
        assert keys.datasets("ingest") == ["breakout"]
        # How policies play does not matter to what is taken.
        assert keys.demos_key("theirs") == keys.demos_key("sticky")
        return keys.demos_key("theirs")

    absent = demos()
    source.write_bytes(b"1")
    first = demos()
    source.write_bytes(b"2")
    assert len({absent, first, demos()}) == 3


def test_the_study_of_a_persons_game_is_whole():
    study = params.read(ROOT / "params.yaml", ROOT / "studies/human.yaml")
    off, on = study.games.values()
    assert (off.emulator.sticky, on.emulator.sticky) == (0.0, 0.25)
    assert off.expert == on.expert and off.expert.recordings.stretch
