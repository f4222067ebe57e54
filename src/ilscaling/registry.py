"""What varies in a study: entries by kind and name, built in or brought along by a study.

An entry is a module constant, such as `FAMILY = Family(...)`, in a module of ours or in a Python
file, or a folder with an `__init__.py`, that the parameters list under `extensions`. All are read
and checked in the same way. A built-in module is imported when its entry is first asked for, so a
study of one domain needs neither the packages nor the keys of another. docs/extending.md shows a
file of each kind.
"""

import difflib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ilscaling.errors import ExtensionError
from ilscaling.files import digest, sha256

NAME = re.compile(r"[a-z][a-z0-9_]*")
REMEDY = "docs/extending.md shows a file that works"

# kind -> (module, class) of its entries, which are instances of the class.
KINDS = {
    "DOMAIN": ("ilscaling.domains.domain", "Domain"),
    "GAME": ("ilscaling.domains.gymnasium.entries", "Game"),
    "EXPERT": ("ilscaling.domains.expert", "Expert"),
    "FAMILY": ("ilscaling.policies.family", "Family"),
    "ALGORITHM": ("ilscaling.learning.algorithm", "Algorithm"),
    "SCHEDULE": ("ilscaling.schedules.schedule", "Schedule"),
    "FORM": ("ilscaling.laws.forms.form", "Form"),
    "RELATION": ("ilscaling.laws.relations.relation", "Relation"),
}
# kind -> name -> the module whose constant it is.
BUILT_IN = {
    "DOMAIN": {
        "atari": "ilscaling.domains.atari.entry",
        "nethack": "ilscaling.domains.nethack.entry",
        "gymnasium": "ilscaling.domains.gymnasium.entry",
        "babyai": "ilscaling.domains.babyai.entry",
        "atari_recordings": "ilscaling.domains.recordings.atari",
        "gymnasium_recordings": "ilscaling.domains.recordings.gymnasium",
    },
    "GAME": {},
    "EXPERT": {},
    "FAMILY": {
        "cnn": "ilscaling.policies.cnn",
        "transformer": "ilscaling.policies.transformer",
        "lstm": "ilscaling.policies.lstm",
        "mission": "ilscaling.policies.mission",
    },
    "ALGORITHM": {
        "cloning": "ilscaling.learning.cloning",
        "soft": "ilscaling.learning.soft",
        "dagger": "ilscaling.learning.dagger",
        "iq": "ilscaling.learning.iq",
        "ppo": "ilscaling.learning.ppo",
        "adversarial": "ilscaling.learning.adversarial",
    },
    "SCHEDULE": {
        "constant": "ilscaling.schedules.constant",
        "cosine": "ilscaling.schedules.cosine",
        "wsd": "ilscaling.schedules.wsd",
    },
    "FORM": {
        "power": "ilscaling.laws.forms.power",
        "saturating": "ilscaling.laws.forms.saturating",
        "broken": "ilscaling.laws.forms.broken",
    },
    "RELATION": {
        "return_power": "ilscaling.laws.relations.return_power",
        "return_sigmoid": "ilscaling.laws.relations.return_sigmoid",
        "open_return_power": "ilscaling.laws.relations.open_return_power",
        "open_return_sigmoid": "ilscaling.laws.relations.open_return_sigmoid",
        "highest_return_power": "ilscaling.laws.relations.highest_return_power",
        "highest_return_sigmoid": "ilscaling.laws.relations.highest_return_sigmoid",
        "return_on_steps_power": "ilscaling.laws.relations.return_on_steps_power",
        "return_on_steps_sigmoid": "ilscaling.laws.relations.return_on_steps_sigmoid",
        "return_on_labels_power": "ilscaling.laws.relations.return_on_labels_power",
        "unrepeated": "ilscaling.laws.relations.unrepeated",
        "repeated": "ilscaling.laws.relations.repeated",
        "horizon": "ilscaling.laws.relations.horizon",
        "demonstrations": "ilscaling.laws.relations.demonstrations",
        "intrinsic": "ilscaling.laws.relations.intrinsic",
    },
}


@dataclass(frozen=True)
class _Brought:
    """An entry of an extension, and its file or folder as the parameters name it."""

    entry: Any
    file: str


# (kind, name) -> entry of the study that was read last.
_brought: dict[tuple[str, str], _Brought] = {}
# (resolved path, digest) -> entries of that content by kind: a file or folder is run once.
_files: dict[tuple[str, str], dict[str, Any]] = {}


def load(files: Sequence[str]) -> None:
    """Know the entries of these files beside the built-in ones, and of no other study.

    Parameters
    ----------
    files
        Paths of Python files, or of folders with an `__init__.py`, each with at least one constant
        of a kind.

    Raises
    ------
    ExtensionError
        For a file that is missing, fails, or defines nothing or the wrong thing, and for a name
        that two files use or that is built in.
    """
    entries: dict[tuple[str, str], _Brought] = {}
    for file in files:
        for kind, entry in _read(file).items():
            other = entries.get((kind, entry.name))
            if other is not None or entry.name in BUILT_IN[kind]:
                raise ExtensionError(
                    f"the name {entry.name!r} of {kind} is taken: "
                    + (f"{other.file} uses it, too" if other else "it is built in"),
                    where=f"{file}: {kind}",
                    fix="give it another name",
                )
            entries[kind, entry.name] = _Brought(entry, file)
    _brought.clear()
    _brought.update(entries)


def loaded() -> list[str]:
    """The files that were loaded, for a process that starts anew."""
    return list(dict.fromkeys(brought.file for brought in _brought.values()))


def brought(kind: str) -> tuple[str, ...]:
    """Names of a kind that the study brings along."""
    return tuple(name for k, name in _brought if k == kind)


def get(kind: str, name: str, where: str = "params") -> Any:
    """The entry of a kind and name.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    name
        A built-in name, or one of the study that was read last.
    where
        What names it, for the error.

    Raises
    ------
    ExtensionError
        For an unknown name, with the nearest known one.
    """
    if (kind, name) in _brought:
        return _brought[kind, name].entry
    if name in BUILT_IN[kind]:
        return _built_in(kind, name)
    close = difflib.get_close_matches(name, names(kind), n=1, cutoff=0.0)
    raise ExtensionError(
        f"there is no {kind.lower()} {name!r}; known: {', '.join(names(kind)) or 'none'}",
        where=where,
        fix=(f"did you mean {close[0]!r}? Or " if close else "")
        + "add the file that defines it to `extensions` in the parameters (docs/extending.md)",
    )


def names(kind: str) -> tuple[str, ...]:
    """Names of a kind, the built-in ones first."""
    return (*BUILT_IN[kind], *(name for k, name in _brought if k == kind))


def is_built_in(kind: str, name: str) -> bool:
    """Whether the entry is one of ours."""
    return name in BUILT_IN[kind]


def source(kind: str, name: str) -> str:
    """Where the code of an entry begins: a module of ours, or an extension's file or folder as the
    parameters name it. Raises ExtensionError for an unknown name."""
    get(kind, name)
    brought = _brought.get((kind, name))
    return brought.file if brought else BUILT_IN[kind][name]


def files(kind: str, name: str) -> tuple[str, ...]:
    """All code of an entry that an extension brings: its file, or every .py file of its folder."""
    at = source(kind, name)
    if not Path(at).is_dir():
        return (at,)
    return tuple(str(path) for path in sorted(Path(at).rglob("*.py")))


def entry_class(kind: str) -> type:
    """The class of a kind's entries."""
    module, name = KINDS[kind]
    return getattr(importlib.import_module(module), name)


@cache
def _built_in(kind: str, name: str) -> Any:
    module = BUILT_IN[kind][name]
    entry = _checked(importlib.import_module(module), module, (kind,))[kind]
    if entry.name != name:
        raise ExtensionError(f"{kind} is called {entry.name!r}, not {name!r}", where=module)
    return entry


def _read(file: str) -> dict[str, Any]:
    path = Path(file)
    whole = path / "__init__.py" if path.is_dir() else path
    if not whole.is_file():
        raise ExtensionError(
            "the file of an extension is missing",
            where=f"{whole.absolute()} (params: extensions)",
            fix="paths are relative to the project's folder; correct or remove it",
        )
    if whole.suffix != ".py":
        raise ExtensionError(
            "an extension is a Python file or a folder with an __init__.py",
            where=f"{whole.absolute()} (params: extensions)",
            fix=f"give it a name that ends in .py, or correct the parameters; {REMEDY}",
        )
    code = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    content = digest([[str(part.relative_to(path)), sha256(part)] for part in code])
    at = (str(path.resolve()), content)
    if at not in _files:
        module = _run(whole, f"ilscaling_extension_{path.stem}_{content[:8]}", path)
        _files[at] = _checked(module, str(path), tuple(KINDS))
    return _files[at]


def _run(code: Path, name: str, path: Path):
    """The module of a file, or the package of a folder `path`, whose modules it may import by
    `from . import`."""
    folder = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, code, submodule_search_locations=folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        for imported in [one for one in sys.modules if one.split(".")[0] == name]:
            del sys.modules[imported]
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if Path(f.filename).resolve().is_relative_to(path.resolve())]
        at, line = path, None
        if isinstance(error, SyntaxError):
            line = error.lineno
            at = error.filename if path.is_dir() and error.filename else path
        elif own:
            line = own[-1].lineno
            at = own[-1].filename if path.is_dir() else path
        raise ExtensionError(
            f"the extension cannot be loaded: {type(error).__name__}: {_words(str, error)}",
            where=f"{at}, line {line}" if line else str(at),
            fix="an extension imports installed packages, ilscaling and, in a folder, its own "
            "modules by `from . import`"
            if isinstance(error, ImportError)
            else REMEDY,
        ) from error
    return module


def _words(how: Callable[[object], str], thing: object) -> str:
    """What a stranger's object says of itself by `str` or `repr`, if that does not fail, too."""
    try:
        return how(thing)
    except Exception:
        return f"a {type(thing).__name__} that cannot be shown"


def _checked(module, where: str, kinds: Sequence[str]) -> dict[str, Any]:
    """The entries of a module, by kind."""
    entries = {kind: getattr(module, kind) for kind in kinds if hasattr(module, kind)}
    if not entries:
        raise ExtensionError(
            f"the file defines none of {', '.join(kinds)}", where=where, fix=REMEDY
        )
    for kind, entry in entries.items():
        wanted, place = entry_class(kind), f"{where}: {kind}"
        if not isinstance(entry, wanted):
            raise ExtensionError(
                f"{kind} is no {wanted.__module__}.{wanted.__name__} but {_words(repr, entry):.80}",
                where=place,
                fix=REMEDY,
            )
        if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
            raise ExtensionError(
                f"{_words(repr, entry.name)} is no name",
                where=place,
                fix="small letters, digits and underscores, a letter first",
            )
        for attribute in getattr(wanted, "CALLED", ()):
            if not callable(getattr(entry, attribute)):
                raise ExtensionError(f"{attribute} cannot be called", where=place, fix=REMEDY)
    return entries
