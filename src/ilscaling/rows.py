"""Rows of a larger array, where they lie: for whoever reads them once and needs no copy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """What `items[index]` holds, without the copy: items (N, ...), contiguous, and index int64 of
    any shape."""

    items: np.ndarray
    index: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.index.shape, *self.items.shape[1:])


def rows(values: np.ndarray, axes: int) -> Rows:
    """All of an array whose first `axes` axes are to be those of the index."""
    values = np.ascontiguousarray(values)
    items = values.reshape(-1, *values.shape[axes:])
    return Rows(items, np.arange(len(items)).reshape(values.shape[:axes]))


def gathered(values: np.ndarray | Rows) -> np.ndarray:
    """Rows as an array, which is a copy; an array as it is."""
    return np.take(values.items, values.index, axis=0) if isinstance(values, Rows) else values
