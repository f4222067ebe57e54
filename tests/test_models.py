"""The policies: their shapes, and that they compute what their layers say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import ilscaling
from ilscaling import policies
from ilscaling.errors import ParamsError
from ilscaling.params import Train, TrainSequences
from ilscaling.pipeline import session


def test_cnn_is_the_papers():
    """Against the plain definition: screens over 255, stock convolutions, one linear layer."""
    torch.manual_seed(0)
    model = policies.build("cnn", 3, frames=4, actions=6)
    screens = torch.randint(0, 256, (5, 4, 84, 84), dtype=torch.uint8)
    x = screens.float() / 255
    for convolution, stride in zip(model.convolutions, (4, 2, 1), strict=True):
        x = F.relu(F.conv2d(x, convolution.weight, convolution.bias, stride))
    assert x.shape == (5, 6, 7, 7)
    expected = F.linear(x.flatten(1), model.linear.weight, model.linear.bias)
    assert torch.allclose(model(screens), expected, atol=1e-5)
    assert model(screens).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        low = model(screens)
    assert low.dtype == torch.float32
    assert torch.allclose(low, expected, atol=0.02) and not torch.equal(low, model(screens))


def test_shape_is_what_the_builders_take():
    for train, family in ((Train(), "cnn"), (TrainSequences(inventory=True), "lstm")):
        shape = policies.shape(train, 7)
        assert policies.build(family, 4, **shape) is not None
        assert policies.architecture(family, 4, **shape)[-1].params > 0


def test_bad_architectures_are_refused():
    with pytest.raises(ParamsError, match="no family 'nosuch'"):
        policies.build("nosuch", 3, frames=4, actions=6)
    with pytest.raises(ParamsError, match="too small"):
        policies.build("cnn", 3, frames=4, actions=6, screen=(35, 84))


def test_compiled_code_is_kept_by_the_sources_that_it_came_from(tmp_path):
    """A constant that changes in another file must not leave old machine code in use."""
    package = tmp_path / "ilscaling"
    shutil.copytree(
        Path(ilscaling.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    code = "import os, ilscaling; print(os.environ['NUMBA_CACHE_DIR'])"
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}

    def folder() -> str:
        command = [sys.executable, "-c", code]
        environment["PYTHONPATH"] = str(tmp_path)
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    before = folder()
    assert before.startswith(str(package)) and folder() == before
    with (package / "policies/transformer/__init__.py").open("a") as file:
        file.write("\nBASE = 100.0\n")
    assert folder() != before


def test_jobs_find_what_another_copy_of_the_same_sources_has_compiled(tmp_path):
    """A pipeline's snapshot has another path after every edit, and compiled everything anew."""
    code = (
        "import numpy as np; from ilscaling.policies.players import dot;"
        "print(dot(*np.ones((2, 3), 'f')), sum(dot.stats.cache_hits.values()))"
    )
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
        session.LOCATORS: session.LOCATOR,
    }

    def run(package: Path) -> str:
        command = [sys.executable, "-c", code]
        environment["PYTHONPATH"] = str(package.parent)
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    hits = []
    for name in ("one", "other", "edited"):
        package = tmp_path / name / "ilscaling"
        shutil.copytree(
            Path(ilscaling.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
        )
        if name == "edited":  # numba itself would see no change in the file of `dot`
            with (package / "policies/sequences.py").open("a") as file:
                file.write("\nBASE = 100.0\n")
        hits.append(run(package).strip())
    assert hits == ["3.0 0", "3.0 1", "3.0 0"]
