"""A wheel, installed into an environment of its own, fits a table without PyTorch or a game."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_a_wheel_fits_a_table():
    command = ["make", "wheel", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    folder = ROOT / "build/wheel"
    fits = json.loads((folder / "laws/fits.json").read_text())
    exponents = [
        fit["estimate"]
        for fit in fits
        if (fit["law"], fit["form"], fit["parameter"]) == ("N_opt", "power", "exponent")
        and fit["estimate"] is not None
    ]
    assert exponents and all(0.45 < exponent < 0.55 for exponent in exponents)
    listed = subprocess.run(
        [folder / "env/bin/python", "-m", "pip", "list"], capture_output=True, text=True, check=True
    )
    installed = {line.split()[0].lower() for line in listed.stdout.splitlines()[2:]}
    assert not installed & {"torch", "nle", "ale-py", "snakemake", "dvc", "zarr", "gymnasium"}
