"""What decides a policy's architecture beside its family and size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

STACKS = ("frames", "screen", "observation")
SEQUENCES = ("context", "depth", "inventory")


@dataclass(frozen=True, eq=True)
class PolicyShape(Mapping):
    """What a policy sees and answers; as a mapping, the arguments that a family takes by name.

    Parameters
    ----------
    actions
        Number of actions.
    frames
        Observations of a stack, of policies that see stacks.
    screen, observation
        Shape of one step of the game's only field, which bears that name.
    context
        Frames of a stretch, of policies that see stretches of play.
    depth
        Layers; None: by the family's rule.
    inventory
        Whether the policy sees what the player carries.
    """

    actions: int
    frames: int | None = None
    screen: tuple[int, ...] | None = None
    observation: tuple[int, ...] | None = None
    context: int | None = None
    depth: int | None = None
    inventory: bool = False

    def _names(self) -> list[str]:
        if self.context is not None:
            return [*SEQUENCES, "actions"]
        return [name for name in (*STACKS, "actions") if getattr(self, name) is not None]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        return getattr(self, name)

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    @classmethod
    def of_record(cls, record: Mapping[str, Any], actions: int) -> "PolicyShape":
        """The shape that a record on disk holds, whose lists are tuples here."""
        known = {f.name for f in fields(cls)} - {"actions"}
        values = {name: record[name] for name in known if name in record}
        values |= {name: tuple(v) for name, v in values.items() if isinstance(v, list)}
        return cls(actions, **values)
