"""MiniGrid's BabyAI bot as the playing loop asks it, in games that anyone plays.

The bot reads the whole state of an environment of its own, plans, and plans anew after any action.
So each lane has a second environment, which begins with the episode's seed and follows what was
played in the first: both are in what the game shows (`episode_seed`, `before`).
"""

import numpy as np
from minigrid.utils.baby_ai_bot import BabyAIBot

from ilscaling.domains.babyai import levels
from ilscaling.domains.babyai.levels import ACTIONS, NOTHING
from ilscaling.domains.babyai.section import BabyAIExpert
from ilscaling.errors import ExpertError
from ilscaling.games import play

SEARCHES = 400  # of a plan; a plan that takes more goes round in circles


class _Circling(Exception):
    """The bot does not come to an end."""


class _Bot(BabyAIBot):
    """The bot, which stops searching after a while."""

    def __init__(self, env):
        self.searches = 0
        super().__init__(env)

    def replan(self, action_taken=None):
        self.searches = 0
        return super().replan(action_taken)

    def _shortest_path(self, accept_fn, try_with_blockers=False):
        self.searches += 1
        if self.searches > SEARCHES:
            raise _Circling
        return super()._shortest_path(accept_fn, try_with_blockers)


class Follower:
    """An environment that follows an episode, and the bot that plans in it.

    Parameters
    ----------
    level
        Name of the level.
    """

    def __init__(self, level: str):
        self._env = levels.make(level)
        self._bot: _Bot | None = None

    def begin(self, seed: int) -> int:
        """Start an episode.

        Returns
        -------
        int
            What the bot would do.
        """
        levels.begin(self._env, seed)
        # The bot looks by itself: what a step would show is not made.
        self._env.gen_obs = dict
        self._bot = _Bot(self._env)
        return self._answer(None)

    def follow(self, action: int) -> int:
        """Play what was played; returns what the bot would do then."""
        self._env.step(action)
        return self._answer(action)

    def close(self) -> None:
        self._env.close()

    def _answer(self, action: int | None) -> int:
        """Of the bot; where its plan fails, of one that plans from here, with what was seen."""
        try:
            return int(self._bot.replan(action))
        except Exception:  # it asserts what a player can undo, such as what lies before it
            seen = self._bot.vis_mask
        self._bot = _Bot(self._env)
        self._bot.vis_mask = seen
        try:
            return int(self._bot.replan())
        except Exception:
            return ACTIONS.index("done")  # as it says where nothing is left to do


class Advice:
    """The bot in each lane of a game, as `games.play.Act`.

    Parameters
    ----------
    level
        Name of the level.
    noise
        Share of steps at which it plays at random.

    Raises
    ------
    ExpertError
        At a step that is not the one after that which was shown before.
    """

    def __init__(self, level: str, noise: float = 0.0):
        self.level, self.noise = level, noise
        self._followers: list[Follower] = []
        self._at: np.ndarray = np.empty(0, np.int64)

    def __call__(
        self, observation: dict[str, np.ndarray], episode: np.ndarray, fresh: np.ndarray
    ) -> np.ndarray:
        """Probabilities of the actions, (lanes, actions).

        Parameters
        ----------
        observation
            As the domain's games show it.
        episode
            Of each lane, int64 (lanes,); -1: idle, where all actions are as likely.
        fresh
            Whether an episode begins, bool (lanes,).
        """
        lanes = len(fresh)
        while len(self._followers) < lanes:
            self._followers.append(Follower(self.level))
            self._at = np.append(self._at, -1)
        said = np.full((lanes, len(ACTIONS)), 1 / len(ACTIONS))
        for lane in np.flatnonzero(np.asarray(episode) >= 0):
            seed, before = (int(observation[name][lane]) for name in ("episode_seed", "before"))
            if before == NOTHING:
                answer = self._followers[lane].begin(seed)
            elif self._at[lane] == seed and not fresh[lane]:
                answer = self._followers[lane].follow(before)
            else:
                raise ExpertError(
                    "the bot is asked in the middle of an episode that it did not follow",
                    where=f"the episode of seed {seed}",
                    fix="ask it from the episode's first step on",
                )
            self._at[lane] = seed
            said[lane] = np.eye(len(ACTIONS))[answer]
        return play.mixed(said, self.noise)


def advice(asked: BabyAIExpert, level: str) -> Advice:
    """The bot as the parameters ask it.

    Parameters
    ----------
    asked
        The section `expert`.
    level
        Name of the level.
    """
    return Advice(level, asked.noise)
