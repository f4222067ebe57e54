"""Remove what a stage made under keys that the study no longer names.

    python workflow/prune.py {demonstrations,runs,evaluations} [--params params.yaml] [-n]

Run at the end of each DVC stage: the stage's output is then a function of the parameters, whatever
was tried before. Touches nothing outside the stage's own folder.
"""

import argparse
import shutil
from pathlib import Path

from keys import Keys

from ilscaling import params

DEPTH = {"demonstrations": 1, "runs": 2, "evaluations": 2}  # folders down to a key


def stale(keys: Keys, stage: str, root: Path) -> list[Path]:
    """Keyed files and folders of a stage that the study does not name."""
    named = keys.named(stage)
    found = sorted((root / "data" / stage).glob("/".join("*" * DEPTH[stage])))
    return [path for path in found if path.relative_to(root).as_posix() not in named]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=DEPTH)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("-n", "--dry-run", action="store_true")
    arguments = parser.parse_args()
    for path in stale(Keys(params.read(arguments.params)), arguments.stage, Path()):
        print(f"{'would remove' if arguments.dry_run else 'removing'} {path}")
        if not arguments.dry_run:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # Empty folders of games that left the study would change the stage's hash.
    for folder in (Path("data") / arguments.stage).glob("*"):
        if not arguments.dry_run and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


if __name__ == "__main__":
    main()
