"""More episodes where a law needs them: for the cells of each budget's best size.

Which size that is, the dev loss says: what is chosen without a look at returns has a mean return
without the choice's bias.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ilscaling.files import read_json, sha256, write_json
from ilscaling.games.play import Act
from ilscaling.measuring.run import evaluate_run
from ilscaling.params import Evaluation, Model

# A run of a section, and a cell of it.
RUN = ("family", "size", "seed")
CELL = (*RUN, "budget")
# The record of a section all of whose cells failed, for a list names something.
NONE = "none.json"


def chosen(records: Sequence[dict]) -> list[dict]:
    """The cells of the best size at each budget.

    A size's loss is the mean over its seeds; of equal ones the smaller size is taken. A cell that
    failed counts for nothing.

    Parameters
    ----------
    records
        Those of the measured cells of one section: `family`, `size`, `seed`, `budget` in FLOPs,
        `status` and `dev_loss` in nats.

    Returns
    -------
    list of dict
        The records of these cells, by size, seed and budget.
    """
    losses: dict[tuple, list[float]] = {}
    done = [record for record in records if record["status"] == "done"]
    for record in done:
        of = losses.setdefault((record["budget"], record["family"], record["size"]), [])
        of.append(record["dev_loss"])
    best: dict[float, tuple] = {}
    for (budget, family, size), values in losses.items():
        rank = (float(np.mean(values)), size, family)
        best[budget] = min(best.get(budget, rank), rank)
    taken = [r for r in done if best[r["budget"]][1:] == (r["size"], r["family"])]
    return sorted(taken, key=lambda record: [record[name] for name in CELL])


def evaluate_best(
    records: Sequence[str | Path],
    snapshots: Sequence[str | Path],
    demos: str | Path,
    settings: Evaluation,
    emulator: Model,
    out: str | Path,
    *,
    device: str = "cpu",
    threads: int = 1,
    expert: Callable[[], Act] | None = None,
) -> dict[str, str]:
    """Measure the cells of each budget's best size by `settings.best_episodes` episodes.

    Their losses are those of the records, and the first episodes are the same ones again.

    Parameters
    ----------
    records
        Files of the measured cells of one section.
    snapshots
        JSON records of the section's snapshots.
    demos, settings, emulator, device, threads
        As of `evaluate_run`.
    out
        Folder of the new records.
    expert
        Makes the one who is asked: anew for each run, since an expert may keep what it saw of the
        games before, and another run plays another number of them side by side.

    Returns
    -------
    dict
        Name of a record -> its SHA-256: '<family>-<size>-s<seed>-<budget>.json'.

    Raises
    ------
    TrainingError
        As of `evaluate_run`.
    """
    files = {_cell(read_json(path)): Path(path) for path in snapshots}
    runs: dict[tuple, dict[Path, dict]] = {}
    for record in chosen([read_json(path) for path in records]):
        cell = _cell(record)
        runs.setdefault(cell[:-1], {})[files[cell]] = record
    more = settings.model_copy(update={"episodes": settings.further})
    listed = {}
    for (family, size, seed), earlier in runs.items():
        prefix = f"{family}-{size}-s{seed}-"
        evaluate_run(
            list(earlier),
            demos,
            more,
            emulator,
            out,
            device=device,
            threads=threads,
            expert=expert and expert(),
            prefix=prefix,
            earlier={path.stem: record for path, record in earlier.items()},
        )
        for path in earlier:
            name = f"{prefix}{path.stem}.json"
            listed[name] = sha256(Path(out) / name)
    if not listed:
        write_json(Path(out) / NONE, {"status": "failed", "reason": "no cell was measured"})
        listed[NONE] = sha256(Path(out) / NONE)
    return listed


def _cell(record: dict) -> tuple:
    return tuple(record[name] for name in CELL)
