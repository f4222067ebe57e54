"""One recording job of a level, played by the bot or an extension's expert; and the bot measured.

An episode has a handful of steps, a study thousands of them. So a job's recording holds all of them
one after the other, and `store` makes the demonstrations of it: a Zarr group an episode, as
`store.recording` has it, would take longer to read than to play.
"""

import shlex
import shutil
import uuid
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from ilscaling import registry
from ilscaling.domains import brought
from ilscaling.domains.babyai.bot import advice
from ilscaling.domains.babyai.game import Vector
from ilscaling.domains.babyai.section import BabyAI
from ilscaling.errors import GameError
from ilscaling.files import atomic, write_json
from ilscaling.games import play
from ilscaling.games.jobs import job as share
from ilscaling.games.score import summary
from ilscaling.progress import tqdm
from ilscaling.seeds import Purpose, seeds
from ilscaling.store.split import EXPERT_PROBS

FORMAT = "ilscaling-babyai-1"
STEPS, ABOUT = "steps.safetensors", "recording.json"
ROUND = 8  # episodes a lane that are played before what there is is counted


class _Kept:
    """Steps of the episodes of a round, by their position among its seeds."""

    def __init__(self, says_distribution: bool):
        self._says = says_distribution
        self.steps: dict[int, list[dict]] = {}

    def __call__(self, moment: play.Moment) -> None:
        for lane in np.flatnonzero(moment.episode >= 0):
            step = {name: values[lane].copy() for name, values in moment.observation.items()}
            step |= {"action": np.uint8(moment.action[lane]), "reward": moment.reward[lane]}
            if self._says:
                step[EXPERT_PROBS] = moment.probabilities[lane].astype(np.float16)
            self.steps.setdefault(int(moment.episode[lane]), []).append(step)


def record(section: BabyAI, job: int, out: Path) -> None:
    """Play the expert and put the folder `out` of a job's episodes in its place.

    It holds the shortest run of the job's seeds, from the first on, whose episodes have the steps
    that are wanted.

    Parameters
    ----------
    section
        Of the study.
    job
        Number of the job, from 0 on.
    out
        The folder.

    Raises
    ------
    ExpertError
        For an extension's expert that lacks its file or answers no weights of actions.
    GameError
        For a level that the bot cannot play, or when the seeds run out.
    """
    if not _is_free(Path(out)):
        raise GameError(
            "this is no earlier recording, and would be removed",
            where=str(out),
            fix=shlex.join(["--out", str(Path(out) / "job-0")]),
        )
    wanted, steps = share(section.demonstrations, section.emulator.max_steps, job)
    lanes, own = section.demonstrations.lanes, section.expert.name is None
    game = Vector(section.game, lanes, section.emulator)
    says = own or registry.get("EXPERT", section.expert.name).says_distribution
    described = {"player": "the BabyAI bot", "noise": section.expert.noise}
    if not own:
        described = brought.described(section.expert)
    attributes = {
        **game.spec.attributes(section.emulator),
        "expert": described,
        "versions": {name: version(name) for name in ("minigrid", "gymnasium", "numpy")},
    }
    act = advice(section.expert, section.game)
    act = act if own else brought.player(section.expert, game.spec)
    table: dict[str, list] = {"seed": [], "steps": [], "return": [], "truncated": []}
    kept: list[dict] = []
    bar = tqdm(total=steps, unit="step", unit_scale=True, desc=f"{section.game} expert")
    try:
        for first in range(0, len(wanted), ROUND * lanes):
            if len(kept) >= steps:
                break
            round_ = _Kept(says)
            chosen = wanted[first : first + ROUND * lanes]
            played = play.rollout(game, act, seeds=chosen, on_step=round_)
            for position in range(len(chosen)):
                if len(kept) >= steps:
                    break
                kept += round_.steps[position]
                bar.update(len(round_.steps[position]))
                for name, value in (
                    ("seed", int(played.seeds[position])),
                    ("steps", int(played.lengths[position])),
                    ("return", float(played.returns[position])),
                    ("truncated", bool(played.truncated[position])),
                ):
                    table[name].append(value)
    finally:
        bar.close()
        game.close()
    if len(kept) < steps:
        raise GameError(
            f"the seeds ran out after {len(kept)} of {steps} steps",
            where=str(out),
            fix="fewer steps (demonstrations.train_steps), or a lower demonstrations.seed",
        )
    arrays = {name: np.stack([step[name] for step in kept]) for name in kept[0]}
    _put(Path(out), arrays, {"format": FORMAT, **attributes, "episodes": table})


def _is_free(out: Path) -> bool:
    """Whether nothing stands at a path but a recording of ours, or an empty folder."""
    if not out.is_dir():
        return not out.exists()
    there = {path.name for path in out.iterdir()}
    return there <= {ABOUT, STEPS}


def _put(out: Path, arrays: dict[str, np.ndarray], about: dict) -> None:
    unfinished = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.tmp")
    unfinished.mkdir(parents=True)
    try:
        with atomic(unfinished / STEPS) as temporary:
            save_file(arrays, temporary)
        write_json(unfinished / ABOUT, about)
        shutil.rmtree(out, ignore_errors=True)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def measure(section: BabyAI, *, episodes: int, seed: int, lanes: int = 8) -> dict:
    """Play whole episodes with the bot.

    Parameters
    ----------
    section
        Of the study.
    episodes
        How many are played.
    seed
        Number of the first episode of `seeds.Purpose.EXPERT`; the others follow.
    lanes
        Episodes side by side.

    Returns
    -------
    dict
        Their `summary`.
    """
    game = Vector(section.game, min(lanes, episodes), section.emulator)
    try:
        played = play.rollout(
            game,
            advice(section.expert, section.game),
            seeds=seeds(Purpose.EXPERT, seed, count=episodes),
        )
    finally:
        game.close()
    return summary(played)
