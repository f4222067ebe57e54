"""The cells of one run: every snapshot measured, one JSON record each."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ilscaling import flops, games
from ilscaling.files import digest
from ilscaling.games.play import Act, Moment
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring.cell import SPLITS, CellMeasurement
from ilscaling.measuring.loss import float32, held_out_together
from ilscaling.measuring.own_states import OwnStates
from ilscaling.measuring.replay import Replays
from ilscaling.measuring.returns import PolicyEpisode, play
from ilscaling.params import Evaluation, Model
from ilscaling.progress import tqdm
from ilscaling.seeds import Purpose, seeds
from ilscaling.store import Split, open_split


def evaluate_run(
    snapshots: list[str | Path],
    demos: str | Path,
    settings: Evaluation,
    emulator: Model,
    out: str | Path,
    *,
    device: str = "cpu",
    threads: int = 1,
    expert: Act | None = None,
    prefix: str = "",
    earlier: Mapping[str, dict] | None = None,
) -> list[dict]:
    """Measure every snapshot of a run and write `out/<budget>.json` for each, atomically.

    A record holds the snapshot's identity, the loss on the dev and on the test split in float32
    (see `loss.held_out`), the return (see `games.score.summary` and `cell.halves`), and of
    sequence policies the first episode as a `replay`. A snapshot that failed in training, or with
    a weight, loss or return that is not finite, gets a record that says so instead. What was
    measured on the same snapshot, data and settings is not measured again: see `CellMeasurement`.

    Parameters
    ----------
    snapshots
        JSON records (or the safetensors beside them) of cells of one run.
    demos
        The store of demonstrations, whose dev and test splits are measured.
    settings, emulator
        How the policies play.
    out
        Folder of the records.
    device
        'cpu' or 'cuda', for the losses, one policy after the other; policies from PLAYED_ON_DEVICE
        on play there, too, smaller ones on the CPU.
    threads
        Of PyTorch and of the emulators.
    expert
        Asked at each step that the policies play (see `own_states`); None: nobody is.
    prefix
        Of the records' names, in a folder of several runs.
    earlier
        Name of a snapshot, without suffix -> an earlier record of it, by fewer episodes, whose
        losses are taken over.

    Returns
    -------
    list of dict
        The records, in the order of `snapshots`.

    Raises
    ------
    TrainingError
        For snapshots that cannot be read or belong to another game than `demos`.
    StoreError
        For bad data.
    """
    torch.set_num_threads(threads)
    splits = {name: open_split(demos, name) for name in SPLITS}
    dev, out = splits["dev"], Path(out)
    method = {
        "splits": list(SPLITS),
        "precision": "float32",
        "settings": settings.model_dump(exclude={"random_episodes", "best_episodes", "lanes"}),
        "emulator": emulator.model_dump(),
        "demonstrations": digest(dev.attrs),
    }
    cells = [
        CellMeasurement.begin(path, dev, method, out / f"{prefix}{path.stem}.json")
        for path in map(Path, snapshots)
    ]
    for cell in cells:
        if cell.status == "failed":
            cell.save()
        elif earlier:
            cell.take_losses(earlier[cell.weights.stem])
    policies = [(cell, _policy(cell)) for cell in cells if cell.status == "todo"]
    _measure_losses(_unfinished(policies), splits, device)
    with float32(device):
        _measure_returns(_unfinished(policies), dev, settings, emulator, threads, device, expert)
    return [cell.record() for cell in cells]


# Forward FLOPs a step from which a policy plays on the GPU: below, starting its kernels is taken to
# last longer than a CPU's arithmetic, which is compiled for the small ones. Not measured.
PLAYED_ON_DEVICE = 3e7

# Cells with their policies.
Policies = list[tuple[CellMeasurement, nn.Module]]


def _unfinished(policies: Policies) -> Policies:
    return [(cell, policy) for cell, policy in policies if cell.status == "todo"]


def _policy(cell: CellMeasurement) -> nn.Module:
    """The cell's policy, on the CPU, with the FLOPs of a step as `flops_a_step`; weights that are
    not finite fail the cell, whatever the loss they give."""
    policy, record = load_policy(cell.weights)
    run = record.run
    policy.flops_a_step = flops.ledger(run.family, run.size, **run.shape).forward
    for name, weight in policy.state_dict().items():
        if not weight.isfinite().all():
            cell.fail(f"the weights are not finite: {name}")
            break
    return policy


def _measure_losses(policies: Policies, splits: dict[str, Split], device: str) -> None:
    """Measure each policy on each split that its cell lacks.

    On a CPU all policies read a split together. On a GPU one at a time, for a run may have as many
    snapshots as do not fit there together.
    """
    missing = [splits[name].steps for cell, _ in policies for name in cell.unread_splits()]
    with tqdm(total=sum(missing), unit="step", unit_scale=True, desc="held-out loss") as bar:
        for name, split in splits.items():
            lacking = [pair for pair in _unfinished(policies) if name in pair[0].unread_splits()]
            together = [lacking] if torch.device(device).type == "cpu" else [[x] for x in lacking]
            for group in filter(None, together):
                shape = group[0][0].shape
                measured = held_out_together(
                    [policy.to(device) for _, policy in group],
                    split,
                    frames=shape.get("frames"),
                    inventory=shape.get("inventory", False),
                    device=device,
                    progress=bar.update,
                )
                for (cell, policy), of in zip(group, measured, strict=True):
                    cell.add_split(name, of)
                    policy.to("cpu")


def _measure_returns(
    policies: Policies,
    demos: Split,
    settings: Evaluation,
    emulator: Model,
    threads: int,
    device: str,
    expert: Act | None,
) -> None:
    """Play the episodes that the cells lack, all policies in one pool of lanes."""
    if not policies:
        return
    # The policy with the lowest loss first: it plays the longest games, and whatever comes last
    # leaves lanes idle.
    policies = sorted(policies, key=lambda pair: pair[0].held_out["dev"].estimates["loss"].mean)
    cells = [cell for cell, _ in policies]
    where = device if policies[0][1].flops_a_step >= PLAYED_ON_DEVICE else "cpu"
    wanted = [
        PolicyEpisode(place, number)
        for place, cell in enumerate(cells)
        for number in cell.unplayed(settings.episodes)
    ]
    domain, name, shape = demos.attrs["domain"], demos.attrs["game"], cells[0].shape
    sequences = "frames" not in shape
    replays = Replays([k for k, (_, number) in enumerate(wanted) if sequences and number == 0])
    own = None if expert is None else OwnStates(expert)
    watching = [replays.on_step] if sequences else []
    watching += [] if own is None else [own.on_step]

    def on_step(moment: Moment) -> None:
        for watch in watching:
            watch(moment)

    lanes = min(settings.lanes, len(wanted))
    game = games.make(domain, name, lanes, emulator, threads=threads)
    total = len(cells) * settings.episodes
    bar = tqdm(total=total, initial=total - len(wanted), unit="episode", desc=f"playing {name}")
    try:
        for position, episode in play(
            [policy.to(where) for _, policy in policies],
            game,
            wanted,
            frames=shape.get("frames"),
            inventory=shape.get("inventory", False),
            seed=seeds(Purpose.EVALUATION, settings.seed, count=settings.episodes)[0],
            temperature=settings.temperature,
            on_step=on_step if watching else None,
            threads=threads,
            horizons=settings.horizons,
        ):
            place, number = wanted[position]
            replay = replays.record(position, episode, 0) if position in replays.actions else None
            if own is not None:
                episode = own.added(position, episode)
            cells[place].add_episode(number, episode, settings.episodes, replay)
            bar.update(1)
    finally:
        bar.close()
        game.close()
