"""An episode that somebody has recorded, as its file says it."""

from dataclasses import dataclass

import numpy as np

from ilscaling.errors import StoreError

# The most bytes of one recording in memory: a bound by judgement, far above a game's.
MAX_BYTES = 2**32


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
        if len(self.reward) != steps:
            raise self.bad(f"{steps:,} actions and {len(self.reward):,} rewards")
        if self.observation is not None and len(self.observation) not in (steps, steps + 1):
            raise self.bad(f"{steps:,} actions and {len(self.observation):,} observations")
        wrong = np.flatnonzero((self.action < 0) | (self.action >= actions))
        if len(wrong):
            at = int(wrong[0])
            raise self.bad(
                f"action {self.action[at]} at step {at:,}, where the game has {actions} actions",
                "actions are numbers in the game's own set, from 0: ale-py's minimal one of Atari",
            )
        if not np.isfinite(self.reward).all():
            raise self.bad("a reward is not finite")
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
        if values.ndim != 1 or len(values) != len(action):
            raise StoreError(
                f"{name} has the shape {values.shape}, where one number a step is wanted "
                f"({len(action):,} actions)",
                where=place,
                fix="--field OURS=THEIRS names another array",
            )
    if action.dtype.kind not in "iu":
        raise StoreError(f"actions are {action.dtype}, not whole numbers", where=place)
    last = np.zeros(len(action), bool)
    for values in flags.values():
        last |= values.astype(bool)
    stops = [int(stop) + 1 for stop in np.flatnonzero(last)]
    if not stops or stops[-1] < len(action):
        stops.append(len(action))
    seeds = np.atleast_1d(arrays["seed"]).tolist() if "seed" in arrays else [None] * len(stops)
    if len(seeds) != len(stops):
        raise StoreError(f"{len(seeds)} seeds of {len(stops)} episodes", where=place)
    seen = arrays.get("observation")
    alone = len(stops) == 1
    if seen is not None and len(seen) != len(action) and not alone:
        raise StoreError(f"{len(action):,} actions and {len(seen):,} observations", where=place)
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
                seed=None if seed is None else int(seed),
            )
        )
        start = stop
    return episodes
