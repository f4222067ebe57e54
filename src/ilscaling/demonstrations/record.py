"""One recording job: an expert plays episodes until enough steps are in complete ones."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ilscaling import games
from ilscaling.demonstrations import part
from ilscaling.errors import ExpertError, GameError
from ilscaling.experts import policy
from ilscaling.games import play
from ilscaling.models.acting import probabilities
from ilscaling.params import Emulator
from ilscaling.progress import tqdm

CHUNK = 256  # steps; only a unit of compression here, the store has its own


def record(
    expert: str | Path,
    game: str,
    emulator: Emulator,
    *,
    temperature: float,
    min_return: float | None = None,
    seeds: Iterable[int],
    lanes: int,
    steps: int,
    out: str | Path,
    threads: int = 1,
) -> dict:
    """Play the expert and write the part `out`; returns its episode table.

    The part holds the shortest run of `seeds`, from the first on, whose episodes have `steps`
    steps together: an episode counts only with all those before it, because taking the first to
    finish would favour short ones. What it holds depends on `lanes` only as far as the expert's
    float arithmetic does.

    Raises ExpertError for an expert that is damaged, plays another game or is not known to return
    `min_return`, GameError for an unknown game or when the seeds run out.
    """
    spec = games.spec("atari", game)
    network, made = policy.load(expert, game)
    if tuple(made["actions"]) != spec.actions:
        raise ExpertError(
            f"its actions {made['actions']} are not the game's {list(spec.actions)}",
            where=str(expert),
            fix="train it with the same version of ale-py",
        )
    if min_return is not None:
        refuse_poor(expert, made, min_return)
    torch.set_num_threads(threads)
    emulators = games.make("atari", game, lanes, emulator, threads=threads)
    attributes = {
        "game": game,
        "domain": spec.domain,
        "actions": list(spec.actions),
        "emulator": emulator.model_dump(),
        "temperature": float(temperature),
        "expert": {
            "digest": made["sha256"],
            **{k: made[k] for k in ("algorithm", "steps", "width") if k in made},
        },
        "versions": {name: version(name) for name in ("ale-py", "numpy", "torch")},
    }

    def act(stacks: np.ndarray, episode: np.ndarray) -> np.ndarray:
        return probabilities(network, stacks, temperature)

    bar = tqdm(total=steps, unit="step", unit_scale=True, desc=f"{game} expert")
    try:
        with part.create(out, attributes, chunk=CHUNK) as writer, bar:
            for episode in _episodes(emulators, play.Stacks(policy.STACK, act), seeds, steps, bar):
                writer.add(*episode)
            if writer.steps < steps:
                raise GameError(
                    f"the seeds ran out after {writer.steps} of {steps} steps", where=str(out)
                )
    finally:
        emulators.close()
    return writer.episodes


def refuse_poor(expert: str | Path, made: dict, least: float) -> None:
    """Raise ExpertError unless the record `made` of an expert says that it returns `least`: as
    measured over whole games, or else in the last games of its training."""
    measured = made.get("measured", {}).get("return_mean", made.get("training_score_mean_100"))
    if measured is not None and measured >= least:
        return
    known = "nobody has measured its return" if measured is None else f"it returns {measured:g}"
    raise ExpertError(
        f"{known}, and the study wants at least {least:g} (expert.min_return)",
        where=str(expert),
        fix="ilscaling measure-expert measures it; another comes from expert.ppo with other "
        "settings or from ilscaling import-expert; null takes any",
    )


def _episodes(
    game: games.VectorGame, act: play.Act, seeds: Iterable[int], steps: int, bar: tqdm
) -> Iterator[tuple[int, dict[str, np.ndarray], bool]]:
    """Complete episodes in the order of the seeds, until they have `steps` steps."""
    played = complete = following = 0
    screens: list[list[np.ndarray]] = [[] for _ in range(game.lanes)]
    actions: list[list[int]] = [[] for _ in range(game.lanes)]
    rewards: list[list[float]] = [[] for _ in range(game.lanes)]
    waiting: dict[int, tuple] = {}  # ended, but an earlier seed has not

    def needed() -> Iterator[int]:
        # What is being played counts before anything new: no new episode once that is enough.
        for seed in seeds:
            if played >= steps:
                return
            yield seed

    for moment in play.moments(game, act, seeds=needed()):
        lanes = np.flatnonzero(moment.episode >= 0)
        bar.update(min(len(lanes), max(0, steps - played)))
        played += len(lanes)
        for lane in lanes:
            screens[lane].append(moment.observation["screen"][lane].copy())
            actions[lane].append(int(moment.action[lane]))
            rewards[lane].append(float(moment.reward[lane]))
            if moment.done[lane]:
                arrays = {
                    "screen": np.stack(screens[lane]),
                    "action": np.array(actions[lane], np.uint8),
                    "reward": np.array(rewards[lane], np.float32),
                }
                ended = (int(moment.seed[lane]), arrays, bool(moment.truncated[lane]))
                waiting[int(moment.episode[lane])] = ended
                screens[lane], actions[lane], rewards[lane] = [], [], []
        while complete < steps and following in waiting:
            episode = waiting.pop(following)
            complete += len(episode[1]["reward"])
            following += 1
            yield episode
        if complete >= steps:
            return
