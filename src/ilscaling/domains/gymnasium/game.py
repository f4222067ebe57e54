"""Games of extensions: Gymnasium environments with discrete actions and an array to observe.

An episode ends when the environment says so or after `emulator.max_steps`; a return is the sum of
the environment's rewards over a whole episode.
"""

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from ilscaling import registry
from ilscaling.domains.gymnasium.entries import Game
from ilscaling.domains.gymnasium.section import Options
from ilscaling.errors import GameError
from ilscaling.games.base import GameSpec, Step

FIELD = "observation"
# What is stored for types that the store or PyTorch would rather not have.
TYPES = {np.dtype(np.float64): np.float32, np.dtype(bool): np.uint8}
AXES = (1, 2, 3)


def spec(game: str, options: Options | None = None) -> GameSpec:
    """Observation and actions of a game.

    Parameters
    ----------
    game
        Name of the entry GAME.
    options
        How it is run; None: by the defaults.

    Raises
    ------
    GameError
        For a game that cannot be made, or that no policy could play.
    """
    made, env = _make(game, options or Options())
    playable = _spec(made, env)
    env.close()
    return playable


def _make(game: str, options: Options) -> tuple[Game, gymnasium.Env]:
    made = registry.get("GAME", game)
    try:
        env = made.make(**options.options)
    except Exception as error:
        raise GameError(
            f"the game {game!r} cannot be made: {type(error).__name__}: {error}",
            where=registry.source("GAME", game),
            fix=f"its `make` gets emulator.options: {options.options}",
        ) from error
    return made, env


def _spec(made: Game, env: gymnasium.Env) -> GameSpec:
    def bad(what: str, fix: str) -> GameError:
        where = f"{registry.source('GAME', made.name)}: game {made.name!r}"
        return GameError(what, where=where, fix=fix)

    if not isinstance(env, gymnasium.Env):
        raise bad(f"`make` returns {env!r:.80}", "return a gymnasium.Env")
    seen, does = env.observation_space, env.action_space
    if not isinstance(does, spaces.Discrete) or does.start != 0 or not 2 <= does.n <= 256:
        raise bad(f"its action space is {does}", "make it Discrete(n) with 2 to 256 actions")
    if not isinstance(seen, spaces.Box) or len(seen.shape) not in AXES:
        raise bad(
            f"its observation space is {seen}",
            "make it a Box of one to three axes, for example by gymnasium.wrappers",
        )
    actions = made.actions or tuple(str(action) for action in range(does.n))
    if len(actions) != does.n:
        raise bad(f"it has {does.n} actions, {len(actions)} are named", "name each, or none")
    return GameSpec(
        name=made.name,
        domain="gymnasium",
        observation={FIELD: (seen.shape, np.dtype(TYPES.get(seen.dtype, seen.dtype)))},
        actions=tuple(actions),
        human_return=made.human_return,
    )


class Vector:
    """Environments, stepped one after the other; see `games.base.VectorGame`.

    Parameters
    ----------
    game
        Name of the entry GAME.
    lanes
        How many.
    options
        The section `emulator`.

    Raises
    ------
    GameError
        For a game that cannot be made, or that no policy could play.
    """

    def __init__(self, game: str, lanes: int, options: Options):
        made, env = _make(game, options)
        self.spec = _spec(made, env)
        self.lanes = lanes
        self._max_steps = options.max_steps
        others = [lambda: made.make(**options.options)] * (lanes - 1)
        self._envs = SyncVectorEnv([lambda: env, *others], autoreset_mode=AutoresetMode.DISABLED)
        self._steps = np.zeros(lanes, np.int64)
        self._over = np.ones(lanes, bool)

    def reset(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start one episode a lane, each a function of its seed and the actions."""
        return self.restart(np.ones(self.lanes, bool), seeds)

    def restart(self, lanes: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start new episodes in some lanes.

        Parameters
        ----------
        lanes
            Which, bool (lanes,).
        seeds
            One for each of these, int (chosen lanes,).

        Returns
        -------
        dict
            `observation` (lanes, ...), of all lanes.
        """
        every = np.zeros(self.lanes, np.int64)
        every[lanes] = seeds
        # Gymnasium takes the mask out of these options, and asks for a mask of its own type.
        masked = {"reset_mask": np.array(lanes, bool)}
        observation, _ = self._promised(self._envs.reset, seed=every.tolist(), options=masked)
        self._steps[lanes], self._over[lanes] = 0, False
        return self._fields(observation)

    def step(self, actions: np.ndarray) -> Step:
        """Play one action a lane; a lane that has not been restarted plays an episode that nobody
        asked for."""
        if self._over.any():
            self.restart(self._over.copy(), np.zeros(int(self._over.sum()), np.int64))
        observation, reward, terminated, cut, _ = self._promised(self._envs.step, actions)
        self._steps += 1
        truncated = ~terminated & (cut | (self._steps >= self._max_steps))
        self._over = terminated | truncated
        done = self._over.copy()
        return Step(self._fields(observation), reward.astype(np.float32), done, truncated)

    def _fields(self, observation: np.ndarray) -> dict[str, np.ndarray]:
        return {FIELD: observation.astype(self.spec.observation[FIELD][1], copy=False)}

    def _promised(self, play, *arguments, **options):
        """What Gymnasium returns; GameError for an observation of another shape than its space."""
        try:
            return play(*arguments, **options)
        except ValueError as error:
            raise GameError(
                f"an observation is not of its space: {error}",
                where=f"{registry.source('GAME', self.spec.name)}: game {self.spec.name!r}",
                fix=f"return what observation_space is: {self._envs.single_observation_space}",
            ) from error

    def close(self) -> None:
        self._envs.close()


def refuse_unseeded(game: str, options: Options, *, seed: int, steps: int = 200) -> None:
    """Raise GameError for a game whose episode is no function of seed and actions.

    What a second environment plays after another episode must be what a first one plays at once.

    Parameters
    ----------
    game
        Name of the entry GAME.
    options
        How it is run.
    seed
        Of the episode and of the actions that are drawn for it.
    steps
        Of the episode that both play.
    """
    pair = Vector(game, 2, options)
    drawn = np.random.default_rng([seed, 3]).integers(0, len(pair.spec.actions), (steps, 2))
    try:
        pair.reset(np.array([seed, seed + 1]))
        for actions in drawn[: steps // 4]:
            pair.step(actions)
        observations = [pair.restart(np.ones(2, bool), np.array([seed, seed]))[FIELD]]
        rewards = []
        for action in drawn[:, 0]:
            step = pair.step(np.array([action, action]))
            observations.append(step.observation[FIELD])
            rewards.append(np.stack([step.reward, step.done]))
    finally:
        pair.close()
    same = all(np.array_equal(first, second, equal_nan=True) for first, second in observations)
    if not same or not all(np.array_equal(r[:, 0], r[:, 1]) for r in rewards):
        raise GameError(
            f"two episodes of {game!r} with the same seed and actions differ",
            where=registry.source("GAME", game),
            fix="draw from self.np_random alone, and set everything anew in reset(seed=...)",
        )
