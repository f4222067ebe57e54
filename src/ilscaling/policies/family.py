"""What a policy family is: the entry FAMILY. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ilscaling.params import Train, Training
from ilscaling.policies.costs import Costs


@dataclass(frozen=True)
class Family:
    """Policies of one architecture, with one dial for their size.

    Parameters
    ----------
    name
        How the parameters call it: `grid.family` of a section.
    layers
        layers(size, **shape) -> the layers for the FLOP ledger, without torch: those of
        `policies.layers`, or anything with `name`, `params` and `flops(convention)` -> (forward,
        training) a sample. Of a layer whose `tables` is not 0, the weight of its name is looked up
        row by row, and does not decay. shape: see `policies.shape`.
    build
        build(size, **shape) -> torch.nn.Module with weights from torch's global generator; called
        with what its `order` says. Parameters and FLOPs of an extension's are checked against
        PyTorch's own count when a run starts.
    smallest
        Size that a forecast may go down to.
    settings
        Class of the section `train`.
    sees
        Fields of a game's observation of which it needs one.
    order
        None: it sees stacks of observations, (batch, frames, ...) in the game's type, and answers
        with logits (batch, actions). A network whose class has together(networks, observations) ->
        list of logits is measured by it beside others of its run on a CPU, if the logits are the
        same to the bit as alone.

        'shuffled', 'streams': it sees stretches of play and has a memory. Its network is called
        as network(batch, state) -> (logits (B, T, actions), state); batch: what `reader` gives, or
        the game's fields (B, T, ...), with `previous` (B, T), the action before each frame (the
        number of actions: none), and `first` (B, T), whether a game begins, before which nothing
        may be seen. network.initial(lanes) -> {name: tensor (lanes, ...)} is the state that has
        seen nothing, which state=None means, too. Stretches are trained on in shuffled order, each
        without a state, or as streams of play that carry their state from batch to batch (see
        `store.sequences`).
    reader
        reader(**shape) -> what reads a game's fields for the network, once and on the CPU (see
        `store.sequences.Reader`); None: the network takes them as they are.
    players
        players(networks, lanes) -> `policies.players.CompiledPlayers` of networks of one
        architecture, or None where PyTorch is the faster; None: always PyTorch.
    narrow
        On a CPU, size below which bfloat16 is slower than float32.
    repeatable
        Whether every operation of a training step has an algorithm on a GPU that gives the same
        bits each time, by the list of `torch.use_deterministic_algorithms`. Training then takes
        these alone and its record says so; one that has none ends the run.
    costs
        What the plan goes by where nobody has measured.
    label
        As people write its name, where the name does not do.
    """

    CALLED: ClassVar = ("layers", "build")

    name: str
    layers: Callable[..., tuple]
    build: Callable[..., Any]
    smallest: int = 1
    settings: type[Training] = Train
    sees: tuple[str, ...] = ("screen", "observation")
    order: Literal["shuffled", "streams"] | None = None
    reader: Callable[..., Any] | None = None
    players: Callable[[list, int], Any] | None = None
    narrow: int = 0
    repeatable: bool = False
    costs: Costs = field(default_factory=Costs)
    label: str = ""
