"""Where a loader's buffers lie and its batches are gathered: in the host's memory, or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ilscaling.store.split import Split

Arrays = dict[str, np.ndarray]


class Memory:
    """The host's memory; others are elsewhere, see `learning.devices`."""

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Memory of a buffer, which the loader's thread reads frames into.

        Parameters
        ----------
        shape
            (rows, ...) of a field.
        dtype
            As the field is stored.
        """
        return np.empty(shape, dtype)

    def put(self, arrays: Arrays) -> Any:
        """The frames of a buffer where batches are gathered from.

        Called once a filling, by the thread that takes batches.

        Parameters
        ----------
        arrays
            {field: (rows, ...)}, made by `empty`.

        Returns
        -------
        Any
            What `take` and `settle` are given.
        """
        return arrays

    def settle(self, placed: Any) -> None:
        """Wait until the buffer that `put` was given may be written to, None: at once."""

    def take(self, placed: Any, rows: np.ndarray) -> dict[str, Any]:
        """Rows of every field.

        Parameters
        ----------
        placed
            What `put` or `hold` gave.
        rows
            Which, int64 (B, frames).

        Returns
        -------
        dict
            {field: (B, frames, ...)}.
        """
        return {name: np.take(values, rows, axis=0) for name, values in placed.items()}

    def join(self, pieces: list) -> Any:
        """What was taken of one field, one after the other."""
        return np.concatenate(pieces)

    def hold(self, split: Split) -> Any:
        """All frames of a split, a row a step, as `put` gives them; None: they are too many, or
        there is no use in it."""
        return None


HOST = Memory()
