"""A real Slurm on this machine alone: its daemons, two simulated GPUs, and an end to all of it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins")
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun", "scancel", "scontrol")
CONFIGURATION = """
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerType=sched/builtin
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
ReturnToService=2
MinJobAge=300
MailProg=/bin/true
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=32000 Gres=gpu:toy:2 State=UNKNOWN
PartitionName=gpu Nodes={host} Default=YES PriorityTier=1 State=UP
PartitionName=urgent Nodes={host} PriorityTier=2 PreemptMode=OFF State=UP
"""


@dataclass(frozen=True)
class Seen:
    """A job at a moment (seconds): what it makes, and whether it holds a node."""

    moment: float
    job: str
    what: str
    runs: bool


def obstacle() -> str:
    """Why there can be no Slurm here; installs Debian's packages where that is allowed."""
    if os.geteuid():
        return "Slurm's daemons and simulated devices want root"
    if not all(map(shutil.which, TOOLS)) and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 300}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        options = ("-y", "--no-install-recommends")
        for command in (("update",), ("install", *options, *PACKAGES)):
            subprocess.run(["apt-get", *command], env=environment, check=False, **quiet)
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"not installed: {', '.join(missing)} (Debian: {' '.join(PACKAGES)})" if missing else ""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Cluster:
    """One node with two GPUs; a context manager. `seen` is what squeue has told, twice a second."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ilscaling-slurm-"))
        self.name = self.folder.name.rsplit("-", 1)[1].replace("_", "x").lower()
        self.bin, self.seen = self.folder / "bin", []
        self._daemons: list[subprocess.Popen] = []
        self._stop = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """The executor plugin strips SLURM_CONF from its jobs, so the tools bring it themselves."""
        return {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}

    def __enter__(self):
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        try:
            self.ask("scancel", "--user", "root", check=False)
            self.wait(lambda: not self.ask("squeue", "--noheader"), 30)
        except (OSError, subprocess.SubprocessError, AssertionError):
            pass  # what is left is killed below
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for process in self._left():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *command: str, check: bool = True) -> str:
        """What one of Slurm's commands prints."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=check
        )
        return done.stdout.strip()

    def wait(self, until, seconds: float, every: float = 0.5):
        """Wait for a condition that comes true; returns its value."""
        deadline = time.monotonic() + seconds
        while not (found := until()):
            assert time.monotonic() < deadline, f"waited {seconds} s in vain"
            time.sleep(every)
        return found

    def running(self, rule: str) -> dict[str, str]:
        """Running jobs of a rule at this moment, and what they make."""
        return {
            s.job: s.what for s in self._look() if s.runs and s.what.startswith(f"rule_{rule}_")
        }

    def at_once(self, since: float = 0.0) -> list[list[Seen]]:
        """The running jobs of rules, a list a moment."""
        moments: dict[float, list[Seen]] = {}
        for seen in self.seen:
            if seen.moment >= since and seen.runs and seen.what.startswith("rule_"):
                moments.setdefault(seen.moment, []).append(seen)
        return list(moments.values())

    def _configure(self) -> None:
        self.folder.chmod(0o755)
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir()
        for number in range(2):
            os.mknod(self.folder / f"gpu{number}", 0o020666, os.makedev(1, 3))
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        (self.folder / "munge.key").chmod(0o400)
        values = {"name": self.name, "host": socket.gethostname(), "folder": self.folder}
        values |= {"controller": _free_port(), "node": _free_port()}
        self.file = self.folder / "slurm.conf"
        self.file.write_text(CONFIGURATION.format(**values))
        devices = f"AutoDetect=off\nName=gpu Type=toy File={self.folder}/gpu[0-1]\n"
        (self.folder / "gres.conf").write_text(devices)
        for tool in (*TOOLS[3:], "sinfo"):
            script = self.bin / tool
            script.write_text(f'#!/bin/sh\nSLURM_CONF={self.file} exec {shutil.which(tool)} "$@"\n')
            script.chmod(0o755)

    def _start(self) -> None:
        at = self.folder
        files = {"key": "munge.key", "socket": "munge.sock", "pid": "munged.pid"}
        files |= {"log": "munged.log", "seed": "munged.seed"}
        options = [f"--{what}-file={at / name}" for what, name in files.items() if what != "socket"]
        self._daemon("munged", "--foreground", "--force", f"--socket={at}/munge.sock", *options)
        self.wait(lambda: (at / "munge.sock").exists(), 20)
        self._daemon("slurmctld", "-D", "-f", str(self.file))
        self._daemon("slurmd", "-D", "-f", str(self.file))
        self.wait(
            lambda: self.ask("sinfo", "-h", "-p", "gpu", "-o", "%T", check=False) == "idle", 30
        )

    def _daemon(self, *command: str) -> None:
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        self._daemons.append(subprocess.Popen(command, cwd=self.folder, **quiet))

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            self.seen += self._look()

    def _look(self) -> list[Seen]:
        states = "PENDING,CONFIGURING,RUNNING,COMPLETING,SUSPENDED"
        listed = ("squeue", "--noheader", "--states", states, "--format", "%A|%T|%k")
        text = self.ask(*listed, check=False)
        moment = time.monotonic()
        lines = [line.split("|", 2) for line in text.splitlines()]
        return [Seen(moment, job, what, state != "PENDING") for job, state, what in lines]

    def _left(self) -> list[int]:
        """Processes of the daemons, which work in our folder, and of their jobs."""
        found, mark = [], f"SLURM_CLUSTER_NAME={self.name}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                inside = os.readlink(folder / "cwd") == str(self.folder)
                inside |= mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if inside and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        return found
