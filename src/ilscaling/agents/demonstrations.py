"""Demonstrations as PyTorch takes them: a data set to index, and batches read ahead."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from ilscaling.store import Loader, open_split

# Blocks of decompressed steps that a process keeps.
BLOCKS = 64


class Demonstrations(Dataset):
    """Steps of a split of a store, each what was seen and what the expert did.

    For `torch.utils.data.DataLoader`, shuffled or not, with workers or without. An item is a
    dictionary of tensors: each field of the observation (..., as stored), `action` int64 (),
    `reward` float32 () and `episode` int64 (), the place of its episode in the split; where the
    store holds it, `expert_probs` float16 (actions,), the expert's own distribution.

    Parameters
    ----------
    path
        The store (demos.zarr).
    split
        train, dev or test.
    frames
        None: an observation is that of the step alone. A number: the last so many of its episode,
        (frames, ...), the newest last; at an episode's start its first is repeated.

    Raises
    ------
    StoreError
        For a store that is missing or damaged.
    """

    def __init__(self, path: str | Path, split: str = "train", *, frames: int | None = None):
        self.path, self.name, self.frames = Path(path), split, frames
        self._open()

    def _open(self) -> None:
        self.split = open_split(self.path, self.name)
        self.actions: tuple[str, ...] = tuple(self.split.actions)
        self._block = lru_cache(maxsize=BLOCKS)(self._read)

    def __getstate__(self) -> dict:
        # Open files and what was read stay in the process that has them.
        return {"path": self.path, "name": self.name, "frames": self.frames}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._open()

    def __len__(self) -> int:
        return self.split.steps

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        index = range(len(self))[index]  # counts negative ones, raises IndexError beyond the ends
        starts = self.split.starts
        episode = int(np.searchsorted(starts, index, side="right")) - 1
        count = 1 if self.frames is None else self.frames
        rows = np.maximum(np.arange(index - count + 1, index + 1), starts[episode])
        item = {name: self._steps(name, rows) for name in self.split.observation}
        if self.frames is None:
            item = {name: values[0] for name, values in item.items()}
        item["action"] = self._steps("action", rows[-1:])[0].astype(np.int64)
        item["reward"] = self._steps("reward", rows[-1:])[0]
        if self.split.says_distribution:
            item["expert_probs"] = self._steps("expert_probs", rows[-1:])[0]
        item["episode"] = np.int64(episode)
        return {name: torch.as_tensor(values) for name, values in item.items()}

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        """Items of a batch, which a DataLoader asks for together: blocks are read once each."""
        places = sorted(range(len(indices)), key=indices.__getitem__)
        items = {place: self[indices[place]] for place in places}
        return [items[place] for place in range(len(indices))]

    def _steps(self, field: str, rows: np.ndarray) -> np.ndarray:
        """Steps `rows` (n,) of a field: (n, ...), an array of its own."""
        size = self.split.chunk_steps
        steps = [self._block(field, int(row) // size)[int(row) % size] for row in rows]
        return np.stack(steps)

    def _read(self, field: str, block: int) -> np.ndarray:
        size = self.split.chunk_steps
        return self.split.read(field, block * size, min((block + 1) * size, self.split.steps))


def batches(
    path: str | Path,
    split: str = "train",
    *,
    batch: int,
    frames: int = 4,
    seed: int = 0,
    epochs: int | None = None,
) -> Iterator[dict[str, torch.Tensor]]:
    """Shuffled batches, read ahead by a thread: what the pipeline itself trains stacks on.

    Many times as fast as a DataLoader over `Demonstrations`, because it shuffles blocks that are
    decompressed together. The order is a function of (store, split, seed).

    Parameters
    ----------
    path, split
        As of `Demonstrations`.
    batch
        Samples a batch.
    frames
        Observations a sample, the newest last.
    seed
        Of the order.
    epochs
        How often each sample is served; None: without end.

    Yields
    ------
    dict of torch.Tensor
        Each field of the observation (batch, frames, ...), `action` int64 (batch,), and `index`
        int64 (batch,), the sample's place in the split.
    """
    data = open_split(path, split)
    stop = None if epochs is None else epochs * data.steps
    with Loader(data, frames=frames, batch=batch, seed=seed, stop=stop) as loader:
        for served in loader:
            # Copies: the loader writes to its own memory again.
            yield {name: torch.as_tensor(np.array(values)) for name, values in served.items()}
