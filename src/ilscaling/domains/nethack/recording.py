"""The built-in bot plays NetHack, and NetHack itself records it: a folder in the layout of NLD.

The folder holds for every game `nle.<seed>.ttyrec3.bz2`, its line in `nle.xlogfile`, what the
player carried in `nle.<seed>.inventory.safetensors` and, where it says the distribution that it
draws its keys from, that in `nle.<seed>.expert_probs.safetensors`; `games.json` says what the
recordings do not: how many of the keys are the player's, and whether a limit of ours has cut the
game.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
from safetensors.numpy import save_file

from ilscaling.domains.nethack.game import SCREEN, Game, check_role
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import GameError, StoreError
from ilscaling.files import atomic, write_json
from ilscaling.progress import tqdm
from ilscaling.store.split import EXPERT_PROBS

FORMAT = "ilscaling-games-1"
RECORD = "games.json"
LOG = "nle.xlogfile"
INVENTORY = ".inventory.safetensors"
PROBS = ".expert_probs.safetensors"
RECORDING = ".ttyrec3.bz2"


class Player(Protocol):
    """Plays one game.

    One that draws its keys from a distribution shows it, after `act`, as `probabilities`
    (actions,); the built-in bot says its key alone.
    """

    def act(self, game: Game) -> int:
        """Code of the key to press, chosen from `game.observation`."""
        ...


def bot() -> tuple[Callable[[int], Player], tuple[str, ...]]:
    """The built-in bot, by seed, and the observations that it looks at."""
    from ilscaling.domains.nethack.bot import FIELDS, Bot

    return Bot, FIELDS


def record_games(
    emulator: NetHackEmulator,
    *,
    seeds: Iterable[int],
    steps: int,
    out: str | Path,
    player: Callable[[int], Player] | None = None,
    fields: tuple[str, ...] = SCREEN,
    name: str = "bot",
) -> list[dict]:
    """Play games until they have `steps` steps and put the folder `out` in its place.

    One game after the other in the order of `seeds`: the shortest run of them, from the first
    on, that has `steps` steps. A job that was killed goes on after its last whole game.

    The recordings carry the time of day, as NetHack writes it; what is ingested of them does not.

    Parameters
    ----------
    emulator
        How the games are run.
    seeds
        One a game.
    steps
        How many are wanted, at least.
    out
        The folder.
    player
        Makes a player for a seed; None: the built-in bot.
    fields
        NLE's observations that the player looks at.
    name
        Of who plays, for the records.

    Returns
    -------
    list of dict
        The games' records.

    Raises
    ------
    GameError
        For an unknown role or when the seeds run out.
    StoreError
        If something else is at `out`, or an unfinished recording with other settings beside it.
    """
    check_role(emulator.role)
    out = Path(out)
    if out.exists() and not (out.is_dir() and ((out / RECORD).exists() or not any(out.iterdir()))):
        raise StoreError(
            "something that is no complete folder of recorded games is in the way",
            where=str(out),
            fix=f"look at it, then: rm -r {out}",
        )
    if player is None:
        player, fields = bot()
    made = {
        "format": FORMAT,
        "recorder": name,
        "emulator": emulator.model_dump(),
        "versions": {"nle": version("nle")},
    }
    work = out.with_name(f".{out.name}.work")
    journal = Journal(work, made)
    played = sum(game["steps"] for game in journal.games)
    bar = tqdm(total=steps, initial=min(played, steps), unit="step", unit_scale=True, desc=name)
    with bar:
        for number, seed in enumerate(seeds):
            if played >= steps:
                break
            if number < len(journal.games):
                if journal.games[number]["seed"] != seed:
                    raise journal.foreign()
                continue
            game = play(emulator, player(seed), seed, work, fields, progress=bar.update)
            journal.add(game)
            played += game["steps"]
    if played < steps:
        raise GameError(
            f"the seeds ran out after {played} of {steps} steps",
            where=str(out),
            fix="fewer steps (demonstrations.train_steps), or a lower demonstrations.seed",
        )
    write_json(work / RECORD, {**made, "games": journal.games})
    journal.path.unlink()
    if out.exists():
        shutil.rmtree(out)
    os.rename(work, out)
    return journal.games


def play(
    emulator: NetHackEmulator,
    player: Player,
    seed: int,
    folder: Path,
    fields: tuple[str, ...],
    *,
    progress: Callable[[int], object] = lambda steps: None,
) -> dict:
    """Play and record one game.

    Parameters
    ----------
    emulator
        How it is run.
    player
        Who plays.
    seed
        Of the game.
    folder
        Where its files are written.
    fields
        NLE's observations that the player looks at.
    progress
        Is called with the number of steps that were just played.

    Returns
    -------
    dict
        The game's record.
    """
    file = f"nle.{seed}{RECORDING}"
    game = Game(emulator, fields=(*fields, "inv_glyphs"), recording=folder / file)
    carried = game.observation["inv_glyphs"]
    changes: list[int] = []
    inventories: list[np.ndarray] = []
    said: list[np.ndarray] = []
    seen = b""
    try:
        game.start(seed)
        while not game.over:
            now = carried.tobytes()
            if now != seen:
                seen = now
                changes.append(game.steps)
                inventories.append(carried.copy())
            key = player.act(game)
            if (probabilities := getattr(player, "probabilities", None)) is not None:
                said.append(probabilities.astype(np.float16))
            game.press(key)
            if game.steps % 256 == 0:
                progress(256)
        progress(game.steps % 256)
    finally:
        game.close()
    with atomic(folder / f"nle.{seed}{INVENTORY}") as temporary:
        # The inventory before key `step`, and until the next of them.
        content = {"step": np.array(changes, np.int32), "inv_glyphs": np.stack(inventories)}
        save_file(content, temporary)
    if said:
        with atomic(folder / f"nle.{seed}{PROBS}") as temporary:
            save_file({EXPERT_PROBS: np.stack(said)}, temporary)
    return {
        "file": file,
        "seed": int(seed),
        "opening": game.opening,
        "steps": game.steps,
        "truncated": game.truncated,
        "score": game.score,
        "depth": game.deepest,
        "turns": game.turn,
    }


class Journal:
    """The games that are complete, one line each; what else is in the folder is removed."""

    def __init__(self, folder: Path, made: dict):
        self.folder, self.path = folder, folder / "journal.jsonl"
        self.games: list[dict] = []
        folder.mkdir(parents=True, exist_ok=True)
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1] if self.path.exists() else []
        if lines:
            try:
                first, *self.games = map(json.loads, lines)
            except ValueError:
                raise self.foreign() from None
            if first != made:
                raise self.foreign()
        else:
            self._write(made)
        whole = {game["file"] for game in self.games}
        beside = {f.replace(RECORDING, kind) for f in whole for kind in (INVENTORY, PROBS)}
        kept = {*whole, *beside, LOG, self.path.name}
        for file in folder.iterdir():
            if file.name not in kept:
                file.unlink()
        # A game that was not entered has perhaps left its line: it will be played again.
        if (folder / LOG).exists():
            # Not splitlines: in a name, a byte of a letter may look like a new line.
            entries = (folder / LOG).read_bytes().decode("latin-1").split("\n")
            own = [f"{e}\n" for e in entries if e.rsplit("ttyrecname=", 1)[-1].strip() in whole]
            with atomic(folder / LOG) as temporary:
                temporary.write_bytes("".join(own).encode("latin-1"))

    def add(self, game: dict) -> None:
        beside = [game["file"].replace(RECORDING, kind) for kind in (INVENTORY, PROBS)]
        for path in (self.folder / name for name in (game["file"], *beside, LOG)):
            if path.name.endswith(PROBS) and not path.exists():
                continue
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        self._write(game)
        self.games.append(game)

    def _write(self, entry: dict) -> None:
        # A line that a kill has cut is overwritten: only whole lines count.
        whole = 0
        if self.path.exists():
            whole = self.path.read_bytes().rfind(b"\n") + 1
        with open(self.path, "r+b" if whole else "wb") as file:
            file.truncate(whole)
            file.seek(whole)
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def foreign(self) -> StoreError:
        return StoreError(
            "an unfinished recording with other settings is in the way",
            where=str(self.folder),
            fix=f"rm -r {self.folder}",
        )
