"""What the parts of the study weigh, from dvc.lock: before a pull or push moves anything.

python workflow/sizes.py
"""

from pathlib import Path

import yaml


def parts(lock: dict) -> list[tuple[str, str, int, int]]:
    """Stage, output, files and bytes of everything that DVC moves; Git holds the rest."""
    plan = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    found = []
    for stage, made in lock["stages"].items():
        entries = plan[stage].get("outs", []) + plan[stage].get("metrics", [])
        settings = {k: v for e in entries if isinstance(e, dict) for k, v in e.items()}
        for out in made.get("outs", []):
            if settings.get(out["path"], {}).get("cache", True):
                found.append((stage, out["path"], out.get("nfiles", 1), out["size"]))
    return found


def main() -> None:
    lock = Path("dvc.lock")
    if not lock.exists():
        raise SystemExit("no dvc.lock here: nothing has been recorded\n  try:   dvc repro")
    total = 0
    for stage, path, files, size in parts(yaml.safe_load(lock.read_text())):
        print(f"{size / 1e6:10.1f} MB {files:6d} files  {path:24s} dvc pull {stage}")
        total += size
    print(f"{total / 1e6:10.1f} MB in all")


if __name__ == "__main__":
    main()
