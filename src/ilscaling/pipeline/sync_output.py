"""Remove what a stage made and the study no longer names.

    python -m ilscaling.pipeline.sync_output STAGE [--params params.yaml] [-n]

Run at the end of each DVC stage: the stage's output is then a function of the parameters, whatever
was tried before. Touches nothing outside the stage's own folder; what leaves it stays in the store
of `artifact_store.py` until that is pruned.
"""

import argparse
from pathlib import Path

from ilscaling import params
from ilscaling.pipeline import artifact_store, manifest
from ilscaling.pipeline.keys import Keys


def stale(keys: Keys, stage: str, root: Path = Path()) -> list[Path]:
    """Folders and files of a stage that the study does not name: keys, and cells of budgets."""
    named: dict[Path, list[manifest.Named]] = {}
    for one in manifest.named(keys, stage, root=root):
        named.setdefault(one.path, []).append(one)
    depth = "*" if stage == "demonstrations" else "*/*"
    found = []
    for path in sorted((root / "data" / stage).glob(depth)):
        if path not in named:
            found.append(path)
        elif path.is_dir():
            found += [
                inside
                for inside in sorted(path.iterdir())
                if not any(one.wants(inside.name) for one in named[path])
            ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=manifest.STAGES)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("-n", "--dry-run", action="store_true")
    arguments = parser.parse_args()
    for path in stale(Keys(params.read(arguments.params)), arguments.stage):
        print(f"{'would remove' if arguments.dry_run else 'removing'} {path}")
        if not arguments.dry_run:
            artifact_store.put_away(path)
    # Empty folders of games that left the study would change the stage's hash.
    for folder in (Path("data") / arguments.stage).glob("*"):
        if not arguments.dry_run and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if not arguments.dry_run:
        artifact_store.Keeper().keep()  # as links again what DVC has copied for this stage


if __name__ == "__main__":
    main()
