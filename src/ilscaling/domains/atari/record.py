"""One recording job: a trained expert plays until enough steps are in complete episodes."""

from collections.abc import Iterable
from pathlib import Path

import torch

from ilscaling.domains.atari.player import playing
from ilscaling.domains.atari.section import Atari, Emulator
from ilscaling.errors import ExpertError
from ilscaling.games import episodes
from ilscaling.games.jobs import job as share


def record_job(
    section: Atari, game: str, job: int, expert: str | Path, out: str | Path, *, threads: int = 1
) -> dict:
    """One recording job of a section; see `record`.

    Parameters
    ----------
    section, game
        Parameters of the section, and what it plays.
    job
        Number of the job, from 0 on.
    expert
        The expert's file.
    out
        The recording.
    threads
        CPU threads of PyTorch, and of the emulators.

    Returns
    -------
    dict
        The recording's table of episodes.
    """
    seeds, steps = share(section.demonstrations, section.emulator.max_steps, job)
    return record(
        expert,
        game,
        section.emulator,
        temperature=section.expert.temperature,
        noise=section.expert.noise,
        min_return=section.expert.min_return,
        seeds=seeds,
        lanes=section.demonstrations.lanes,
        steps=steps,
        out=out,
        threads=threads,
    )


def record(
    expert: str | Path,
    game: str,
    emulator: Emulator,
    *,
    temperature: float,
    noise: float = 0.0,
    min_return: float | None = None,
    seeds: Iterable[int],
    lanes: int,
    steps: int,
    out: str | Path,
    threads: int = 1,
) -> dict:
    """Play the expert and write the recording `out` (see `episodes.write`).

    What it holds depends on `lanes` only as far as the expert's float arithmetic does.

    Parameters
    ----------
    expert
        The expert's file.
    game
        What it must play.
    emulator
        How the game is run.
    temperature
        Divides the logits; 0 is the best action.
    noise
        Share of steps that are played at random.
    min_return
        Points that the expert must be known to return; None: any.
    seeds
        One an episode, in the order in which they count.
    lanes
        Episodes side by side.
    steps
        How many are wanted, at least.
    out
        The recording.
    threads
        CPU threads of PyTorch, and of the emulators.

    Returns
    -------
    dict
        The recording's table of episodes.

    Raises
    ------
    ExpertError
        For an expert that is damaged, plays another game or is not known to return `min_return`.
    GameError
        For an unknown game or when the seeds run out.
    """
    torch.set_num_threads(threads)
    with playing(
        expert, emulator, lanes=lanes, temperature=temperature, noise=noise, game=game,
        threads=threads,
    ) as its:  # fmt: skip
        if min_return is not None:
            refuse_poor(expert, its.record, min_return)
        return episodes.write(out, its.game, its.act, its.attributes, seeds=seeds, steps=steps)


def refuse_poor(expert: str | Path, made: dict, least: float) -> None:
    """Raise ExpertError unless an expert is known to return enough.

    What it returns is as measured over whole games, or else the mean score of the last games of its
    training.

    Parameters
    ----------
    expert
        The expert's file, for the error.
    made
        Its record.
    least
        Mean return, points of the game.
    """
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
