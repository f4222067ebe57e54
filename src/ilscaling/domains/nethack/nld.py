"""Recording games of NetHack in the layout of NLD: DIR/<any name>/*.xlogfile and *.ttyrec3.bz2.

So NLE itself writes them, NLD-AA comes as it, and 'ilscaling record' makes it. Listing them opens
no recording; a game that is left out is listed with the reason.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ilscaling.domains.nethack import recording
from ilscaling.domains.nethack.section import Recordings
from ilscaling.errors import StoreError

NETHACK = "3.6."
# Ends that are no end of play: the way out of the dungeon without the Amulet, NetHack's own errors.
ABORTED = ("escaped", "panic", "trickery")
_NAME = re.compile(r"(.+)\.ttyrec(\d*)\.bz2")
LAYOUT = "DIR/<any name>/*.xlogfile beside the *.ttyrec3.bz2 that it names"


@dataclass(frozen=True)
class RecordedGame:
    """One game: its file, its line of the xlogfile and, if it is ours, its record."""

    path: Path
    name: str  # folder and file, as reports show it
    log: dict[str, str]
    record: dict | None

    @property
    def quit(self) -> bool:
        """Ended by its player or by a limit; what was played until then is worth keeping."""
        return self.log.get("death", "").startswith("quit")

    @property
    def inventory(self) -> Path | None:
        """What the player carried, if it was recorded."""
        return self._beside(recording.INVENTORY)

    @property
    def expert_probs(self) -> Path | None:
        """What the player said of every key, if it was recorded."""
        return self._beside(recording.PROBS)

    def _beside(self, kind: str) -> Path | None:
        path = self.path.with_name(self.path.name.removesuffix(recording.RECORDING) + kind)
        return path if path.is_file() else None


@dataclass
class Listing:
    """Games to read, in the order of their names, and those left out: {"game", "reason"}."""

    games: list[RecordedGame] = field(default_factory=list)
    left_out: list[dict] = field(default_factory=list)
    recorders: list[dict] = field(default_factory=list)  # `games.json` without its games
    found: Counter = field(default_factory=Counter)  # roles, of all lines of the xlogfiles

    def leave(self, name: str, reason: str, detail: str = "") -> None:
        self.left_out.append(left(name, reason, detail))


def left(name: str, reason: str, detail: str = "") -> dict:
    """The report's entry on a game that is left out."""
    return {"game": name, "reason": reason, **({"detail": detail} if detail else {})}


def listing(directories: Iterable[str | Path], taken: Recordings | None) -> Listing:
    """List the games below `directories`; `taken` says which are wanted.

    Raises StoreError for a folder without recordings, one level off, or of another version of
    NetHack or of ttyrec.
    """
    found = Listing()
    roots = [Path(directory).expanduser() for directory in directories]
    if len({root.resolve() for root in roots}) < len(roots):
        raise StoreError("a folder of recordings is given twice", where=str(roots))
    for root in roots:
        for folder in _folders(root):
            _list(folder, taken, found)
    if taken is not None and taken.max_games is not None:
        for game in found.games[taken.max_games :]:
            found.leave(game.name, "above max_games")
        del found.games[taken.max_games :]
    return found


def _folders(root: Path) -> list[Path]:
    """Folders below `root` that hold xlogfiles."""
    if not root.is_dir():
        raise StoreError("there is no such folder of recordings", where=str(root))
    folders = sorted({log.parent for log in root.glob("*/*xlogfile")})
    if folders:
        return folders
    if any(root.glob("*xlogfile")):
        raise StoreError(
            f"one level off: the recordings are in this folder itself, not in {LAYOUT}",
            where=str(root),
            fix=str(root.resolve().parent),
        )
    deeper = next(iter(sorted(root.glob("*/*/*xlogfile"))), None)
    if deeper is not None:
        raise StoreError(
            f"one level off: the recordings are deeper than {LAYOUT}",
            where=str(root),
            fix=str(deeper.parent.parent),
        )
    if any(root.rglob("*.ttyrec*.bz2")):
        raise StoreError(
            f"there are recordings but no xlogfile: NetHack's log of games is part of {LAYOUT}",
            where=str(root),
        )
    raise StoreError(f"no recordings: {LAYOUT} is wanted", where=str(root))


def _list(folder: Path, taken: Recordings | None, found: Listing) -> None:
    files = {}
    for path in sorted(folder.glob("*.ttyrec*.bz2"), key=lambda path: _natural(path.name)):
        match = _NAME.fullmatch(path.name)
        if match is None or match[2] != "3":
            raise StoreError(
                f"ttyrec version {match[2] or '1' if match else 'unknown'}: only version 3, which "
                "NLE 1.0 and later writes, has both keys and scores",
                where=str(path),
                fix="leave such folders out of the directory",
            )
        files[path.name] = path
    records = _records(folder, found)
    named: set[str] = set()
    games: dict[str, RecordedGame] = {}
    for log in sorted(folder.glob("*xlogfile")):
        for number, line in enumerate(log.read_text(encoding="latin-1").splitlines(), 1):
            entry = dict(part.split("=", 1) for part in line.split("\t") if "=" in part)
            name = entry.get("ttyrecname", "")
            shown = f"{folder.name}/{name or f'{log.name}, line {number}'}"
            if not entry.get("version", "").startswith(NETHACK):
                raise StoreError(
                    f"NetHack {entry.get('version', 'of an unknown version')} was played; only "
                    f"{NETHACK}x is NLE's",
                    where=f"{log}, line {number}",
                )
            found.found[entry.get("role", "?")] += 1
            if name in named:
                found.leave(shown, "two lines in the xlogfile")
                games.pop(name, None)
                continue
            named.add(name)
            game = RecordedGame(folder / name, shown, entry, records.get(name))
            reason, detail = _unwanted(game, taken)
            if name not in files:
                reason, detail = "missing file", ""
            if reason:
                found.leave(shown, reason, detail)
            else:
                games[name] = game
    for name in files:
        if name in games:
            found.games.append(games[name])
        elif name not in named:
            found.leave(f"{folder.name}/{name}", "no line in the xlogfile")


def _unwanted(game: RecordedGame, taken: Recordings | None) -> tuple[str, str]:
    """Why a game is left out by its line of the xlogfile: (reason, detail), empty if it is not."""
    log = game.log
    if taken is not None:
        for wanted, key in ((taken.roles, "role"), (taken.races, "race")):
            if wanted is not None and log.get(key) not in wanted:
                return f"filtered by {key}", log.get(key, "")
        if taken.min_points is not None and int(log.get("points", 0)) < taken.min_points:
            return "filtered by points", log.get("points", "")
    if log.get("death", "").startswith(ABORTED):
        return "aborted game", log["death"]
    return "", ""


def _records(folder: Path, found: Listing) -> dict[str, dict]:
    """Our own records of the games in a folder, by file name; {} for somebody else's."""
    path = folder / recording.RECORD
    if not path.is_file():
        return {}
    try:
        made = json.loads(path.read_text())
        found.recorders.append({k: v for k, v in made.items() if k != "games"})
        records = {game["file"]: game for game in made["games"]}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"not a record of games ({error!r})", where=str(path)) from None
    if made.get("format") != recording.FORMAT:
        raise StoreError(f"format is {made.get('format')!r}", where=str(path))
    return records


def _natural(name: str) -> list:
    """nle.9 before nle.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
