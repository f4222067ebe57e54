"""Several games of NetHack side by side, in this process or shared among others."""

import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np

from ilscaling.domains.nethack.game import ACTIONS, KEYS, SCREEN, Game, check_role
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import GameError
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
    """Specification of NetHack; `game` is a study's name for it, which may be any."""
    return GameSpec(name=game, domain="nethack", observation=OBSERVATION, actions=ACTIONS)


class Lanes:
    """Games, one a lane, whose state is written to `arrays` {field: (lanes, ...)}."""

    def __init__(self, options: NetHackEmulator, arrays: dict[str, np.ndarray]):
        self.arrays = arrays
        lanes = range(len(arrays["done"]))
        self.games = [Game(options, fields=(*SCREEN, "inv_glyphs")) for _ in lanes]

    def start(self, chosen: np.ndarray, seeds: np.ndarray) -> None:
        """Start games of `seeds` in the lanes of the mask `chosen`."""
        for lane in np.flatnonzero(chosen):
            self.games[lane].start(int(seeds[lane]))
            self._look(lane, 0)

    def press(self, actions: np.ndarray) -> None:
        """One action a lane; a lane whose game is over stays as it is."""
        for lane, game in enumerate(self.games):
            gained = 0 if game.over else game.press(KEYS[actions[lane]])
            self._look(lane, gained)

    def _look(self, lane: int, gained: int) -> None:
        game, arrays = self.games[lane], self.arrays
        for name in SCREEN:
            arrays[name][lane] = game.observation[name]
        arrays["inventory"][lane] = game.observation["inv_glyphs"]
        arrays["reward"][lane] = gained
        arrays["done"][lane], arrays["truncated"][lane] = game.over, game.truncated
        arrays["depth"][lane], arrays["turns"][lane] = game.deepest, game.turn

    def close(self) -> None:
        for game in self.games:
            game.close()


class Vector:
    """`lanes` games, stepped together; see `ilscaling.games.base.VectorGame`.

    Extras: depth, the deepest level reached; turns, the game's own time. `threads` above 1: so
    many processes share the lanes, with the same results.
    """

    def __init__(self, game: str, lanes: int, options: NetHackEmulator, *, threads: int = 1):
        check_role(options.role)
        self.spec = spec(game)
        self.lanes = lanes
        shapes = {**OBSERVATION, **STATE}
        processes = min(threads, lanes)
        if processes == 1:
            self._arrays = {n: np.zeros((lanes, *s), dtype) for n, (s, dtype) in shapes.items()}
            self._workers: list[Worker] = []
            self._own = Lanes(options, self._arrays)
            return
        context = get_context("spawn")
        memory = {
            name: context.RawArray("b", lanes * int(np.prod(shape)) * dtype.itemsize)
            for name, (shape, dtype) in shapes.items()
        }
        self._arrays = _views(memory, lanes)
        shares = np.array_split(np.arange(lanes), processes)
        self._workers = [Worker(context, options, memory, lanes, share) for share in shares]

    def reset(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start one game a lane."""
        return self.restart(np.ones(self.lanes, bool), seeds)

    def restart(self, lanes: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start new games in `lanes` (bool mask) by `seeds`, one for each of them; returns all
        lanes' observations."""
        every = np.zeros(self.lanes, np.int64)
        every[lanes] = seeds
        self._do("start", np.asarray(lanes, bool), every)
        return self._observation()

    def step(self, actions: np.ndarray) -> Step:
        """Press one key a lane."""
        self._do("press", np.asarray(actions, np.int64))
        return Step(
            self._observation(),
            *(self._arrays[name].copy() for name in ("reward", "done", "truncated")),
            {name: self._arrays[name].copy() for name in EXTRAS},
        )

    def _observation(self) -> dict[str, np.ndarray]:
        return {name: self._arrays[name].copy() for name in OBSERVATION}

    def _do(self, what: str, *arguments: np.ndarray) -> None:
        if not self._workers:
            getattr(self._own, what)(*arguments)
            return
        for worker in self._workers:
            worker.ask(what, *arguments)
        for worker in self._workers:
            worker.wait()

    def close(self) -> None:
        if not self._workers:
            self._own.close()
        for worker in self._workers:
            worker.close()


class Worker:
    """A process that plays the lanes `share` (positions) and writes to shared memory."""

    def __init__(self, context, options, memory: dict, lanes: int, share: np.ndarray):
        self._share = slice(int(share[0]), int(share[-1]) + 1)
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, options, memory, lanes, self._share), daemon=True
        )
        self._process.start()
        there.close()

    def ask(self, what: str, *arguments: np.ndarray) -> None:
        try:
            self._here.send((what, *(a[self._share] for a in arguments)))
        except OSError:
            raise self._gone() from None

    def wait(self) -> None:
        try:
            problem = self._here.recv()
        except (EOFError, OSError):
            raise self._gone() from None
        if problem:
            raise GameError(*problem)

    def _gone(self) -> GameError:
        return GameError("a process that plays NetHack has died", fix="look at the memory in use")

    def close(self) -> None:
        self._here.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()


def _views(memory: dict, lanes: int) -> dict[str, np.ndarray]:
    return {
        name: np.frombuffer(memory[name], dtype).reshape(lanes, *shape)
        for name, (shape, dtype) in {**OBSERVATION, **STATE}.items()
    }


def _serve(pipe: Connection, options, memory: dict, lanes: int, share: slice) -> None:
    # Ctrl-C reaches the whole group; it is the parent that decides, and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    views = {name: view[share] for name, view in _views(memory, lanes).items()}
    played = Lanes(options, views)
    while True:
        try:
            what, *arguments = pipe.recv()
        except (EOFError, OSError):
            break
        try:
            getattr(played, what)(*arguments)
            pipe.send(None)
        except GameError as error:
            pipe.send((error.what,))
    played.close()
