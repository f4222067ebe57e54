"""Several splits of one game, one after the other, read as one: demonstrations that grow."""

from collections.abc import Sequence

import numpy as np

from ilscaling.errors import StoreError
from ilscaling.store.split import COLUMNS, TAKEN, Split


class Joined(Split):
    """The steps of some splits in their order, for the loaders.

    A step keeps its position when another split is joined behind. A part that does not say which
    actions were taken in it took those of `action`.

    Parameters
    ----------
    parts
        Splits with the same fields, `taken` aside.

    Raises
    ------
    StoreError
        For parts that differ in actions or fields.
    """

    def __init__(self, parts: Sequence[Split]):
        first = parts[0]
        self.parts = list(parts)
        self.path, self.name, self.attrs, self.actions = (
            first.path, first.name, first.attrs, first.actions,
        )  # fmt: skip
        for part in parts:
            if (part.actions, _shown(part)) != (first.actions, _shown(first)):
                raise StoreError(
                    f"its actions or fields are not those of {first.path}",
                    where=str(part.path),
                    fix="join splits of one game that were recorded alike",
                )
        self.table = {key: np.concatenate([p.table[key] for p in parts]) for key in COLUMNS}
        self.starts = np.concatenate([[0], np.cumsum(self.table["steps"])]).astype(np.int64)
        self.steps, self.episodes = int(self.starts[-1]), len(self.starts) - 1
        self._begins = np.concatenate([[0], np.cumsum([part.steps for part in parts])])

    @property
    def fields(self):
        every: dict = {}
        for part in reversed(self.parts):
            every |= part.fields
        return every

    @property
    def observation(self):
        return self.parts[0].observation

    @property
    def columns(self):
        return tuple(dict.fromkeys(name for part in self.parts for name in part.columns))

    @property
    def chunk_steps(self) -> int:
        return max(part.chunk_steps for part in self.parts)

    @property
    def shard_steps(self) -> int:
        return min(part.shard_steps for part in self.parts)

    def read_into(self, field: str, start: int, out: np.ndarray) -> None:
        row = 0
        while row < len(out):
            number = int(np.searchsorted(self._begins, start + row, side="right")) - 1
            part, at = self.parts[number], start + row - int(self._begins[number])
            count = min(len(out) - row, part.steps - at)
            own = "action" if field == TAKEN and field not in part.fields else field
            part.read_into(own, at, out[row : row + count])
            row += count


def _shown(split: Split) -> dict:
    return {name: kind for name, kind in split.fields.items() if name != TAKEN}
