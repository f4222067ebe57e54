"""The list of a run's cells from those of its branches, budgets rising."""

import argparse
from pathlib import Path

from ilscaling import files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found = {name: digest for part in given.lists for name, digest in files.read_json(part).items()}
    by_budget = sorted(found, key=lambda name: float(name.removesuffix(".json")))
    files.write_json(given.out, {name: found[name] for name in by_budget})


if __name__ == "__main__":
    main()
