"""The store of finished artefacts, and the view of it that DVC records.

The store is `data/`: jobs write there, under keys, and neither Git nor DVC touches it. It outlives
experiments: in the temporary folder of `dvc exp run --temp` or `--queue`, `data` is a link to the
project's. ILSCALING_STORE names another folder, such as one that several clones share.

What DVC records is `study/`: hard links to exactly what the study names, made at the end of each
stage (`publish`). What a pull brought there is linked into the store when a pipeline starts
(`adopt`). Every file is written under a temporary name and renamed, never changed in place, so that
hard links are safe and take no space of their own. Where there can be none, since `data` leads to
another disk or the file system knows none, the view holds copies: `publish` says so, and refuses
what does not fit.
"""

import os
import shlex
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from ilscaling import plan
from ilscaling.errors import WorkflowError
from ilscaling.pipeline import publication
from ilscaling.pipeline.keys import Keys
from ilscaling.pipeline.manifest import (
    COURSE,
    STAGES,
    STATE,
    Expected,
    expected,
    is_as_recorded,
    is_list,
    is_whole,
)

DATA, VIEW = Path("data"), Path("study")
DAY = 86_400.0


def folder() -> Path:
    """The store of the project that this folder, maybe an experiment's temporary one, is of."""
    if os.environ.get("ILSCALING_STORE"):
        return Path(os.environ["ILSCALING_STORE"]).expanduser().resolve()
    here = Path.cwd()
    for above in here.parents:
        if here.is_relative_to(above / ".dvc/tmp/exps"):
            return above / DATA
    return here / DATA


def open_store() -> None:
    """Make `data` lead to the store, where that is another folder."""
    store = folder()
    if DATA.is_symlink() and not DATA.is_dir():
        raise WorkflowError(
            "the store leads to a folder that is not there",
            where=f"{DATA.absolute()} -> {os.readlink(DATA)}",
            fix=f"mount its disk   or   mkdir -p {shlex.quote(str(DATA.resolve()))}",
        )
    if store == Path.cwd() / DATA or DATA.resolve() == store.resolve():
        return
    if DATA.exists() or DATA.is_symlink():
        raise WorkflowError(
            f"there is a store here already, not that of {store}",
            where=str(DATA.absolute()),
            fix=f"cp -rln data/. {store} && rm -r data   or   unset ILSCALING_STORE",
        )
    store.mkdir(parents=True, exist_ok=True)
    DATA.symlink_to(store)


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, atomically; a copy across file systems.

    Parameters
    ----------
    source
        The file that there is.
    target
        Its further name; a file that is there is replaced.

    Raises
    ------
    FileNotFoundError
        Without a source.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.tmp{target.suffix}")
    try:
        try:
            os.link(source, temporary)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copy2(source, temporary)
        os.replace(temporary, target)
    finally:
        # A rename between two links of one file leaves both names.
        temporary.unlink(missing_ok=True)


def can_link(source: Path, folder: Path) -> bool:
    """Whether a file can have a further name in a folder: not on another disk, nor where the file
    system knows no hard links."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f".{uuid.uuid4().hex[:8]}.tmp"
    try:
        os.link(source, name)
    except OSError:
        return False
    name.unlink()
    return True


def _files(path: Path) -> list[Path]:
    """Files of a keyed folder, relative to it."""
    every = (Path(p) for p in path.rglob("*") if p.is_file())
    names = [p.relative_to(path) for p in every]
    return sorted(name for name in names if not any(part.startswith(".") for part in name.parts))


def in_view(path: Path) -> Path:
    """Where DVC finds an artefact of the store."""
    return VIEW / path.relative_to(DATA)


def adopt(keys: Keys) -> None:
    """Link into the store what a pull or a checkout has brought and the store lacks, and show
    results that came so.

    Nothing is removed and nothing replaced, so any number of pipelines may do so at once.
    """
    open_store()
    for wanted in expected(keys, *STAGES):
        source = in_view(wanted.path)
        if wanted.names is None and not wanted.lists:
            if source.is_file() and not wanted.path.exists() and _is_good(source):
                link(source, wanted.path)
        elif source.is_dir() and not all((wanted.path / name).exists() for name in wanted.lists):
            _adopt(wanted, source)
    published = Path(keys.published_dir)
    for shown in (True, False):
        steps = keys.published_steps(forecast=shown)
        for place in (published, VIEW / "results"):
            publication.adopt(place, steps)
        if not (published / "keys").exists() and publication.is_published(VIEW / "results", steps):
            publication.publish(published, steps)


def _adopt(wanted: Expected, source: Path) -> None:
    """Link all that is whole in a folder of the view: the lists of another study, too, which a
    smaller or larger grid may ask for again when the view no longer shows them."""
    every = frozenset(str(name) for name in _files(source))
    known = {*wanted.lists, *(name for name in every if is_list(Path(name)))} & every
    # Of a run the weights of every record are compared; elsewhere there are none.
    records = (Path(name) for name in every if name.endswith(".json"))
    weights = {path.with_suffix(".safetensors").name for path in records}
    of_runs = any(name.endswith(".safetensors") for name in wanted.names or ())
    compared = frozenset(weights) if of_runs else frozenset()
    lists = [name for name in sorted(known) if is_whole(source, name, compared)]
    if wanted.names is None and not lists:
        return  # parts of a store are of no use
    later = {*COURSE, *known}
    for name in sorted(every - later):
        if not (wanted.path / name).exists() and _is_good(source / name):
            link(source / name, wanted.path / name)
    if not (wanted.path / STATE).exists() and (source / STATE).exists():
        for name in (name for name in COURSE if (source / name).exists()):
            link(source / name, wanted.path / name)
    for name in lists:
        if not (wanted.path / name).exists():
            link(source / name, wanted.path / name)


def _is_good(file: Path) -> bool:
    """Whether a file of the view may be taken over: what is damaged there stays there, so that it
    is made anew, and the view then shows the new one."""
    try:
        return is_as_recorded(file)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def publish(keys: Keys, stage: str) -> None:
    """Make the view of a stage: exactly what the study names.

    Parameters
    ----------
    keys
        Of the study.
    stage
        One of `STAGES`, or 'results'.

    Raises
    ------
    WorkflowError
        If the store lacks something.
    """
    if stage == "results":
        steps = keys.published_steps(forecast=keys.has_forecast)
        if not publication.is_published(VIEW / "results", steps):
            publication.publish(VIEW / "results", steps)
        return
    wanted: dict[Path, list[Expected]] = {}
    for one in expected(keys, stage):
        wanted.setdefault(one.path, []).append(one)
        for name in one.lists or ("",):
            if not (one.path / name).exists():
                raise WorkflowError(
                    "not made yet", where=str(one.path / name), fix=f"snakemake {stage} --cores all"
                )
    pairs = []
    for path, needed in wanted.items():
        if path.is_file():
            pairs.append((path, in_view(path)))
        else:
            names = [n for n in _files(path) if any(one.wants(str(n)) for one in needed)]
            pairs += [(path / name, in_view(path) / name) for name in names]
    _show(pairs, VIEW / stage)
    shown = {target for _, target in pairs}
    stale = [p for p in (VIEW / stage).rglob("*") if not p.is_dir() and p not in shown]
    for path in stale:
        path.unlink()
    # Empty folders of games that left the study would change the stage's hash.
    for path in sorted((p for p in (VIEW / stage).rglob("*") if p.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _show(pairs: list[tuple[Path, Path]], folder: Path) -> None:
    """Make files of the store appear in a folder of the view, by (file, its name there)."""
    linked = not pairs or can_link(pairs[0][0], folder)
    # DVC has made copies of the links before it ran the stage.
    due = [pair for pair in pairs if not _is_shown(*pair, linked)]
    if due and not linked:
        whole = sum(source.stat().st_size for source, _ in due)
        plan.refuse_without_space(
            folder,
            whole,
            what=f"{folder}, which holds copies where there can be no links to {DATA.resolve()},",
            fix="free some space   or   keep the whole project on the disk of its store",
        )
        print(
            f"{folder}: {plan.disk_size(whole)} are copied from {DATA.resolve()}: there can be no"
            " hard links to it from here",
            file=sys.stderr,
        )
    for source, target in due:
        link(source, target)


def _is_shown(source: Path, target: Path, linked: bool) -> bool:
    if not target.exists():
        return False
    if linked:
        return os.path.samefile(source, target)
    one, other = source.stat(), target.stat()
    # Some file systems count in steps of two seconds.
    return one.st_size == other.st_size and abs(one.st_mtime - other.st_mtime) <= 2


def mark_used(keys: Keys) -> None:
    """Note that the study needs its artefacts: `gc` counts from the last time."""
    named = [wanted.path for wanted in expected(keys, *STAGES)]
    named += [Path(path) for path in keys.published_steps(forecast=keys.has_forecast).values()]
    experts = {Path(path) for game in keys.params.games if (path := keys.expert(game))}
    for path in (*named, *(p for p in experts if DATA in p.parents)):
        if path.exists():
            os.utime(path)


def artefacts() -> Iterator[Path]:
    """Keyed folders and files of the store."""
    for stage, depth in (
        *((stage, "*") for stage in ("demonstrations", "experts", "results")),
        *((stage, "*/*") for stage in ("runs", "evaluations")),
    ):
        for path in sorted((DATA / stage).glob(depth)):
            if not path.name.startswith("."):
                yield path


def unused(days: float) -> list[Path]:
    """Artefacts that no study of any clone or experiment has named for some time.

    Parameters
    ----------
    days
        Since they were last named (see `mark_used`).
    """
    before = time.time() - days * DAY
    return [path for path in artefacts() if path.stat().st_mtime < before]


def size(path: Path) -> int:
    """Bytes of a file or of all files below a folder."""
    every = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in every)


def remove(path: Path) -> None:
    """Remove an artefact, a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
