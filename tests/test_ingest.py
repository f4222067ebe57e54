"""Games that NetHack recorded become steps: all of them, key by key, or a reason why not."""

import bz2
import json
import os
import shutil
import struct
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from nle import dataset as nld
from wanderer import FIELDS, OPTIONS, Wanderer, record

from ilscaling import store
from ilscaling.domains.nethack import ingest as reading
from ilscaling.domains.nethack import ttyrec
from ilscaling.domains.nethack.game import KEYS, Game
from ilscaling.domains.nethack.ingest import ingest
from ilscaling.domains.nethack.nld import listing
from ilscaling.domains.nethack.section import Games, Recordings
from ilscaling.errors import StoreError
from ilscaling.files import read_json

AUTOASCEND = Path(__file__).resolve().parents[2] / "shared" / "nld-aa-mini"
SETTINGS = Games(train_steps=1500, dev_steps=300, test_steps=300, chunk_steps=64, shard_steps=512)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Two folders of recorded games, of which some were cut by the limit."""
    root = tmp_path_factory.mktemp("nld")
    games = record(root / "job-0") + record(root / "job-1", range(1, 1000, 2))
    assert len(games) > 7 and 0 < sum(game["truncated"] for game in games) < len(games)
    return root


@pytest.fixture(scope="module")
def demos(recorded, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demos") / "demos.zarr"
    ingest(recorded, out, settings=SETTINGS)
    return out


def content(path: Path) -> dict[str, bytes]:
    return {
        str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()
    }


def episodes(path: Path) -> dict[int, dict[str, np.ndarray]]:
    """All episodes of a store by seed."""
    found = {}
    for name in store.SPLITS:
        split = store.open_split(path, name)
        for k, seed in enumerate(split.table["seed"]):
            ends = split.starts[k : k + 2]
            found[int(seed)] = {f: split.read(f, *ends) for f in split.fields}
    return found


# --- what is ingested ----------------------------------------------------------------------------


def test_the_store_holds_what_the_player_saw_and_pressed(recorded, demos):
    found = episodes(demos)
    for job in (0, 1):
        for game in read_json(recorded / f"job-{job}" / "games.json")["games"]:
            episode = found.pop(game["seed"])
            player, again = Wanderer(game["seed"]), Game(OPTIONS, fields=(*FIELDS, "inv_glyphs"))
            again.start(game["seed"])
            while not again.over:
                again.press(player.act(again))
            again.close()
            assert len(player.seen) == game["steps"] == len(episode["action"])
            *screens, keys, scores = (np.array(column) for column in zip(*player.seen, strict=True))
            for name, values in zip((*FIELDS, "inventory"), screens, strict=True):
                assert episode[name].dtype == values.dtype and (episode[name] == values).all()
            assert ([KEYS[action] for action in episode["action"]] == keys).all()
            assert (episode["reward"][:-1] == np.diff(scores)).all() and not episode["reward"][-1]
            assert episode["reward"].sum() == scores[-1] <= game["score"]
    assert not found


def test_the_store_says_where_it_comes_from(recorded, demos):
    attrs = store.open_split(demos, "train").attrs
    assert attrs["recorder"] == "wanderer" and attrs["domain"] == attrs["game"] == "nethack"
    assert attrs["emulator"] == OPTIONS.model_dump() and attrs["roles"] == ["Mon"]
    report = read_json(demos.parent / "ingest.json")
    assert attrs["ingest"]["games"] == len(report["kept"]) == len(episodes(demos))
    assert report["lost"] == [] and report["left_out"] == {}
    cut = {game["seed"] for game in report["kept"] if game["truncated"]}
    for name in store.SPLITS:
        split = store.open_split(demos, name)
        assert split.steps >= getattr(SETTINGS, f"{name}_steps")
        mine = [game for game in report["kept"] if game["split"] == name]
        assert [game["seed"] for game in mine] == list(split.table["seed"])
        assert [g["seed"] in cut for g in mine] == list(split.table["truncated"])
    assert cut and store.verify(demos)
    assert not attrs["ingest"]["expert_probs"] and "expert_probs" not in attrs["fields"]


def test_the_number_of_processes_does_not_matter_nor_when_it_was_recorded(demos, tmp_path):
    record(tmp_path / "nld" / "job-0")
    record(tmp_path / "nld" / "job-1", range(1, 1000, 2))
    ingest([tmp_path / "nld"], tmp_path / "again.zarr", settings=SETTINGS, processes=2)
    assert content(tmp_path / "again.zarr") == content(demos)
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_ingest_reads_no_game_twice(recorded, demos, tmp_path, monkeypatch):
    out = tmp_path / "demos.zarr"
    greedy = SETTINGS.model_copy(update={"train_steps": 10**6})
    with pytest.raises(StoreError, match="leaves") as refusal:
        ingest(recorded, out, settings=greedy)
    assert "ingest more games" in refusal.value.fix and not out.exists()
    monkeypatch.setattr(ttyrec, "check", lambda path: pytest.fail(f"read {path} again"))
    ingest(recorded, out, settings=SETTINGS)
    assert content(out) == content(demos)
    assert sorted(os.listdir(tmp_path)) == ["demos.zarr", "ingest.json"]


def without_records(recorded: Path, target: Path) -> Path:
    """The same recordings as somebody else would give them."""
    shutil.copytree(recorded, target)
    for file in [*target.rglob("games.json"), *target.rglob("*.safetensors")]:
        file.unlink()
    return target


def test_the_rule_finds_the_player_s_keys_without_our_records(recorded, demos, tmp_path):
    foreign = without_records(recorded, tmp_path / "foreign")
    ingest(foreign, tmp_path / "demos.zarr", settings=SETTINGS)
    games = [g for j in (0, 1) for g in read_json(recorded / f"job-{j}" / "games.json")["games"]]
    known, found = episodes(demos), episodes(tmp_path / "demos.zarr")
    for number, game in enumerate(games):
        ours, theirs = known[game["seed"]], found[number]
        assert "inventory" not in theirs
        if not game["truncated"]:
            assert len(ours["action"]) == len(theirs["action"])
        # Before NLE or our limit quits a game, it leaves prompts by ESC, as a player may.
        extra = theirs["action"][len(ours["action"]) :]
        assert {KEYS[action] for action in extra} <= {27}
        for name in FIELDS:
            assert (theirs[name][: len(ours[name])] == ours[name]).all()
    assert store.open_split(tmp_path / "demos.zarr", "dev").attrs["emulator"] is None


# --- against NLE's own reader --------------------------------------------------------------------


def nle_reads(root: Path, tmp_path: Path) -> list[dict[str, np.ndarray]]:
    """All frames of every game by NLE's own dataset, in the order of its game numbers."""
    db = str(tmp_path / "nle.db")
    nld.db.create(db)
    nld.add_nledata_directory(str(root), "games", db)
    data = nld.TtyrecDataset("games", batch_size=1, seq_length=500, dbfilename=db, shuffle=False)
    names = (*FIELDS, "keypresses", "scores", "done", "gameids")
    blocks = [{name: batch[name][0].copy() for name in names} for batch in data]
    whole = {name: np.concatenate([block[name] for block in blocks]) for name in names}
    ids = whole["gameids"]
    order = list(dict.fromkeys(ids[ids > 0].tolist()))
    return [{name: values[ids == number] for name, values in whole.items()} for number in order]


def compare(root: Path, tmp_path: Path) -> int:
    """Compare every frame, key and score of `ingest` with NLE's reader; returns the steps."""
    games = listing([root], None).games
    lines = [
        line.split("ttyrecname=")[1].strip()
        for log in sorted(root.glob("*/*.xlogfile"))
        for line in log.open()
    ]
    steps = 0
    theirs = dict(zip(lines, nle_reads(root, tmp_path), strict=True))
    for game in games:
        frames = theirs[game.path.name]
        blocks = [{k: v.copy() for k, v in b.items()} for b in reading.frames(game, False)]
        ours = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        first = ttyrec.opening({**frames, "key": frames["keypresses"]})
        kept = slice(first, first + len(ours["action"]))
        for name in FIELDS:
            assert (ours[name] == frames[name][kept]).all()
        assert (np.array(KEYS)[ours["action"]] == frames["keypresses"][kept]).all()
        scores = frames["scores"][kept]
        assert (ours["reward"][:-1] == np.diff(scores)).all() and ours["reward"][-1] == 0
        # Whatever is left out at the end is what NLE pressed.
        assert set(frames["keypresses"][kept.stop :]) <= {32, 27, ttyrec.META_Q, ord("y")}
        assert len(scores) - 1 <= len(frames["scores"]) - first - 6
        steps += len(scores)
    return steps


def test_our_recordings_are_read_as_nle_reads_them(recorded, tmp_path, capfd):
    games = [g for j in (0, 1) for g in read_json(recorded / f"job-{j}" / "games.json")["games"]]
    assert compare(recorded, tmp_path) == sum(game["steps"] for game in games)


@pytest.mark.skipif(not AUTOASCEND.is_dir(), reason="no games of AutoAscend here")
def test_games_of_autoascend_are_read_as_nle_reads_them(tmp_path, capfd):
    found = listing([AUTOASCEND], None)
    assert len(found.games) == 48 and not found.left_out
    # One that its player quit; the two shortest are compared.
    quitted = [game for game in found.games if game.quit]
    assert [game.path.name for game in quitted] == ["nle.13376.3.ttyrec3.bz2"]
    taken = sorted(found.games, key=lambda game: game.path.stat().st_size)[:2]
    folder = tmp_path / "nld" / taken[0].path.parent.name
    folder.mkdir(parents=True)
    for game in taken:
        (folder / game.path.name).symlink_to(game.path)
    (log,) = AUTOASCEND.glob("*/*.xlogfile")
    lines = log.read_text().splitlines(keepends=True)
    names = tuple(f"ttyrecname={game.path.name}\n" for game in taken)
    (folder / log.name).write_text("".join(line for line in lines if line.endswith(names)))
    assert compare(tmp_path / "nld", tmp_path) > 20_000


def shortened(data: bytearray) -> bytearray:
    """Whole frames of the first half: the end of the game is not there, and nothing says so."""
    at = 0
    while at < len(data) // 2:
        at += 13 + struct.unpack_from("<i", data, at + 8)[0]
    return data[:at]


@pytest.mark.skipif(not AUTOASCEND.is_dir(), reason="no games of AutoAscend here")
def test_games_end_by_file_and_log_where_no_mark_says_so(tmp_path, capfd):
    """NLE marks no end, only that another game begins: the last one of a lane has no mark."""
    taken = sorted(listing([AUTOASCEND], None).games, key=lambda game: game.path.stat().st_size)[:5]
    folder = tmp_path / "nld" / "games"
    folder.mkdir(parents=True)
    for game in taken:
        shutil.copy(game.path, folder / game.path.name)
    (log,) = AUTOASCEND.glob("*/*.xlogfile")
    names = tuple(f"ttyrecname={game.path.name}\n" for game in taken)
    lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith(names)]
    (folder / log.name).write_text("".join(lines))
    ended, cut = taken[:3], taken[3:]
    rewritten(folder / cut[0].path.name, shortened)  # a whole stream, half a game
    whole = (folder / cut[1].path.name).read_bytes()
    (folder / cut[1].path.name).write_bytes(whole[: len(whole) // 2])
    settings = SETTINGS.model_copy(update={"chunk_steps": 256, "shard_steps": 8192})
    ingest(tmp_path / "nld", tmp_path / "demos.zarr", settings=settings)
    report = read_json(tmp_path / "ingest.json")
    assert {g["game"].split("/")[1]: g["reason"] for g in report["lost"]} == {
        game.path.name: "truncated file" for game in cut
    }
    assert {g["game"].split("/")[1] for g in report["kept"]} == {g.path.name for g in ended}
    for game in cut:
        (folder / game.path.name).unlink()
    (folder / log.name).write_text("".join(line for line in lines if line.endswith(
        tuple(f"ttyrecname={game.path.name}\n" for game in ended))))  # fmt: skip
    for game, theirs in zip(report["kept"], nle_reads(tmp_path / "nld", tmp_path), strict=True):
        # Up to the death, whose pages NLE leaves by SPACE. `done` is on a first frame or nowhere.
        assert not game["truncated"] and not theirs["done"][1:].any()
        left = theirs["keypresses"][-10:]
        assert game["steps"] < len(theirs["keypresses"]) <= game["steps"] + 20
        assert left[-1] == ord(" ")


# --- what is left out ----------------------------------------------------------------------------


def rewritten(path: Path, change) -> None:
    path.write_bytes(bz2.compress(bytes(change(bytearray(bz2.decompress(path.read_bytes()))))))


def another_key(data: bytearray) -> bytearray:
    """The fifth key becomes one that is not on NLE's keyboard."""
    at = keys = 0
    while keys < 5:
        _, _, length, channel = struct.unpack_from("<iiiB", data, at)
        at += 13 + length
        keys += channel == 1
    data[at - 1] = 200
    return data


def test_every_game_that_is_left_out_has_its_reason(recorded, demos, tmp_path):
    root = without_records(recorded, tmp_path / "nld")
    folder = root / "job-0"
    for number in range(20, 36):  # more games, to have one for each harm
        shutil.copy(folder / "nle.2.ttyrec3.bz2", folder / f"nle.{number}.ttyrec3.bz2")
    log = folder / "nle.xlogfile"
    lines = log.read_text().splitlines(keepends=True)
    model = next(line for line in lines if "nle.2." in line)

    def line(number: int, **changes: str) -> None:
        entry = model.replace("nle.2.", f"nle.{number}.")
        for key, value in changes.items():
            old = next(p for p in entry.split("\t") if p.startswith(f"{key}="))
            entry = entry.replace(old, f"{key}={value}")
        lines.append(entry)

    def file(number: int) -> Path:
        return folder / f"nle.{number}.ttyrec3.bz2"

    line(20)
    file(20).write_bytes(file(20).read_bytes()[:-50])
    line(21)
    damaged = bytearray(file(21).read_bytes())
    damaged[len(damaged) // 2] ^= 16
    file(21).write_bytes(damaged)
    line(22)
    file(22).unlink()
    line(23)
    rewritten(file(23), another_key)
    line(24)
    rewritten(file(24), lambda data: data[: len(data) // 2])
    line(25)
    shutil.copy(folder / "nle.0.ttyrec3.bz2", file(25))
    line(26, death="escaped")
    line(27, role="Val")
    line(28, race="Orc")
    line(29, points="-5")
    line(31)
    file(31).write_bytes(b"")
    line(32)
    rewritten(file(32), lambda data: b"")
    line(33)
    line(33)
    for number in (34, 35):
        file(number).unlink()
    log.write_text("".join(lines))

    taken = Recordings(path=str(root), roles=["Mon"], races=["Hum"], min_points=0)
    out = tmp_path / "demos.zarr"
    summary = ingest(root, out, settings=SETTINGS, recordings=taken)
    lost = {entry["game"]: entry["reason"] for entry in read_json(tmp_path / "ingest.json")["lost"]}
    expected = {
        20: "truncated file",
        21: "corrupted bz2",
        22: "missing file",
        23: "unknown key",
        24: "truncated file",
        25: "other game than its line in the xlogfile",
        26: "aborted game",
        27: "filtered by role",
        28: "filtered by race",
        29: "filtered by points",
        30: "no line in the xlogfile",
        31: "truncated file",
        32: "empty",
        33: "two lines in the xlogfile",
    }
    assert lost == {f"job-0/nle.{n}.ttyrec3.bz2": reason for n, reason in expected.items()}
    assert summary["left_out"] == Counter(expected.values())
    assert summary["games"] == len(episodes(demos))
    assert store.open_split(out, "dev").attrs["ingest"]["left_out"] == summary["left_out"]


def misplaced(recorded, tmp_path):
    return recorded / "job-0", "one level off"


def above(recorded, tmp_path):
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "nld").symlink_to(recorded)
    return tmp_path / "above", "one level off"


def empty(recorded, tmp_path):
    return tmp_path, "no recordings"


def absent(recorded, tmp_path):
    return tmp_path / "nowhere", "no such folder"


def no_log(recorded, tmp_path):
    root = without_records(recorded, tmp_path / "nld")
    for log in root.rglob("*xlogfile"):
        log.unlink()
    return root, "no xlogfile"


def other_nethack(recorded, tmp_path):
    root = without_records(recorded, tmp_path / "nld")
    log = root / "job-1" / "nle.xlogfile"
    log.write_text(log.read_text().replace("version=3.6.7", "version=3.7.0"))
    return root, "NetHack 3.7.0"


def other_ttyrec(recorded, tmp_path):
    root = without_records(recorded, tmp_path / "nld")
    for file in (root / "job-1").glob("*.ttyrec3.bz2"):
        file.rename(file.with_name(file.name.replace("ttyrec3", "ttyrec2")))
    return root, "ttyrec version 2"


@pytest.mark.parametrize(
    "make", [misplaced, above, empty, absent, no_log, other_nethack, other_ttyrec]
)
def test_a_folder_that_cannot_be_ingested_is_refused(recorded, tmp_path, make):
    root, message = make(recorded, tmp_path)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match=message) as refusal:
        ingest(root, tmp_path / "demos.zarr", settings=SETTINGS)
    assert refusal.value.where and set(tmp_path.rglob("*")) == before


def test_filters_that_leave_no_game_name_the_roles_that_are_there(recorded, tmp_path):
    taken = Recordings(path="any", roles=["Wiz"])
    with pytest.raises(StoreError, match=r"filtered by role; roles in the xlogfiles: Mon \("):
        ingest(recorded, tmp_path / "demos.zarr", settings=SETTINGS, recordings=taken)
    with pytest.raises(StoreError, match="given twice"):
        ingest([recorded, recorded], tmp_path / "demos.zarr", settings=SETTINGS)
    shutil.copytree(recorded, tmp_path / "copy")
    with pytest.raises(StoreError, match="of seed 0 is there twice"):
        ingest([recorded, tmp_path / "copy"], tmp_path / "demos.zarr", settings=SETTINGS)


def test_no_more_games_than_asked_for(recorded, tmp_path):
    found = listing([recorded], Recordings(path="any", max_games=3))
    assert [game.path.name for game in found.games] == [
        f"nle.{seed}.ttyrec3.bz2" for seed in (0, 2, 4)
    ]
    assert {entry["reason"] for entry in found.left_out} == {"above max_games"}


def test_a_record_of_games_that_is_damaged_is_refused(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path / "nld")
    made = tmp_path / "nld" / "job-1" / "games.json"
    made.write_text(json.dumps({"format": "other"}))
    with pytest.raises(StoreError, match="not a record of games"):
        listing([tmp_path / "nld"], None)


# --- strangers' folders -------------------------------------------------------------------------


def bomb(path: Path) -> None:
    """A hundred bytes that expand to 130 MB."""
    packer = bz2.BZ2Compressor()
    block = bytes(2**24)
    path.write_bytes(b"".join(packer.compress(block) for _ in range(8)) + packer.flush())


def noise(path: Path) -> None:
    path.write_bytes(bz2.compress(np.random.default_rng(0).bytes(20_000)))


def loop(path: Path) -> None:
    path.symlink_to(path.name)


# What a game's recording may be instead -> the reason.
RECORDINGS = {
    "bomb": (bomb, "too large"),
    "noise": (noise, "corrupted ttyrec"),
    "text": (lambda path: path.write_bytes(b"no bz2"), "corrupted bz2"),
    "folder": (Path.mkdir, "not a file"),
    "pipe": (os.mkfifo, "not a file"),
    "loop": (loop, "missing file"),
    "nowhere": (lambda path: path.symlink_to("nowhere"), "missing file"),
}
# What a game's line may say instead.
LINES = {
    "points=abc": ("points", "abc"),
    "no depth": ("maxlvl", ""),
    "points of 40 digits": ("points", "9" * 40),
    "no death": ("death", None),
    "no version": ("version", None),
    "no role": ("role", None),
    "NetHack 3.7": ("version", "3.7.0"),
}


def test_a_bad_game_of_any_kind_is_named_and_the_rest_is_taken(recorded, demos, tmp_path):
    root = without_records(recorded, tmp_path / "nld")
    folder, expected = root / "job-0", {}
    log = folder / "nle.xlogfile"
    lines = log.read_bytes().decode("latin-1").split("\n")
    model = next(line for line in lines if "nle.2." in line)
    lines = [*lines[:1], "", "# a comment", *lines[1:]]
    lines[0] = lines[0].replace("name=Agent", "name=\xc3\x85sa")  # 0x85 is a new line to some
    for number, (make, reason) in enumerate(RECORDINGS.values(), 100):
        make(folder / f"nle.{number}.ttyrec3.bz2")
        lines.append(model.replace("nle.2.", f"nle.{number}."))
        expected[f"job-0/nle.{number}.ttyrec3.bz2"] = reason
    for number, (key, value) in enumerate(LINES.values(), 200):
        name = f"nle.{number}.ttyrec3.bz2"
        shutil.copy(folder / "nle.2.ttyrec3.bz2", folder / name)
        entries = [e for e in model.split("\t") if not e.startswith(f"{key}=")]
        entries += [] if value is None else [f"{key}={value}"]
        lines.append("\t".join(entries).replace("nle.2.", f"nle.{number}."))
        reason = (
            "another version of NetHack" if value == "3.7.0" else "damaged line in the xlogfile"
        )
        expected[f"job-0/{name}"] = reason
    lines.append("\x00\xff nothing of a line")
    expected[f"job-0/nle.xlogfile, line {len(lines)}"] = "damaged line in the xlogfile"
    log.write_bytes("\n".join(lines).encode("latin-1"))
    os.mkfifo(folder / "b.xlogfile")
    expected["job-0/b.xlogfile"] = "an xlogfile that cannot be read"
    (folder / "nle.0.ttyrec2.bz2").touch()
    expected["job-0/nle.0.ttyrec2.bz2"] = "another version of ttyrec"
    (root / "again").symlink_to(root)

    summary = ingest(root, tmp_path / "demos.zarr", settings=SETTINGS)
    lost = {entry["game"]: entry["reason"] for entry in read_json(tmp_path / "ingest.json")["lost"]}
    assert lost == expected
    assert summary["games"] == len(episodes(demos))


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path):
    bomb(tmp_path / "bomb.bz2")
    tracemalloc.start()
    with pytest.raises(ttyrec.Unusable, match="too large"):
        ttyrec.check(tmp_path / "bomb.bz2")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23
