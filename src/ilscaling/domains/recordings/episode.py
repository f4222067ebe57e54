"""An episode that somebody has recorded, as its file says it."""

from dataclasses import dataclass

import numpy as np

from ilscaling.errors import StoreError

# The most bytes of one recording in memory: a bound by judgement, far above a game's.
MAX_BYTES = 2**32
SEEDS = 2**63


@dataclass(frozen=True)
class Episode:
    """An episode.

    Parameters
    ----------
    place
        Its file, and its number there, for people.
    action
        int64 (steps,).
    reward
        float64 (steps,), points of the game.
    observation
        What was seen before each action, (steps, ...), and perhaps after the last; None: not
        recorded.
    ended
        Whether the game was over after the last action; None: not recorded.
    seed
        Of its start; None: not recorded.
    """

    place: str
    action: np.ndarray
    reward: np.ndarray
    observation: np.ndarray | None = None
    ended: bool | None = None
    seed: int | None = None

    def checked(self, actions: int) -> "Episode":
        """This episode; StoreError where it cannot be one of a game.

        Parameters
        ----------
        actions
            How many the game has.
        """
        steps = len(self.action)
        if not steps:
            raise self.bad("it has no steps")
        if self.reward.shape != (steps,):
            raise self.bad(f"{steps:,} actions, and rewards of the shape {self.reward.shape}")
        if self.observation is not None and _steps(self.observation) not in (steps, steps + 1):
            raise self.bad(f"{steps:,} actions and {_steps(self.observation):,} observations")
        if self.seed is not None and not 0 <= self.seed < SEEDS:
            raise self.bad(f"its seed is {self.seed}", f"a whole number from 0 to {SEEDS - 1:,}")
        wrong = np.flatnonzero((self.action < 0) | (self.action >= actions))
        if len(wrong):
            at = int(wrong[0])
            raise self.bad(
                f"action {self.action[at]} at step {at:,}, where the game has {actions} actions",
                "actions are numbers in the game's own set, from 0: ale-py's minimal one of Atari",
            )
        with np.errstate(over="ignore"):  # as the store holds it
            rewards = np.asarray(self.reward, np.float32)
        if not np.isfinite(rewards).all():
            raise self.bad("a reward is not finite, or beyond 3e38")
        return self

    def bad(self, what: str, fix: str = "") -> StoreError:
        """The error of this recording."""
        return StoreError(what, where=self.place, fix=fix)


def cut(place: str, arrays: dict[str, np.ndarray]) -> list[Episode]:
    """Episodes that lie one after the other in arrays.

    Parameters
    ----------
    place
        Where they come from, for people.
    arrays
        Our names of fields -> arrays, `action` and `reward` among them; `terminated` and
        `truncated` (steps,) mark the last step of each episode, `seed` is one number, or one an
        episode.

    Raises
    ------
    StoreError
        For arrays that do not fit together.
    """
    action, reward = arrays["action"], arrays["reward"]
    flags = {name: arrays[name] for name in ("terminated", "truncated") if name in arrays}
    for name, values in {"action": action, "reward": reward, **flags}.items():
        if values.shape != (_steps(action),):
            raise StoreError(
                f"{name} has the shape {values.shape}, where one number a step is wanted "
                f"({_steps(action):,} actions)",
                where=place,
                fix="--field OURS=THEIRS names another array",
            )
    if action.dtype.kind not in "iu":
        raise StoreError(f"actions are {action.dtype}, not whole numbers", where=place)
    if not len(action):
        raise StoreError("it has no steps", where=place)
    for name, values in flags.items():
        wrong = np.flatnonzero((values != 0) & (values != 1))
        if len(wrong):
            raise StoreError(
                f"{name} is {values[wrong[0]]} at step {wrong[0]:,}, neither 0 nor 1", where=place
            )
    last = np.zeros(len(action), bool)
    for values in flags.values():
        last |= values.astype(bool)
    stops = [int(stop) + 1 for stop in np.flatnonzero(last)]
    if not stops or stops[-1] < len(action):
        stops.append(len(action))
    seeds = [None] * len(stops)
    if "seed" in arrays:
        given = np.atleast_1d(arrays["seed"])
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise StoreError(
                f"seeds are {given.dtype} {given.shape}, not a whole number an episode", where=place
            )
        seeds = given.tolist()
    if len(seeds) != len(stops):
        raise StoreError(f"{len(seeds)} seeds of {len(stops)} episodes", where=place)
    seen = arrays.get("observation")
    alone = len(stops) == 1
    if seen is not None and _steps(seen) != len(action) and not alone:
        raise StoreError(f"{len(action):,} actions and {_steps(seen):,} observations", where=place)
    episodes, start = [], 0
    for number, (stop, seed) in enumerate(zip(stops, seeds, strict=True)):
        part = slice(start, stop)
        episodes.append(
            Episode(
                place=place if alone else f"{place}, episode {number}",
                action=action[part].astype(np.int64),
                reward=reward[part].astype(np.float64),
                observation=None if seen is None else (seen if alone else seen[part]),
                ended=bool(arrays["terminated"][stop - 1]) if "terminated" in arrays else None,
                seed=seed,
            )
        )
        start = stop
    return episodes


def _steps(values: np.ndarray) -> int:
    """How many steps an array has; a lone number is of one."""
    return len(values) if values.ndim else 1
