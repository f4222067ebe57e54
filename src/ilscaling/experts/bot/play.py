"""Games of the bot without recording: how good it is, and what ends it."""

import time
from collections import Counter
from multiprocessing import get_context

import numpy as np

from ilscaling.experts.bot.bot import Bot
from ilscaling.experts.bot.view import FIELDS
from ilscaling.games.nethack.game import Game
from ilscaling.params import NetHackEmulator
from ilscaling.progress import tqdm


def play(options: NetHackEmulator, seed: int) -> dict:
    """One game: score, steps, turns, depth, level of experience, and the last message."""
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
    """Play the games of `seeds`; the summary holds the games themselves under `games`."""
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
    """What the games say about the bot, ready for JSON."""
    scores = np.array([game["score"] for game in games])
    steps = np.array([game["steps"] for game in games])
    return {
        "episodes": len(games),
        "return_mean": float(scores.mean()),
        "return_se": float(scores.std(ddof=1) / np.sqrt(len(scores))),
        "return_median": float(np.median(scores)),
        "return_percentiles": np.percentile(scores, [0, 5, 25, 75, 95, 100]).tolist(),
        "depth_mean": float(np.mean([game["depth"] for game in games])),
        "depth_max": max(game["depth"] for game in games),
        "length_mean": float(steps.mean()),
        "turns_mean": float(np.mean([game["turns"] for game in games])),
        "truncated": sum(game["truncated"] for game in games),
        "steps_per_second": float(steps.sum() / sum(game["seconds"] for game in games)),
        "deaths": Counter(game["last"] for game in games).most_common(20),
        "games": games,
    }
