"""Several games of NetHack side by side, in one process."""

import numpy as np

from ilscaling.domains.nethack.game import ACTIONS, KEYS, SCREEN, Game, check_role
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.games.base import GameSpec, Step

# Field of an observation -> (shape, dtype). `inventory`: glyphs of what is carried, in the order
# of the inventory; NLE's number for no glyph fills the rest.
OBSERVATION: dict[str, tuple[tuple[int, ...], np.dtype]] = {
    "tty_chars": ((24, 80), np.dtype(np.uint8)),
    "tty_colors": ((24, 80), np.dtype(np.int8)),
    "tty_cursor": ((2,), np.dtype(np.uint8)),
    "inventory": ((55,), np.dtype(np.int16)),
}
STATE: dict[str, tuple[tuple[int, ...], np.dtype]] = {
    "reward": ((), np.dtype(np.float32)),
    "done": ((), np.dtype(bool)),
    "truncated": ((), np.dtype(bool)),
    "depth": ((), np.dtype(np.int64)),
    "turns": ((), np.dtype(np.int64)),
}
EXTRAS = ("depth", "turns")


def spec(game: str, options: NetHackEmulator | None = None) -> GameSpec:
    """Specification of NetHack.

    Parameters
    ----------
    game
        A study's name for it, which may be any.
    options
        How it is run, on which nothing here depends.
    """
    return GameSpec(name=game, domain="nethack", observation=OBSERVATION, actions=ACTIONS)


class Vector:
    """Games, stepped one after the other; see `ilscaling.games.base.VectorGame`.

    Extras: depth, the deepest level reached; turns, the game's own time.

    Parameters
    ----------
    game
        A study's name for NetHack.
    lanes
        How many.
    options
        The section `emulator`.

    Raises
    ------
    GameError
        For an unknown role.
    """

    def __init__(self, game: str, lanes: int, options: NetHackEmulator):
        check_role(options.role)
        self.spec = spec(game)
        self.lanes = lanes
        self._games = [Game(options, fields=(*SCREEN, "inv_glyphs")) for _ in range(lanes)]
        shapes = {**OBSERVATION, **STATE}
        self._arrays = {n: np.zeros((lanes, *shape), dtype) for n, (shape, dtype) in shapes.items()}

    def reset(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start one game a lane."""
        return self.restart(np.ones(self.lanes, bool), seeds)

    def restart(self, lanes: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start new games in some lanes.

        Parameters
        ----------
        lanes
            Which, bool (lanes,).
        seeds
            One for each of these, int (chosen lanes,).

        Returns
        -------
        dict
            Field of `OBSERVATION` -> (lanes, ...), of all lanes.
        """
        for lane, seed in zip(np.flatnonzero(lanes), np.asarray(seeds), strict=True):
            self._games[lane].start(int(seed))
            self._look(lane, 0)
        return self._observation()

    def step(self, actions: np.ndarray) -> Step:
        """Press one key a lane; a lane whose game is over stays as it is."""
        for lane, game in enumerate(self._games):
            self._look(lane, 0 if game.over else game.press(KEYS[actions[lane]]))
        return Step(
            self._observation(),
            *(self._arrays[name].copy() for name in ("reward", "done", "truncated")),
            {name: self._arrays[name].copy() for name in EXTRAS},
        )

    def _look(self, lane: int, gained: int) -> None:
        game, arrays = self._games[lane], self._arrays
        for name, values in observed(game).items():
            arrays[name][lane] = values
        arrays["reward"][lane] = gained
        arrays["done"][lane], arrays["truncated"][lane] = game.over, game.truncated
        arrays["depth"][lane], arrays["turns"][lane] = game.deepest, game.turn

    def _observation(self) -> dict[str, np.ndarray]:
        return {name: self._arrays[name].copy() for name in OBSERVATION}

    def close(self) -> None:
        for game in self._games:
            game.close()


def observed(game: Game) -> dict[str, np.ndarray]:
    """The fields of `OBSERVATION` in NLE's own buffers, overwritten by the next key."""
    buffers = game.observation
    return {**{name: buffers[name] for name in SCREEN}, "inventory": buffers["inv_glyphs"]}
