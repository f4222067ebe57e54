"""The tiny study through a real Slurm: limits, failures, cancelled and pre-empted jobs, kills."""

import os
import sys

import pytest
import slurm
from conftest import BIN, copy_project
from test_machine import same

from ilscaling import params

pytestmark = pytest.mark.slurm
PROFILE = ("--profile", "profiles/slurm", "--slurm-status-command", "squeue", "--latency-wait", "5")
PROFILE += ("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1")


@pytest.fixture(scope="module")
def cluster():
    if reason := slurm.obstacle():
        pytest.skip(f"no Slurm here: {reason}")
    with slurm.Cluster() as cluster:
        yield cluster


def path(cluster) -> dict[str, str]:
    return {"PATH": f"{cluster.bin}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"}


def keys_of(workspace):
    sys.path.insert(0, str(workspace.path / "workflow"))
    from keys import Keys

    return Keys(params.read(workspace.path / "params.yaml"))


def test_results_are_those_of_one_machine(study, cluster, tmp_path):
    """Two GPUs hold two cells at once; a cell that fails is told with its logs, stops no other,
    and is made by the same command when the cause is gone."""
    workspace = copy_project(tmp_path / "there")
    (unlucky,) = list(keys_of(workspace).runs)[:1]
    obstacle = workspace.path / keys_of(workspace).run_dir(unlucky) / "3e+08.json"
    obstacle.mkdir(parents=True)
    (obstacle / "in the way").touch()
    failed = workspace.snakemake(*PROFILE, "--retries", "0", ok=False, **path(cluster))
    (tmp_path / "log1").write_text(failed.stdout)
    assert failed.returncode != 0
    (log,) = workspace.path.glob(f"logs/train/{unlucky.game}-{unlucky.name}-*.log")
    assert f"{log.relative_to(workspace.path)} ends with:" in failed.stdout
    assert "Is a directory" in failed.stdout and ".snakemake/slurm_logs/rule_train" in failed.stdout
    assert set(workspace.planned()) >= {"train", "evaluate", "report"}
    assert workspace.planned()["train"] == workspace.planned()["evaluate"] == 1
    (obstacle / "in the way").unlink()
    obstacle.rmdir()
    log = workspace.snakemake(*PROFILE, **path(cluster)).stdout
    (tmp_path / "log2").write_text(log)
    assert same(study.path, workspace.path)
    cells = [
        [seen for seen in moment if seen.what.startswith(("rule_train_", "rule_evaluate_"))]
        for moment in cluster.at_once()
    ]
    assert max(map(len, cells)) == 2
