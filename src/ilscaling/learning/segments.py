"""Where training begins, stops and keeps its state: stretches of a run along one curve of the rate.

At a constant rate a run is one segment. Where the rate falls, it has a trunk, and for each budget a
branch of its own. A trunk's folder holds `update-<n>.safetensors`, the whole state of the run at
each update at which a branch leaves, and `failed.json` if it ended before one. What a branch begins
with is a state like any other, so trunk and branch are one uninterrupted course: the same weights,
samples and curve as if they had been trained at once.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ilscaling.learning.state import saved


@dataclass(frozen=True)
class Segment:
    """A stretch of training.

    Parameters
    ----------
    folder, mark
        Where its state, curve and times are kept, and what sets their names apart.
    digest
        Of what it trains.
    stops
        Updates to stop at, rising.
    before
        The last update of a state that it may go on from; None: the first stop.
    begin
        The update that its own work begins at.
    end
        The update at which the rate has fallen; None: it stays.
    origins, origin_digest
        Other states that it may start from, and their digest.
    """

    folder: Path
    digest: str
    stops: list[int]
    mark: str = ""
    before: int | None = None
    begin: int = 0
    end: int | None = None
    origins: tuple[Path, ...] = ()
    origin_digest: str = ""

    def file(self, kind: str, suffix: str) -> Path:
        return self.folder / f"{kind}{self.mark}{suffix}"

    @property
    def files(self) -> Path:
        """Folder of the algorithm's own files."""
        return self.file("algorithm", "")

    def files_of(self, state: Path) -> Path:
        """The same of the segment that has left a state: this one, or a trunk's."""
        return self.files if state in (self.state, self.behind) else state.with_name("algorithm")

    @property
    def state(self) -> Path:
        """The furthest state."""
        return self.file("state", ".safetensors")

    @property
    def behind(self) -> Path:
        """A state before the furthest, of training that makes a missing cell on the way there."""
        return self.file("state-behind", ".safetensors")

    @cached_property
    def furthest(self) -> int:
        """The update that the run had reached before this attempt."""
        return saved(self.state, self.digest) or 0

    def start(self) -> Path | None:
        """The furthest state to go on from; None without one."""
        digests = dict.fromkeys(self.origins, self.origin_digest)
        digests |= dict.fromkeys((self.state, self.behind), self.digest)
        updates = {path: saved(path, digest) for path, digest in digests.items()}
        last = self.stops[0] if self.before is None else self.before
        usable = [path for path, update in updates.items() if update is not None and update <= last]
        return max(usable, key=updates.get, default=None)


def leave(folder: Path, update: int) -> Path:
    """File of a trunk's state at an update.

    Parameters
    ----------
    folder
        Of the trunk.
    update
        From 1 on.
    """
    return folder / f"update-{update}.safetensors"


def trunk_segments(folder: Path, digest: str, stops: list[int]) -> list[Segment]:
    """What is to be trained so that a trunk's states are at all stops.

    Those that are there are kept, and each other one is made from the nearest before it.

    Parameters
    ----------
    folder
        Of the trunk.
    digest
        Of what it trains.
    stops
        Updates, rising.
    """
    missing = [stop for stop in stops if saved(leave(folder, stop), digest) != stop]
    known = sorted(int(p.stem.removeprefix("update-")) for p in folder.glob("update-*.safetensors"))
    stretches: list[list[int]] = []
    for stop in missing:
        # A state between two stops saves training up to it: a segment of its own begins there.
        if not stretches or any(stretches[-1][-1] < update < stop for update in known):
            stretches.append([])
        stretches[-1].append(stop)
    origins = tuple(leave(folder, update) for update in known)
    return [
        Segment(folder, digest, stretch, origins=origins, origin_digest=digest)
        for stretch in stretches
    ]
