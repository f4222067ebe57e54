"""What is finished stays finished: a store beside DVC's outputs, addressed by the same keys.

DVC removes what it does not know of: `dvc exp run` first checks its own outputs out, and a failed
temporary experiment is deleted with all that it made. Whatever the pipeline finishes is therefore
also linked into `.ilscaling/kept` of the project, which the temporary folders of experiments share,
and what a study names and lacks is linked back from there when a pipeline starts. Every file is
written under a temporary name and renamed, never changed in place, so that hard links are safe and
take no space of their own.

    python -m ilscaling.pipeline.artifact_store           what it holds, and what this study needs
    python -m ilscaling.pipeline.artifact_store --prune   remove what params.yaml does not name
    python -m ilscaling.pipeline.artifact_store --prune --all

ILSCALING_KEPT names another folder, such as one that several clones share.
"""

import argparse
import atexit
import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

from ilscaling import params
from ilscaling.pipeline import manifest
from ilscaling.pipeline.keys import Keys
from ilscaling.pipeline.manifest import COURSE, DONE, LISTS, STAGES, STATE, Named

DATA = Path("data")
EVERY = 1.0  # seconds between two looks at what running jobs have finished


def folder() -> Path:
    """The store of the project that this folder, maybe an experiment's temporary one, is of."""
    if os.environ.get("ILSCALING_KEPT"):
        return Path(os.environ["ILSCALING_KEPT"]).expanduser()
    here = Path.cwd()
    for above in here.parents:
        if here.is_relative_to(above / ".dvc/tmp/exps"):
            return above / ".ilscaling/kept"
    return here / ".ilscaling/kept"


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, atomically; a copy across file systems."""
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


def _files(path: Path) -> list[Path]:
    """Files of a keyed folder, relative to it, that which tells that it is complete the last."""
    found = [Path(p) for p in path.rglob("*") if not p.name.startswith(".") and p.is_file()]
    names = [p.relative_to(path) for p in found]
    last = [name for name in names if _is_last(name.name)]
    course = [Path(name) for name in COURSE if Path(name) in names]
    return sorted(set(names) - {*last, *course}) + course + sorted(last)


def _is_last(name: str) -> bool:
    return name == DONE or name.startswith(LISTS)


def update_of(state: Path) -> int:
    """The update at which a run's state was saved; -1 if there is none that can be read."""
    try:
        with open(state, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return int(header["__metadata__"]["update"])
    except (OSError, ValueError, LookupError, OverflowError, MemoryError):
        return -1


def take(source: Path, target: Path, *, own: bool = False) -> None:
    """Link all files of a keyed folder or file that `target` lacks. A run's state, and the curve
    on the way to it, replaces an earlier one.

    own: `source` is the project's, where it stays; a copy that DVC has made of a linked file (it
    does before it runs a stage) becomes a link again.
    """
    if source.is_file():
        if not target.exists() or (own and not os.path.samefile(source, target)):
            link(source, target)
        return
    further = update_of(source / STATE) > update_of(target / STATE)
    for name in _files(source):
        if not (target / name).exists():
            link(source / name, target / name)
        elif name.name in COURSE:
            if further:
                link(source / name, target / name)
        elif own and not os.path.samefile(source / name, target / name):
            link(source / name, target / name)


def keyed(root: Path, *stages: str) -> Iterator[Path]:
    """Keyed folders and files of the stages, and trained experts, that a root such as data/
    holds; of demonstrations only the complete ones, whose parts are of no use."""
    for stage in stages or (*STAGES, "experts"):
        depth = "*/*" if stage in ("runs", "evaluations") else "*"
        for path in sorted((root / stage).glob(depth)):
            if path.name.startswith(".") or (stage == "experts" and path.is_dir()):
                continue
            if stage == "demonstrations" and not (path / DONE).is_file():
                continue
            yield path


class Keeper:
    """Links what the pipeline finishes into the store, from a daemon thread."""

    def __init__(self) -> None:
        self.root = folder()
        self.own = Path.cwd() in self.root.parents
        self._seen: dict[Path, int] = {}
        self._stop = threading.Event()

    def keep(self) -> None:
        """Link what is new since the last time."""
        for path in keyed(DATA):
            try:
                changed = path.stat().st_mtime_ns
                if self._seen.get(path) != changed:
                    take(path, self.root / path.relative_to(DATA), own=self.own)
                    self._seen[path] = changed
            except FileNotFoundError:
                continue  # replaced or pruned meanwhile: the next look finds what there is

    def start(self) -> None:
        """Keep what is there, then look again and again until `stop` or the end of the process."""
        self.keep()
        atexit.register(self.stop)
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """Keep what the last jobs finished."""
        if not self._stop.is_set():
            self._stop.set()
            self.keep()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            self.keep()


def restore(keys: Keys, *, mend: bool = True) -> int:
    """Link back what the study names and `data/` lacks; returns how many keyed folders and files
    the store made complete. mend: also look into what calls itself finished, and take back its
    word if it is not whole and the store can't make it so."""
    root, made = folder(), 0
    for name in {keys.expert(game): 0 for game in keys.params.games if _trains(keys, game)}:
        for path in (Path(name), Path(name).with_suffix(".json")):
            if not path.exists() and (root / path.relative_to(DATA)).exists():
                link(root / path.relative_to(DATA), path)
    for wanted in manifest.named(keys, *STAGES):
        if manifest.whole(wanted) if mend else wanted.finished.exists():
            continue
        kept = root / wanted.path.relative_to(DATA)
        if wanted.last and not kept.is_dir():
            kept = None
        if kept is not None and kept.exists():
            _bring(wanted, kept)
            if manifest.whole(wanted):
                made += 1
                continue
        if wanted.last and mend:
            wanted.finished.unlink(missing_ok=True)
    return made


def _trains(keys: Keys, game: str) -> bool:
    section = keys.params.games[game]
    return section.domain == "atari" and section.expert.file is None


def _bring(wanted: Named, kept: Path) -> None:
    """Link what `wanted` lacks from its folder in the store."""
    if not wanted.last:
        link(kept, wanted.path)
        return
    for name in _files(kept):
        if name.name in COURSE or not wanted.wants(name.name):
            continue
        target = wanted.path / name
        # A file of demonstrations may be cut short; cells are checked when they are read.
        if not target.exists() or (
            wanted.last == DONE and not os.path.samefile(kept / name, target)
        ):
            link(kept / name, target)
    if (kept / STATE).is_file() and _goes_on_from(wanted, kept / STATE):
        for name in COURSE:
            if (kept / name).is_file():
                link(kept / name, wanted.path / name)


def _goes_on_from(wanted: Named, kept: Path) -> bool:
    """Whether training gets further from the kept state than from the folder's own: it goes on
    from a state only if no missing cell lies before it."""
    missing = [u for name, u in wanted.cells.items() if not (wanted.path / name).exists()]
    first = min(missing, default=None)
    mine, theirs = update_of(wanted.path / STATE), update_of(kept)
    if first is None or mine < 0:
        return mine < 0
    return theirs <= first and not theirs <= mine <= first


def put_away(path: Path) -> None:
    """Move a keyed folder or file, or a file of one, from `data/` into the store."""
    take(path, folder() / path.relative_to(DATA))
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def size(path: Path) -> int:
    """Bytes of a file or of all files below a folder."""
    found = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--prune", action="store_true", help="remove what the study does not name")
    parser.add_argument("--all", action="store_true", help="with --prune: everything")
    arguments = parser.parse_args()
    root, keys = folder(), Keys(params.read(arguments.params))
    named = {root / found.path.relative_to(DATA) for found in manifest.named(keys, *STAGES)}
    for game in keys.params.games:
        expert = root / Path(keys.expert(game)).relative_to(DATA) if _trains(keys, game) else root
        named |= {expert, expert.with_suffix(".json")}
    print(f"{root}")
    for stage in (*STAGES, "experts"):
        found = list(keyed(root, stage))
        needed = [path for path in found if path in named and not arguments.all]
        other = [path for path in found if path not in needed]
        print(
            f"  {stage:15s} {len(needed):6d} of this study {sum(map(size, needed)) / 1e6:10.1f} MB"
            f" {len(other):6d} others {sum(map(size, other)) / 1e6:10.1f} MB"
            f"{' removed' if arguments.prune and other else ''}"
        )
        if arguments.prune:
            for path in other:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
