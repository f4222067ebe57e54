"""How fast a machine does the work of a study: the reference, a measured one, or an estimate.

Times are in seconds. A sample is a step of demonstrations (a stack of screens, a frame).
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ilscaling import files, policies, registry
from ilscaling.domains.costs import Play
from ilscaling.errors import WorkflowError
from ilscaling.plan.devices import Device
from ilscaling.policies.costs import Pace

FORMAT = "ilscaling-calibration-1"
FOLDER = Path(".ilscaling/calibration")
REMEDY = "measure this machine: ilscaling calibrate"


@dataclass(frozen=True)
class Speed:
    """How fast a machine is, and how that is known.

    Parameters
    ----------
    origin
        Where the speeds come from, in words.
    estimated
        False where they were measured on this machine.
    play
        Domain -> speed of its games.
    train
        Family -> pace of its training.
    device
        GPU by whose published peak training was estimated; None: no GPU's.
    """

    origin: str
    estimated: bool
    play: dict[str, Play]
    train: dict[str, Pace]
    device: Device | None = None

    def rate(self, family: str) -> Pace:
        """Of a family that was not measured, what its entry says."""
        return self.train.get(family) or policies.get(family).costs.pace

    def game(self, domain: str) -> Play:
        """Of a domain that was not measured, what its entry says."""
        return self.play.get(domain) or registry.get("DOMAIN", domain).speed


# One thread of a shared server with AVX512-BF16 (docs/measurements.md).
REFERENCE = Speed(
    "orientation: measured on another machine (ilscaling calibrate measures this one)",
    True,
    {},  # the entries of domains and families say it
    {},
)

# An assumption, stated with every plan that rests on it: small networks are far from a device's
# peak. --mfu changes it.
MFU = 0.1
# Python, the optimiser and the launch of an update's kernels: assumed, as none was measured.
UPDATE_SECONDS = 2.0e-3


def estimate(device: Device, base: Speed, mfu: float = MFU) -> Speed:
    """Speed with a GPU beside CPUs, which play the games.

    Parameters
    ----------
    device
        Kind of GPU, by its published peak.
    base
        Speed of the CPUs.
    mfu
        Share of the peak that training reaches, an assumption.
    """
    train = {
        name: Pace(0.0, 1 / (mfu * device.peak), UPDATE_SECONDS, policies.get(name).costs.reading)
        for name in registry.names("FAMILY")
    }
    origin = (
        f"an estimate: {mfu:.0%} of {device.peak / 1e12:g} TFLOP/s in {device.type} ({device.name},"
        f" {device.source}), at least {UPDATE_SECONDS * 1e3:g} ms an update, games and reading at"
        " the speed of CPU threads"
    )
    return replace(base, origin=origin, estimated=True, train=train, device=device)


def path_of(machine: dict, folder: Path = FOLDER) -> Path:
    """Where the calibration of a machine is kept; a folder may be shared by several.

    Parameters
    ----------
    machine
        What it is known by (`calibration.machine`).
    folder
        Of all calibrations.
    """
    return folder / f"{files.digest(machine)[:12]}.json"


def write(machine: dict, play: dict[str, Play], train: dict[str, Pace], runs: list[dict],
          folder: Path = FOLDER) -> Path:  # fmt: skip
    """Keep what was measured, beside what the calibration held of other games and families.

    Parameters
    ----------
    machine
        What it is known by (`calibration.machine`).
    play
        Domain -> speed of its games.
    train
        Family -> pace of its training.
    runs
        What was measured of each size: family, size and more, ready for JSON.
    folder
        Of all calibrations.

    Returns
    -------
    Path
        The file.
    """
    path = path_of(machine, folder)
    old = files.read_json(path) if path.is_file() else {}
    measured = {(run["family"], run["size"]) for run in runs}
    kept = [r for r in old.get("runs", []) if (r["family"], r["size"]) not in measured]
    record = {
        "format": FORMAT,
        "machine": machine,
        "play": {**old.get("play", {}), **{name: asdict(p) for name, p in play.items()}},
        "train": {**old.get("train", {}), **{name: asdict(t) for name, t in train.items()}},
        "runs": [*kept, *runs],
    }
    files.write_json(path, record)
    return path


def read(path: Path, machine: dict) -> Speed:
    """The calibration in a file.

    Parameters
    ----------
    path
        The file.
    machine
        What this machine is known by (`calibration.machine`).

    Raises
    ------
    WorkflowError
        If it is of another machine, damaged or missing.
    """
    try:
        record = files.read_json(path)
        theirs, kind = dict(record["machine"]), record["format"]
        play = {name: Play(**values) for name, values in record["play"].items()}
        train = {name: Pace(**values) for name, values in record["train"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WorkflowError(
            f"no calibration: {error or type(error).__name__}", where=str(path), fix=REMEDY
        ) from None
    if kind != FORMAT or theirs != machine:
        keys = machine.keys() | theirs.keys()
        differs = [name for name in sorted(keys) if theirs.get(name) != machine.get(name)]
        shown = ", ".join(f"{n} {theirs.get(n)!r} is {machine.get(n)!r} here" for n in differs)
        raise WorkflowError(
            f"the calibration is of another machine: {shown or kind}", where=str(path), fix=REMEDY
        )
    origin = f"measured on this machine ({machine['processor']}, torch {machine['torch']})"
    return Speed(origin, False, play, train)
