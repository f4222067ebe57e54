"""Games of the bot without recording: how good it is, and what ends it."""

import time
from collections import Counter
from multiprocessing import get_context

import numpy as np

from ilscaling.domains.nethack.bot.bot import Bot
from ilscaling.domains.nethack.bot.view import FIELDS
from ilscaling.domains.nethack.game import Game
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.games import score
from ilscaling.games.play import Episodes
from ilscaling.progress import tqdm

COLUMNS = ("seed", "score", "steps", "truncated", "depth", "turns", "seconds")


def play(options: NetHackEmulator, seed: int) -> dict:
    """One game of the bot.

    Parameters
    ----------
    options
        How the game is run.
    seed
        Of game and bot.

    Returns
    -------
    dict
        Score, steps, turns, depth, level of experience (`rank`), the last message, CPU seconds of
        the game, and where and how it ended.
    """
    game = Game(options, fields=FIELDS)
    try:
        return _play(game, seed)
    finally:
        game.close()


def _play(game: Game, seed: int) -> dict:
    game.start(seed)
    bot = Bot(seed)
    last = ""
    start = time.process_time()
    while not game.over:
        game.press(bot.act(game))
        if bot.view.message:
            last = bot.view.message
    return {
        "seed": seed,
        "score": game.score,
        "steps": game.steps,
        "turns": game.turn,
        "depth": game.deepest,
        "rank": bot.view.rank,
        "place": (*bot.view.place, bot.view.depth),
        "truncated": game.truncated,
        "doing": bot.decided_by,
        "pick": bool(bot.pick),
        "last": last,
        "seconds": time.process_time() - start,
    }


def _play_job(job: tuple[NetHackEmulator, int]) -> dict:
    return play(*job)


def measure(options: NetHackEmulator, seeds: range, processes: int = 1) -> dict:
    """Play games of the bot and sum them up.

    Parameters
    ----------
    options
        How they are run.
    seeds
        One a game.
    processes
        How many play at once.

    Returns
    -------
    dict
        `summary`; the games themselves stand under `games`.
    """
    jobs = [(options, seed) for seed in seeds]
    if processes == 1:
        game = Game(options, fields=FIELDS)
        games = [_play(game, seed) for seed in tqdm(seeds, desc="games")]
        game.close()
    else:
        with get_context("spawn").Pool(processes) as pool:
            games = list(tqdm(pool.imap(_play_job, jobs), total=len(jobs), desc="games"))
    return summary(games)


def summary(games: list[dict]) -> dict:
    """What the games say about the bot, ready for JSON: `games.score.summary` and more."""
    columns = {name: np.array([game[name] for game in games]) for name in COLUMNS}
    played = Episodes(
        columns["seed"],
        columns["score"].astype(np.float64),
        columns["steps"],
        columns["truncated"],
        {name: columns[name] for name in ("depth", "turns")},
    )
    return {
        **score.summary(played),
        "return_percentiles": np.percentile(played.returns, [0, 5, 25, 75, 95, 100]).tolist(),
        "steps_per_second": float(played.lengths.sum() / columns["seconds"].sum()),
        "deaths": Counter(game["last"] for game in games).most_common(20),
        "games": games,
    }
