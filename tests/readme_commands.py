"""The commands of README.md, and which of them a test can run."""

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parent.parent / "README.md").read_text()

# What a test cannot repeat: it sets up, runs for long, or needs files of the reader's own. The
# verbs and options of the last ones are still checked.
LONG = {
    "make demo",
    "make test",
    "make sweep",
    "make bench",
    "snakemake --cores all --resources gpu=4",
    "snakemake --cores all --configfile studies/laptop.yaml",
    "snakemake --cores all --configfile studies/wsd.yaml",
    "snakemake --cores all forecast",
    "snakemake --profile profiles/slurm",
    "dvc repro",
    "dvc exp run -S games.breakout.train.ema=0.1",
    "dvc exp run -S study=wsd",
    "make experiments",
    "dvc metrics diff A B",
    "dvc params diff A B",
    "dvc plots diff A B",
    "ilscaling compare A B",
    "dvc remote add -d store /mnt/store",
    "dvc remote add -d store ssh://user@host/path",
    "dvc remote add -d store s3://bucket/path",
}
THEIRS = ("ilscaling import-expert", "ilscaling measure-expert", "ilscaling ingest")


def commands() -> list[str]:
    """Every command of README: lines of bash blocks, and commands in the table of uses."""
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    found = [line for block in blocks for line in block.strip().splitlines()]
    for row in re.findall(r"^\|.*\|$", TEXT, re.MULTILINE):
        found += [c for c in re.findall(r"`([^`]+)`", row) if c.split()[0] in TOOLS]
    return sorted(set(found))


TOOLS = {"make", "snakemake", "dvc", "ilscaling"}
RUNNABLE = [c for c in commands() if c not in LONG and not c.startswith(THEIRS)]
