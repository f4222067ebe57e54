"""Atari 2600 games by ALE's own vectorised environment.

One frame a step is observed (grey, 84x84, maximum over the last two of the skipped frames);
whoever needs a stack of frames builds it. No life-loss termination, no reward clipping, no
automatic FIRE: a return is the game's own score over a whole episode.
"""

import ale_py
import numpy as np
from ale_py import roms
from ale_py.vector_env import AtariVectorEnv

from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import GameError
from ilscaling.games.base import GameSpec, Step, nearest

# Every emulator would print its version otherwise.
ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)

SCREEN = (84, 84)

# Published mean scores of a human player and of uniformly random play (Mnih et al., Nature 2015,
# extended data table 2): marks on the figures' axes, never part of a computation of ours.
HUMAN = {"breakout": 30.5}


def names() -> list[str]:
    """All ROMs that ale-py ships."""
    return sorted(roms.get_all_rom_ids())


def spec(game: str, options: Emulator | None = None) -> GameSpec:
    """Observation fields and minimal action set of a game, without starting an emulator loop.

    Parameters
    ----------
    game
        Name of a ROM that ale-py ships.
    options
        How it is run, on which nothing here depends.

    Raises
    ------
    GameError
        For an unknown game.
    """
    if game not in names():
        raise GameError(
            f"unknown Atari game {game!r}",
            where="params: game.name",
            fix=f"did you mean {nearest(game, names())!r}? names are those of ale-py's ROMs",
        )
    ale = ale_py.ALEInterface()
    ale.loadROM(roms.get_rom_path(game))
    actions = tuple(action.name for action in ale.getMinimalActionSet())
    return GameSpec(
        name=game,
        domain="atari",
        observation={"screen": (SCREEN, np.dtype(np.uint8))},
        actions=actions,
        human_return=HUMAN.get(game),
    )


def emulator(game: str, lanes: int, options: Emulator, *, threads: int = 1, **settings):
    """ALE's vectorised environment with the options that recording, evaluation and PPO share.

    Parameters
    ----------
    game
        Name of a ROM that ale-py ships.
    lanes
        Episodes side by side.
    options
        The section `emulator`.
    threads
        CPU threads that step the lanes.
    settings
        Further ones of `AtariVectorEnv`.

    Raises
    ------
    GameError
        For an unknown game.
    """
    spec(game)
    return AtariVectorEnv(
        game,
        lanes,
        num_threads=threads,
        frameskip=options.frame_skip,
        repeat_action_probability=options.sticky,
        noop_max=options.noop_max,
        max_num_frames_per_episode=options.max_steps * options.frame_skip,
        use_fire_reset=False,
        reward_clipping=False,
        maxpool=True,
        autoreset_mode="SameStep",
        **settings,
    )


class Vector:
    """Copies of one game, stepped together; see `ilscaling.games.base.VectorGame`.

    Parameters
    ----------
    game
        Name of a ROM that ale-py ships.
    lanes
        How many.
    options
        The section `emulator`.
    threads
        CPU threads that step the lanes.

    Raises
    ------
    GameError
        For an unknown game.
    """

    def __init__(self, game: str, lanes: int, options: Emulator, *, threads: int = 1):
        self.spec = spec(game)
        self.lanes = lanes
        self._env = emulator(game, lanes, options, threads=threads, stack_num=1)
        self._screen = np.zeros((lanes, *SCREEN), np.uint8)

    def reset(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start one episode a lane; episode and noise are functions of the seed alone."""
        obs, _ = self._env.reset(seed=np.asarray(seeds, np.int64))
        self._screen = obs[:, 0].copy()
        return {"screen": self._screen.copy()}

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
            `screen` uint8 (lanes, 84, 84), of all lanes.
        """
        obs, _ = self._env.reset(
            seed=np.asarray(seeds, np.int64), options={"reset_mask": np.asarray(lanes, bool)}
        )
        self._screen[lanes] = obs[:, 0] if len(obs) == int(lanes.sum()) else obs[lanes, 0]
        return {"screen": self._screen.copy()}

    def step(self, actions: np.ndarray) -> Step:
        """Play one action a lane."""
        obs, reward, terminated, truncated, _ = self._env.step(np.asarray(actions, np.int64))
        self._screen = obs[:, 0].copy()
        return Step(
            observation={"screen": self._screen.copy()},
            reward=np.asarray(reward, np.float32),
            done=np.asarray(terminated | truncated, bool),
            truncated=np.asarray(truncated, bool),
        )

    def close(self) -> None:
        self._env.close()
