"""Stores of made-up episodes."""

import numpy as np

from ilscaling.store import Writer


def fill(writer: Writer, **splits: tuple[dict, list[dict[str, np.ndarray]]]) -> None:
    """Write all splits of a store, each its table (columns as for `Writer.fill`) and the steps
    {field: (steps, ...)} of its episodes."""
    episodes = [episode for _, of_split in splits.values() for episode in of_split]
    columns = ("seed", "steps", "return", "truncated")
    table = {name: np.concatenate([t[name] for t, _ in splits.values()]) for name in columns}
    edges = np.cumsum([0, *(len(t["steps"]) for t, _ in splits.values())])
    rows = {name: np.arange(*edges[k : k + 2]) for k, name in enumerate(splits)}

    def steps(episode: int, start: int, stop: int) -> dict[str, np.ndarray]:
        return {name: values[start:stop] for name, values in episodes[episode].items()}

    writer.fill(rows, table, steps)
