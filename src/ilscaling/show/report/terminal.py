"""Replays of terminal games inside the page: the data, packed, for terminal.html.j2 to play."""

import base64
import json
import zlib
from pathlib import Path

from ilscaling.errors import WorkflowError
from ilscaling.files import read_json
from ilscaling.show.titles import title

PARTS = {"rows", "columns", "ground", "palette", "games"}


def player(replays: dict[str, Path]) -> dict | None:
    """What the template needs to play recorded games of some sections.

    A game that several sections share, such as the expert's, is shown once; where sections differ,
    its name says whose it is.

    Parameters
    ----------
    replays
        Section -> file of `figures.replays.write`.

    Returns
    -------
    dict or None
        {"names": [str], "data": base64 of zlib of one file's JSON}; None without a file.

    Raises
    ------
    WorkflowError
        For a file that cannot be read.
    """
    shown_in: dict[str, list[str]] = {}  # a game's content -> where it is shown
    screen = {}
    for section, path in replays.items():
        held = _read(Path(path))
        screen = {name: held[name] for name in PARTS - {"games"}}
        for game in held["games"]:
            shown_in.setdefault(json.dumps(game), []).append(section)
    if not shown_in:
        return None
    games = []
    for content, sections in shown_in.items():
        game = json.loads(content)
        if len(sections) < len(replays):
            setting = title(sections[0]).partition(": ")[2] or title(sections[0])
            game["name"] = f"{setting}, {game['name']}"
        games.append(game)
    # Sorted keys: `screen` came from a set.
    packed = json.dumps({**screen, "games": games}, sort_keys=True, ensure_ascii=False)
    data = base64.b64encode(zlib.compress(packed.encode(), 9)).decode()
    return {"names": [game["name"] for game in games], "data": data}


def _read(path: Path) -> dict:
    try:
        held = read_json(path)
        missing = PARTS - set(held)
    except (OSError, ValueError, TypeError) as error:
        raise WorkflowError(f"cannot read a replay: {error}", where=str(path)) from None
    if missing:
        raise WorkflowError(f"a replay lacks {', '.join(sorted(missing))}", where=str(path))
    return held
