"""What is measured on: the default study's demonstrations and policies, or made-up ones."""

from pathlib import Path

import numpy as np

from ilscaling import params
from ilscaling.domains.nethack.ingest import ingest
from ilscaling.domains.nethack.recording import record_games
from ilscaling.domains.nethack.section import Games
from ilscaling.store import Split, create, open_split

ROOT = Path(__file__).resolve().parents[2]
MADE_UP = "made-up demonstrations: the study's own are not there"


class Study:
    """The default study and what it has made below `data`."""

    def __init__(self, data: Path, work: Path):
        """work: folder for what has to be made up."""
        self.data, self.work = data, work
        self.params = params.read(ROOT / "params.yaml")
        self.notes: dict[str, str] = {}
        self._stores: dict[str, Path] = {}

    def store(self, game: str) -> Path:
        """The demonstrations of a game."""
        if game not in self._stores:
            made = sorted(self.data.glob(f"demonstrations/{game}-*/done.json"))
            if made:
                newest = max(made, key=lambda path: path.stat().st_mtime)
                self._stores[game] = newest.with_name("demos.zarr")
                self.notes[game] = ""
            else:
                make = {"breakout": atari, "nethack": nethack}[game]
                self._stores[game] = make(self.work / game)
                self.notes[game] = MADE_UP
        return self._stores[game]

    def split(self, game: str, name: str = "train") -> Split:
        return open_split(self.store(game), name)

    def snapshots(self, game: str, size: int) -> list[Path]:
        """Weights of the cells of the newest run of a size, or none."""
        family = self.params.games[game].grid.family
        runs = self.data.glob(f"runs/{game}/{family}-{size}-s0-*")
        newest = max(runs, key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            return []
        return sorted(p for p in newest.glob("*.safetensors") if p.name != "state.safetensors")


def atari(folder: Path, steps: int = 40_000) -> Path:
    """A store of `steps` steps to train on, of still screens with a moving spot, which compress
    about as those of a game do."""
    rng = np.random.default_rng(0)
    length = 1_000
    fields = {
        "screen": ((84, 84), np.dtype(np.uint8)),
        "action": ((), np.dtype(np.uint8)),
        "reward": ((), np.dtype(np.float32)),
    }
    attributes = {"game": "breakout", "domain": "atari", "actions": list("abcd")}
    still = (rng.integers(0, 256, (84, 84)) * (rng.random((84, 84)) < 0.3)).astype(np.uint8)

    def episode(number: int, start: int, stop: int) -> dict[str, np.ndarray]:
        drawn = np.random.default_rng([number, 1])
        screen = np.repeat(still[None], length, 0)
        at = np.arange(length)
        screen[at, at % 84, drawn.integers(0, 84, length)] = 200
        fields = {
            "screen": screen,
            "action": drawn.integers(0, 4, length).astype(np.uint8),
            "reward": np.zeros(length, np.float32),
        }
        return {name: values[start:stop] for name, values in fields.items()}

    path, train = folder / "demos.zarr", max(1, steps // length)
    count = train + 8
    table = {
        "seed": np.arange(count),
        "steps": np.full(count, length),
        "return": np.zeros(count),
        "truncated": np.zeros(count, bool),
    }
    splits = np.split(np.arange(count), [train, train + 4])
    with create(path, fields, attributes, chunk_steps=64, shard_steps=32_768) as writer:
        writer.fill(dict(zip(("train", "dev", "test"), splits, strict=True)), table, episode)
    return path


def nethack(folder: Path, steps: int = 60_000) -> Path:
    """A store of the bot's games, about `steps` steps."""
    section = params.read(ROOT / "params.yaml").games["nethack"]
    games = folder / "games"
    record_games(section.emulator, seeds=range(10**6), steps=steps, out=games / "bot")
    wanted = Games(train_steps=steps // 2, dev_steps=steps // 10, test_steps=steps // 20)
    ingest(games, folder / "demos.zarr", settings=wanted)
    return folder / "demos.zarr"
