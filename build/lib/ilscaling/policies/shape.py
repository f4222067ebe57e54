"""What decides a policy's architecture beside its family and size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Settings of a section's `train` that shape a policy, where they are there.
SETTINGS = ("frames", "context", "depth", "inventory")
# What a game calls its one array; a policy calls it an observation.
ARRAYS = ("screen", "observation")


@dataclass(frozen=True)
class PolicyShape(Mapping):
    """What a policy sees and answers; as a mapping, the arguments that a family takes by name.

    Parameters
    ----------
    actions
        Number of actions.
    names
        Those of the following that the family's settings and the game have.
    frames
        Observations of a stack.
    context
        Steps of a stretch.
    depth
        Layers; None: by the family's rule.
    inventory
        Whether the policy sees what the player carries.
    screen, observation
        Shape of one step of the game's one array, which bears that name.
    """

    actions: int
    names: tuple[str, ...] = ()
    frames: int | None = None
    context: int | None = None
    depth: int | None = None
    inventory: bool = False
    screen: tuple[int, ...] | None = None
    observation: tuple[int, ...] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], actions: int) -> "PolicyShape":
        """The shape that holds what of it stands in `values`, such as a record on disk, whose
        lists are tuples here."""
        names = tuple(name for name in (*SETTINGS, *ARRAYS) if name in values)
        known = {name: values[name] for name in names}
        known |= {name: tuple(v) for name, v in known.items() if isinstance(v, list)}
        return cls(actions, names, **known)

    def __iter__(self) -> Iterator[str]:
        return iter((*self.names, "actions"))

    def __len__(self) -> int:
        return len(self.names) + 1

    def __getitem__(self, name: str) -> Any:
        if name not in (*self.names, "actions"):
            raise KeyError(name)
        return getattr(self, name)
