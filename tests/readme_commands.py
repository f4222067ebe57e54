"""The commands of README.md and docs/pipeline.md, and which of them a test can run."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = "\n".join((ROOT / page).read_text("utf-8") for page in ("README.md", "docs/pipeline.md"))

# What a test cannot repeat: it sets up, needs a cluster, a remote or two commits, or runs for long.
LONG = {
    "make demo",
    "make sweep",
    "make bench",
    "make archive",  # of a commit that holds what was made: test_dvc_agrees_with_snakemake has one
    "make experiments",  # sets up; the tool behind it has a test of its own
    "pip install .",  # a test installs the wheel
    "make test-gpu",  # needs one
    "ilscaling logs --wandb runs",  # of an extra that nothing else needs; it has a test of its own
    "snakemake --cores all --configfile studies/wsd.yaml",
    "snakemake --cores all --configfile studies/sparse.yaml",
    "snakemake --cores all --configfile studies/lot.yaml",
    "snakemake --cores all --configfile studies/algorithms.yaml",
    "snakemake --cores all forecast",
    "dvc repro",
    "dvc exp run -S games.breakout.train.ema=0.1",
    "dvc exp run -S study=wsd",
    "dvc metrics diff A B",
    "dvc params diff A B",
    "dvc plots diff A B",
    "dvc plots show",
    "dvc remote add -d store /mnt/store",
    "dvc remote add -d store ssh://user@host/path",
    "dvc remote add -d store s3://bucket/path",
}
# Of files that only the reader has; verbs and options are still checked.
THEIRS = ("ilscaling import-expert", "ilscaling measure-expert", "ilscaling ingest")
# What stands for a file of the reader's -> where a test finds one, in the folder of a study.
STAND_INS = {
    "SNAPSHOT": "data/runs/breakout/*/[0-9]*.safetensors",
    "DEMOS.zarr": "data/demonstrations/breakout*/demos.zarr",
    "runs.csv": "results/default/results.csv",
    "A": "results/default",
    "B": "results/default",
    "wsd": "results/default",
}


def commands() -> list[str]:
    """Every command: lines of bash blocks, and commands in tables."""
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    found = [line for block in blocks for line in block.strip().splitlines()]
    for row in re.findall(r"^\|.*\|$", TEXT, re.MULTILINE):
        found += [c for c in re.findall(r"`([^`]+)`", row) if c.split()[0] in TOOLS]
    return sorted(set(found))


def runnable_in(command: str, folder: Path) -> list[str]:
    """The words of a command, with files of a study's folder where the reader names their own."""
    words = []
    for word in command.split():
        pattern = STAND_INS.get(word)
        found = sorted(folder.glob(pattern))[0].relative_to(folder) if pattern else word
        # A study is named by what stands below results/.
        words.append(found.name if str(found) == "results/default" else str(found))
    return words


TOOLS = {"make", "snakemake", "dvc", "ilscaling"}
RUNNABLE = [c for c in commands() if c not in LONG and not c.startswith(THEIRS)]
