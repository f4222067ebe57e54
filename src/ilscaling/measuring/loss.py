"""What a policy says of held-out demonstrations, with standard errors over whole episodes.

It is measured in float32 on every device: the loss is what the laws are fitted to, and must depend
neither on the type that a run trained in nor on what a processor is fast at.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ilscaling.learning import devices
from ilscaling.measuring import floor
from ilscaling.policies.reading import tensors
from ilscaling.store import GameLoader, Loader, Split
from ilscaling.store.ratio import Estimate, ratio
from ilscaling.store.split import EXPERT_PROBS

# Games side by side, and frames of all of them, in one pass of a sequence policy.
LANES, PASS = 8, 512
# On a GPU, which waits for the host once a pass: stacks, games side by side, frames. Assumed.
DEVICE_BATCH, DEVICE_LANES, DEVICE_PASS = 1_024, 64, 16_384
# Held-out episodes whose loss is written down apart; neighbours go together where there are more.
PARTS = 64
# The loader's fields that `per_step` is given, and what the expert said where that is stored.
SCORED = ("action", "index", EXPERT_PROBS)


@dataclass(frozen=True)
class HeldOut:
    """A policy on one split.

    Parameters
    ----------
    steps, episodes
        Of the split.
    estimates
        One for each quantity of `per_step`, by its name.
    losses
        Steps of each episode and the mean loss there, nats (see `apart`).
    """

    steps: int
    episodes: int
    estimates: dict[str, Estimate]
    losses: tuple[tuple[int, float], ...] = ()

    def not_finite(self) -> list[str]:
        """Names of the quantities that are no finite number."""
        values = {name: [e.mean, e.se or 0.0] for name, e in self.estimates.items()}
        return [name for name, pair in values.items() if not np.isfinite(pair).all()]


def per_step(logits: torch.Tensor, batch: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """What is measured of each step; a new quantity is a new entry here, and its field in SCORED.

    Parameters
    ----------
    logits
        float32 (n, actions).
    batch
        The loader's fields SCORED of these n steps, such as action int64 (n,).

    Returns
    -------
    dict
        Name -> float64 (n,), on the CPU: `loss`, the cross-entropy in nats, `top1`, whether the
        demonstrated action is the likeliest, and what `floor.against` measures where the expert's
        distribution is known.
    """
    logits, action = logits.double().cpu(), torch.from_numpy(batch["action"])
    values = {
        "loss": torch.nn.functional.cross_entropy(logits, action, reduction="none"),
        "top1": (logits.argmax(1) == action).double(),
    }
    if EXPERT_PROBS in batch:
        values |= floor.against(logits, batch[EXPERT_PROBS])
    return values


def _labels(split: Split) -> tuple[str, ...]:
    """The fields of a step that are read for the measurement alone."""
    return (EXPERT_PROBS,) if split.says_distribution else ()


def _scored(samples: dict[str, np.ndarray], rows: np.ndarray | slice) -> dict[str, np.ndarray]:
    return {name: samples[name][rows] for name in SCORED if name in samples}


def held_out(policy: nn.Module, split: Split, **how) -> HeldOut:
    """Measure one policy on every step of `split`: `held_out_together`, which `how` is told to."""
    return held_out_together([policy], split, **how)[0]


def held_out_together(
    policies: Sequence[nn.Module],
    split: Split,
    *,
    frames: int | None = None,
    inventory: bool = False,
    batch: int | None = None,
    lanes: int | None = None,
    device: str = "cpu",
    cut: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[HeldOut]:
    """Measure policies that see the same, such as one run's, on every step of `split`, read once.

    All is computed in float32. A policy's numbers do not depend on the others.

    Parameters
    ----------
    policies
        On `device`, in evaluation mode, of one family and shape.
    split
        Demonstrations that they were not trained on.
    frames
        Observations in a stack; None for a sequence policy, which goes through each game from its
        start with its state, as when it plays.
    inventory
        Whether a sequence policy sees the inventory.
    batch
        Stacks that are served at once, in order; None: as many as suit the device.
    lanes
        Games of a sequence policy side by side; no effect but rounding; None: likewise.
    device
        'cpu' or 'cuda'.
    cut
        Frames after which a sequence policy's memory is emptied, as between the stretches that it
        may have been trained on (`train.context`); None: its memory is carried through a game.
    progress
        Is called with the steps of each batch, times the policies.

    Returns
    -------
    list of HeldOut
        In the order of `policies`: means over steps with standard errors over episodes (see
        `per_step` and `ratio`).
    """
    sums: list[dict[str, np.ndarray]] = [{} for _ in policies]
    on_cpu = torch.device(device).type == "cpu"
    if frames is None:
        at_once = (lanes or LANES, PASS) if on_cpu else (lanes or DEVICE_LANES, DEVICE_PASS)
        passes = _games(policies, split, inventory, *at_once, device, cut)
    else:
        batch = batch or (256 if on_cpu else DEVICE_BATCH)
        passes = _stacks(policies, split, frames, batch, device)
    with torch.inference_mode(), float32(device):
        for every_logits, served in passes:
            episode = np.searchsorted(split.starts, served["index"], side="right") - 1
            for of, logits in zip(sums, every_logits, strict=True):
                for name, values in per_step(logits, served).items():
                    total = np.bincount(episode, values.numpy(), split.episodes)
                    of[name] = of.get(name, 0.0) + total
            if progress is not None:
                progress(len(episode) * len(policies))
    sizes = np.diff(split.starts)
    return [
        HeldOut(
            split.steps,
            split.episodes,
            {name: ratio(total, sizes) for name, total in of.items()},
            apart(of["loss"], sizes),
        )
        for of in sums
    ]


def apart(sums: np.ndarray, sizes: np.ndarray) -> tuple[tuple[int, float], ...]:
    """Steps and mean loss of every episode, or of PARTS groups of neighbours where there are more.

    They tell what a law owes to these episodes (`laws.episodes`).

    Parameters
    ----------
    sums
        The loss summed over each episode's steps, nats (episodes,).
    sizes
        Steps of each, (episodes,).
    """
    groups = np.array_split(np.arange(len(sizes)), min(len(sizes), PARTS))
    steps = [int(sizes[group].sum()) for group in groups]
    return tuple(
        (count, float(f"{sums[group].sum() / count:.6g}"))
        for count, group in zip(steps, groups, strict=True)
    )


@contextmanager
def float32(device: str) -> Iterator[None]:
    """Compute in float32 alone: no autocast, and no TF32 or bfloat16 within matrix products."""
    matmul, convolution = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.autocast(torch.device(device).type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolution


# Each policy's logits (n, actions), and the fields of the n steps.
Pass = tuple[list[torch.Tensor], dict[str, np.ndarray]]


def _stacks(
    policies: Sequence[nn.Module], split: Split, frames: int, batch: int, device: str
) -> Iterator[Pass]:
    options = {"shuffle": False, "stop": split.steps, "memory": devices.memory(device)}
    with Loader(split, frames=frames, batch=batch, labels=_labels(split), **options) as loader:
        (field,) = split.observation
        apply = None
        for samples in loader:
            screens = tensors({field: samples[field]}, device)[field]
            apply = apply or _how(policies, screens)
            yield apply(policies, screens), _scored(samples, slice(None))


Apply = Callable[[Sequence[nn.Module], torch.Tensor], list[torch.Tensor]]


def _how(policies: Sequence[nn.Module], screens: torch.Tensor) -> Apply:
    """How policies are applied: together, which is quicker, if their family can, and if these
    screens' logits are the same to the bit as each policy's alone. A cell's loss must not depend
    on which others a run has."""
    together = getattr(type(policies[0]), "together", None)
    if together is None or len(policies) == 1 or screens.device.type != "cpu":
        return _alone
    pairs = zip(together(policies, screens), _alone(policies, screens), strict=True)
    return together if all(torch.equal(one, other) for one, other in pairs) else _alone


def _alone(policies: Sequence[nn.Module], screens: torch.Tensor) -> list[torch.Tensor]:
    return [policy(screens) for policy in policies]


def _games(
    policies: Sequence[nn.Module], split: Split, inventory: bool, lanes: int, frames: int,
    device: str, cut: int | None,
) -> Iterator[Pass]:  # fmt: skip
    lanes = min(lanes, split.episodes)
    states: list[dict | None] = [None] * len(policies)
    # What a reader says depends on what a policy sees, not on its weights: one reads for all.
    context, reader = cut or max(1, frames // lanes), getattr(policies[0], "reader", None)
    kinds = {"inventory": inventory, "reader": reader, "labels": _labels(split)}
    with GameLoader(split, context=context, lanes=lanes, **kinds) as loader:
        for samples in loader:
            # What a lane ends with is padding, which is not scored.
            real = samples["index"] >= 0
            batch = tensors(samples, device)
            # Which are real the host knows: a mask on the device would have to be waited for.
            places = torch.from_numpy(np.flatnonzero(real)).to(device)
            every_logits = []
            for at, policy in enumerate(policies):
                state = None if cut else _narrowed(states[at], len(real))
                logits, states[at] = policy(batch, state)
                every_logits.append(logits.flatten(0, 1).index_select(0, places))
            yield every_logits, _scored(samples, real)


def _narrowed(state: dict | None, lanes: int) -> dict | None:
    """The state of the first lanes: those at the end have no more games."""
    return state and {name: values[:lanes] for name, values in state.items()}
