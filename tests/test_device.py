"""Who gets which GPU, on machines that have none: devices are names, locks are real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ilscaling.pipeline import gpu_allocator

BOX = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-11111111-aaaa)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-22222222-bbbb)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-22333333-eeee)
"""


@pytest.fixture
def box(tmp_path, monkeypatch):
    """A machine whose nvidia-smi lists three GPUs."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat << END\n{BOX}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu_allocator.listed.cache_clear()
    yield monkeypatch
    gpu_allocator.listed.cache_clear()


def test_a_device_has_one_lock_however_it_is_named(box):
    whole = ["GPU-11111111-aaaa", "GPU-22222222-bbbb", "GPU-22333333-eeee"]
    assert list(gpu_allocator.devices()) == whole
    for visible, found in {
        "2,0": {"2": whole[2], "0": whole[0]},
        "GPU-223,1": {"GPU-223": whole[2], "1": whole[1]},
        "0,GPU-1": {"0": whole[0]},
        # CUDA shows what stands before the first device that is none.
        "0,-1,2": {"0": whole[0]},
        "2,7,0": {"2": whole[2]},
        "": {},
        "NoDevFiles": {},
    }.items():
        box.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpu_allocator.devices() == found, visible
    assert gpu_allocator.possible(4.0, dict.fromkeys("abc", "")) == 2


def tool(box, tmp_path, text: str) -> None:
    """An nvidia-smi that answers with a script."""
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{text}")


def test_a_gpu_that_lets_in_one_process_alone_is_taken_whole(box, tmp_path):
    """Unless the server runs that shares it out."""
    assert not gpu_allocator.exclusive()
    tool(box, tmp_path, "case $1 in *compute_mode*) echo Exclusive_Process;; esac\n")
    box.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "mps"))
    assert gpu_allocator.exclusive()
    (tmp_path / "mps").mkdir()
    (tmp_path / "mps/control").touch()
    assert not gpu_allocator.exclusive()


def test_without_nvidia_smi_a_driver_is_asked_by_pytorch(tmp_path, monkeypatch):
    gpu_allocator.counted.cache_clear()
    assert gpu_allocator.counted(tmp_path) == ()
    gpu_allocator.counted.cache_clear()
    (tmp_path / "nvidia0").touch()
    count = subprocess.CompletedProcess([], 0, stdout="2\n")
    monkeypatch.setattr(gpu_allocator.subprocess, "run", lambda *a, **k: count)
    assert gpu_allocator.counted(tmp_path) == ("0", "1")
    gpu_allocator.counted.cache_clear()


def test_jobs_of_one_slurm_job_share_and_those_of_two_do_not(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    folders = {gpu_allocator.folder()}
    for job in ("7", "8", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        folders.add(gpu_allocator.folder())
    assert len(folders) == 3


# Holds what it takes for a moment, and says from when to when.
JOB = """
import os, sys, time
from ilscaling.pipeline import gpu_allocator
from pathlib import Path
share, names, where, hold = float(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])
taken = gpu_allocator.acquire({n: n for n in names}, share, where, poll=0.02)
began = time.monotonic()
print("has", flush=True)
time.sleep(hold)
print(*taken, began, time.monotonic())
"""


def job(share: float, names: str, where: Path, hold: float = 0.1) -> subprocess.Popen:
    given = [str(share), names, str(where), str(hold)]
    return subprocess.Popen(
        [sys.executable, "-c", JOB, *given],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_no_device_is_ever_given_out_twice_over_and_nobody_waits_for_ever(tmp_path):
    """Shares, whole ones and several, by pipelines that see different devices."""
    wanted = [(0.5, "abc"), (2, "abc"), (1, "bc"), (0.25, "cd"), (2, "cd"), (4, "abcd")]
    jobs = [(share, job(share, names, tmp_path)) for share, names in 3 * wanted]
    held = []
    for share, one in jobs:
        out, _ = one.communicate(timeout=60)
        *names, began, ended = out.split("\n")[1].split()
        assert len(names) == max(1, share) and one.returncode == 0
        held += [(name, min(share, 1), float(began), float(ended)) for name in names]
    for _, _, moment, _ in held:
        for name in "abcd":
            at_once = sum(h[1] for h in held if h[0] == name and h[2] <= moment < h[3])
            assert at_once <= 1, (name, at_once)


def test_a_killed_job_frees_its_devices_and_who_waits_says_so(tmp_path):
    first = job(2, "ab", tmp_path, hold=60)
    assert first.stdout.readline() == "has\n"
    small = job(1, "ab", tmp_path)
    assert small.stderr.readline() == "waiting for 1 of 2 GPUs: others run there\n"
    first.kill()
    assert small.communicate(timeout=30)[0].startswith("has\n")
    first.communicate()


def test_a_job_for_many_devices_is_not_passed_by(tmp_path):
    """While it waits, devices that become free are kept for it."""
    first = job(1, "ab", tmp_path, hold=1.0)
    assert first.stdout.readline() == "has\n"
    large = job(2, "ab", tmp_path)
    large.stderr.readline()
    late = job(1, "ab", tmp_path)  # b is free, and kept for the large one
    moments = []
    for one in (large, late):
        out, _ = one.communicate(timeout=30)
        moments.append(float(out.split("\n")[1].split()[-2]))
    assert moments[0] < moments[1]
    first.communicate()


def test_a_job_is_told_its_devices_and_torchrun_started_for_several(tmp_path):
    def run(share: str, visible: str) -> str:
        program = (
            "import os; from ilscaling.pipeline import gpu_allocator;"
            f"gpu_allocator.take({share}, []); print(os.environ['CUDA_VISIBLE_DEVICES'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": visible, "TMPDIR": str(tmp_path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    assert run("1", "3") == "3"
    assert run("0", "3") == ""
    assert run("2.0", "") == ""  # no GPU: one process
    command = gpu_allocator.torchrun(["python", "-m", "ilscaling", "train"], 2)
    assert command[:3] == ["python", "-m", "torch.distributed.run"]
    assert command[-3:] == ["-m", "ilscaling", "train"] and "--nproc-per-node=2" in command
    # The name of the machine may be no address of it.
    assert "--local-addr=127.0.0.1" in command


def test_several_devices_run_the_same_command_again_under_torchrun(tmp_path):
    """The job's own verb becomes torchrun, which starts it once a device."""
    module = tmp_path / "ranked.py"
    module.write_text(
        "import os\nfrom ilscaling.pipeline import gpu_allocator\n"
        "if 'RANK' not in os.environ:\n"
        "    import sys\n"
        "    gpu_allocator.take(2, [sys.executable, '-m', 'ranked'])\n"
        # One write a rank: both share the pipe.
        "line = os.environ['RANK'] + ' ' + os.environ['CUDA_VISIBLE_DEVICES'] + '\\n'\n"
        "os.write(1, line.encode())\n"
    )
    paths = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {
        **os.environ, "CUDA_VISIBLE_DEVICES": "0,1", "TMPDIR": str(tmp_path), "PYTHONPATH": paths,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "ranked"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert sorted(done.stdout.splitlines()) == ["0 0,1", "1 0,1"], done.stderr
