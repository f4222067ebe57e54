"""Games, experts and policy families that a study brings along, each in a Python file of its own.

`extensions` in the parameters lists the files. A file defines GAME, EXPERT or FAMILY (or several),
instances of the classes below; the parameters then name them. Reading the parameters loads the
files, so every process of a study knows them. docs/extending.md shows one of each.
"""

import difflib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ilscaling.errors import ExtensionError
from ilscaling.files import sha256

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Game:
    """A game as a Gymnasium environment with discrete actions and an array to observe.

    make(**emulator.options) -> gymnasium.Env, whose action space is Discrete and whose observation
    space is a Box of one to three axes. Its chance must come from `self.np_random` alone: an
    episode is a function of the seed of its reset and of the actions. actions: a meaning for each
    action, empty: their numbers; human_return: a mark on the figures; picture: observation ->
    uint8 (height, width) or (height, width, 3), as the report shows it.
    """

    name: str
    make: Callable[..., Any]
    actions: tuple[str, ...] = ()
    human_return: float | None = None
    picture: Callable[[np.ndarray], np.ndarray] | None = None


# (observations (lanes, ...), fresh bool (lanes,): an episode begins) -> weights (lanes, actions),
# not negative, proportional to the probabilities of the actions.
Act = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Expert:
    """Who plays the demonstrations of a game in this file or another.

    player(file) -> Act, with the path of `expert.file` or None. What it answers for a lane must
    depend on that lane's episode alone.
    """

    name: str
    player: Callable[[Path | None], Act]


@dataclass(frozen=True)
class Family:
    """A policy family with one dial for its size, of policies that see stacks of observations.

    layers(size, frames=, observation=, actions=) -> the layers for the FLOP ledger, without torch:
    `models.shapes.Layer`, or anything with `name`, `params` and `flops(convention)` -> (forward,
    training) a sample. observation: shape of one step. build(size, the same) -> the nn.Module:
    (batch, frames, *observation) in the game's type -> logits (batch, actions). Parameters and
    FLOPs are checked against PyTorch's own count when a run starts. smallest: size that a forecast
    may go down to.
    """

    name: str
    layers: Callable[..., tuple]
    build: Callable[..., Any]
    smallest: int = 1


KINDS: dict[str, type] = {"GAME": Game, "EXPERT": Expert, "FAMILY": Family}
# Names that are taken: of our own families, and of the domain that has a path of its own in data/.
BUILT_IN = {"FAMILY": ("cnn", "transformer", "lstm"), "GAME": ("nethack",), "EXPERT": ()}
REMEDY = "docs/extending.md shows a file that works"


@dataclass(frozen=True)
class _Known:
    """What stands under a name, and in which file."""

    what: Game | Expert | Family
    file: str


# (kind, name) -> what the study that was read last means by it.
_known: dict[tuple[str, str], _Known] = {}
# (resolved path, digest) -> what that content defines: a file is run once.
_files: dict[tuple[str, str], dict[str, Game | Expert | Family]] = {}


def load(files: Sequence[str]) -> None:
    """Make known what the files define, beside what is known.

    Raises ExtensionError for a file that is missing, fails, or defines nothing or the wrong thing,
    and for a name that two files use or that is built in.
    """
    found: dict[tuple[str, str], _Known] = {}
    for file in files:
        for kind, what in _read(file).items():
            other = found.get((kind, what.name))
            if other is not None or what.name in BUILT_IN[kind]:
                raise ExtensionError(
                    f"the name {what.name!r} of {kind} is taken: "
                    + (f"{other.file} uses it, too" if other else "it is built in"),
                    where=f"{file}: {kind}",
                    fix="give it another name",
                )
            found[kind, what.name] = _Known(what, file)
    _known.update(found)


def _read(file: str) -> dict[str, Game | Expert | Family]:
    path = Path(file)
    if not path.is_file():
        raise ExtensionError(
            "the file of an extension is missing",
            where=f"{path.absolute()} (params: extensions)",
            fix="paths are relative to the project's folder; correct or remove it",
        )
    at = (str(path.resolve()), sha256(path))
    if at not in _files:
        _files[at] = _checked(path, _run(path, f"ilscaling_extension_{path.stem}_{at[1][:8]}"))
    return _files[at]


def _run(path: Path, name: str):
    """The module of a file."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename).name == path.name]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        raise ExtensionError(
            f"the extension cannot be loaded: {type(error).__name__}: {error}",
            where=f"{path}, line {line}" if line else str(path),
            fix="an extension is one file, which imports installed packages and ilscaling alone"
            if isinstance(error, ImportError)
            else REMEDY,
        ) from error
    return module


def _checked(path: Path, module) -> dict[str, Game | Expert | Family]:
    """What a module defines, by kind."""
    found = {kind: getattr(module, kind) for kind in KINDS if hasattr(module, kind)}
    if not found:
        raise ExtensionError(
            f"the file defines none of {', '.join(KINDS)}", where=str(path), fix=REMEDY
        )
    for kind, what in found.items():
        wanted, where = KINDS[kind], f"{path}: {kind}"
        if not isinstance(what, wanted):
            raise ExtensionError(
                f"{kind} is no ilscaling.extensions.{wanted.__name__} but {what!r:.80}",
                where=where,
                fix=REMEDY,
            )
        if not isinstance(what.name, str) or not NAME.fullmatch(what.name):
            raise ExtensionError(
                f"{what.name!r} is no name",
                where=where,
                fix="small letters, digits and underscores, a letter first",
            )
        for part in ("make", "player", "layers", "build"):
            if not callable(getattr(what, part, len)):
                raise ExtensionError(f"{part} cannot be called", where=where, fix=REMEDY)
    return found


def names(kind: str) -> tuple[str, ...]:
    """Names of that kind, the built-in ones first."""
    return (*BUILT_IN[kind], *(name for k, name in _known if k == kind))


def knows(kind: str, name: str) -> bool:
    """Whether an extension has that name."""
    return (kind, name) in _known


def find(kind: str, name: str, where: str = "params") -> Any:
    """The game, expert or family of that name; raises ExtensionError for an unknown one."""
    if (kind, name) not in _known:
        mine = [n for k, n in _known if k == kind]
        close = difflib.get_close_matches(name, mine, n=1, cutoff=0.0)
        raise ExtensionError(
            f"no extension has a {kind} {name!r}",
            where=where,
            fix=f"did you mean {close[0]!r}?"
            if close
            else "add its file to `extensions` in the parameters (docs/extending.md)",
        )
    return _known[kind, name].what


def file_of(kind: str, name: str) -> str:
    """The file that defines it, as `extensions` names it."""
    find(kind, name)
    return _known[kind, name].file
