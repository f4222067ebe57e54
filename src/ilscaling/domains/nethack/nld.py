"""Recording games of NetHack in the layout of NLD: DIR/<any name>/*.xlogfile and *.ttyrec3.bz2.

So NLE itself writes them, NLD-AA comes as it, and 'ilscaling record' makes it. Listing them opens
no recording; a game that is left out is listed with the reason.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from ilscaling.domains.nethack import recording
from ilscaling.domains.nethack.section import Recordings
from ilscaling.errors import DamagedFile, StoreError
from ilscaling.files import read_bytes, read_json

NETHACK = "3.6."
# Ends that are no end of play: the way out of the dungeon without the Amulet, NetHack's own errors.
ABORTED = ("escaped", "panic", "trickery")
_NAME = re.compile(r"(.+)\.ttyrec(\d*)\.bz2")
LAYOUT = "DIR/<any name>/*.xlogfile beside the *.ttyrec3.bz2 that it names"


OTHER = "another version of NetHack"
MAX_LOG = 2**30  # bytes of an xlogfile; that of all of NLD-NAO has 0.5e9


class LogLine(BaseModel):
    """What is read of a game's line in an xlogfile."""

    version: str
    points: int = Field(ge=-(2**31), lt=2**31)
    turns: int = Field(ge=0, lt=2**31)
    maxlvl: int = Field(ge=-100, le=100)
    death: str
    role: str
    ttyrecname: str = Field(min_length=1)


class GameRecord(BaseModel):
    """What is read of our own record of a game."""

    file: str
    seed: int = Field(ge=0, lt=2**63)
    opening: int = Field(ge=0)
    steps: int = Field(ge=0)
    truncated: bool


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
    roles: Counter = field(default_factory=Counter)  # roles, of all lines of the xlogfiles

    def leave(self, name: str, reason: str, detail: str = "") -> None:
        self.left_out.append(left(name, reason, detail))


def left(name: str, reason: str, detail: str = "") -> dict:
    """The report's entry on a game that is left out.

    Parameters
    ----------
    name
        Folder and file of the game.
    reason
        A category, by which games are counted.
    detail
        What more there is to say; empty: nothing.
    """
    return {"game": name, "reason": reason, **({"detail": detail} if detail else {})}


def listing(directories: Iterable[str | Path], taken: Recordings | None) -> Listing:
    """List the games below some folders.

    Parameters
    ----------
    directories
        Folders in the layout of NLD.
    taken
        Which games are wanted; None: all.

    Raises
    ------
    StoreError
        For a folder without recordings, one level off, or of another version of NetHack or of
        ttyrec.
    """
    listed = Listing()
    roots = [Path(directory).expanduser() for directory in directories]
    if len({root.resolve() for root in roots}) < len(roots):
        raise StoreError("a folder of recordings is given twice", where=str(roots))
    for root in roots:
        for folder in _folders(root):
            _list(folder, taken, listed)
    if taken is not None and taken.max_games is not None:
        for game in listed.games[taken.max_games :]:
            listed.leave(game.name, "above max_games")
        del listed.games[taken.max_games :]
    return listed


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


def _list(folder: Path, taken: Recordings | None, listed: Listing) -> None:
    files = _recordings(folder, listed)
    records = _records(folder, listed)
    named: set[str] = set()
    games: dict[str, RecordedGame] = {}
    for place, entry, problem in _lines(folder, listed):
        name = entry.get("ttyrecname", "")
        shown = f"{folder.name}/{name or place}"
        if problem:
            listed.leave(shown, *problem)
            named.add(name)
            continue
        listed.roles[entry["role"]] += 1
        if name in named:
            listed.leave(shown, "two lines in the xlogfile")
            games.pop(name, None)
            continue
        named.add(name)
        game = RecordedGame(folder / name, shown, entry, records.get(name))
        reason, detail = _unwanted(game, taken)
        if name not in files:
            reason, detail = "missing file", ""
        if reason:
            listed.leave(shown, reason, detail)
        else:
            games[name] = game
    for name in files:
        if name in games:
            listed.games.append(games[name])
        elif name not in named:
            listed.leave(f"{folder.name}/{name}", "no line in the xlogfile")


def _recordings(folder: Path, listed: Listing) -> dict[str, Path]:
    """The recordings in a folder by name; raises StoreError if all are of another version."""
    files, others = {}, []
    for path in sorted(folder.glob("*.ttyrec*.bz2"), key=lambda path: _natural(path.name)):
        match = _NAME.fullmatch(path.name)
        if match is None or match[2] != "3":
            version = f"ttyrec version {match[2] or '1' if match else 'unknown'}"
            others.append((path, version))
        else:
            files[path.name] = path
    if others and not files:
        path, version = others[0]
        raise StoreError(
            f"{version}: only version 3, which NLE 1.0 and later writes, has both keys and scores",
            where=str(path),
            fix="leave such folders out of the directory",
        )
    for path, version in others:
        listed.leave(f"{folder.name}/{path.name}", "another version of ttyrec", version)
    return files


# File and number of a line of an xlogfile, its entries by name, and why it cannot be taken: reason
# and detail, empty if it can.
Line = tuple[str, dict[str, str], tuple[str, ...]]


def _lines(folder: Path, listed: Listing) -> list[Line]:
    """Lines of the xlogfiles in a folder; raises StoreError if all are of another NetHack."""
    lines: list[Line] = []
    for log in sorted(folder.glob("*xlogfile")):
        try:
            content = read_bytes(log, MAX_LOG)
        except (DamagedFile, OSError) as error:
            detail = error.what if isinstance(error, DamagedFile) else error.strerror
            listed.leave(f"{folder.name}/{log.name}", "an xlogfile that cannot be read", detail)
            continue
        # Not splitlines: in a name, the second byte of a letter of UTF-8 may look like a new line.
        for number, line in enumerate(content.split(b"\n"), 1):
            text = line.decode("latin-1").strip("\r \0")
            if not text or text.startswith("#"):
                continue
            entry = dict(part.split("=", 1) for part in text.split("\t") if "=" in part)
            lines.append((f"{log.name}, line {number}", entry, _problem(entry, number)))
    if lines and all(problem[:1] == (OTHER,) for _, _, problem in lines):
        place, entry, _ = lines[0]
        raise StoreError(
            f"NetHack {entry['version']} was played; only {NETHACK}x is NLE's",
            where=f"{folder}/{place}",
        )
    return lines


def _problem(entry: dict[str, str], number: int) -> tuple[str, ...]:
    """Why a line of an xlogfile cannot be taken: reason and detail; empty if it can."""
    if "version" in entry and not entry["version"].startswith(NETHACK):
        return OTHER, entry["version"]
    try:
        LogLine.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        return "damaged line in the xlogfile", f"line {number}, {first['loc'][0]}: {first['msg']}"
    return ()


def _unwanted(game: RecordedGame, taken: Recordings | None) -> tuple[str, str]:
    """Why a game is left out by its line of the xlogfile: (reason, detail), empty if it is not."""
    log = game.log
    if taken is not None:
        for wanted, key in ((taken.roles, "role"), (taken.races, "race")):
            if wanted is not None and log.get(key) not in wanted:
                return f"filtered by {key}", log.get(key, "")
        if taken.min_points is not None and int(log["points"]) < taken.min_points:
            return "filtered by points", log["points"]
    if log["death"].startswith(ABORTED):
        return "aborted game", log["death"]
    return "", ""


def _records(folder: Path, listed: Listing) -> dict[str, dict]:
    """Our own records of the games in a folder, by file name; {} for somebody else's."""
    path = folder / recording.RECORD
    if not path.exists():
        return {}
    fix = f"rm -r {shlex.quote(str(folder))}, and record it again: ilscaling record"
    try:
        made = read_json(path)
        if made.get("format") != recording.FORMAT or not {"recorder", "emulator"} <= made.keys():
            raise DamagedFile(f"not a record of games: format is {made.get('format')!r}")
        records = {
            game["file"]: game
            for game in made["games"]
            if GameRecord.model_validate(game, strict=True)
        }
        listed.recorders.append({k: v for k, v in made.items() if k != "games"})
    except DamagedFile as error:
        raise StoreError(error.what, where=str(path), fix=fix) from None
    except (ValidationError, LookupError, TypeError) as error:
        raise StoreError(
            f"not a record of games ({error!r:.200})", where=str(path), fix=fix
        ) from None
    return records


def _natural(name: str) -> list:
    """nle.9 before nle.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
