"""One recording job of an extension's game, played by an extension's expert."""

from pathlib import Path

from ilscaling.domains import brought
from ilscaling.domains.gymnasium.game import refuse_unseeded
from ilscaling.domains.gymnasium.section import Gymnasium
from ilscaling.games.jobs import job as share


def record(section: Gymnasium, job: int, out: str | Path) -> None:
    """Play the expert and write the recording of a job.

    Parameters
    ----------
    section
        Of the study.
    job
        Number of the job, from 0 on.
    out
        The recording.

    Raises
    ------
    ExpertError
        For an expert that lacks its file or answers no weights of actions.
    GameError
        For a game that cannot be played, or whose episodes are no function of their seeds.
    """
    refuse_unseeded(section.game, section.emulator, seed=0)
    seeds, steps = share(section.demonstrations, section.emulator.max_steps, job)
    brought.record(
        section.expert,
        section.domain,
        section.game,
        section.emulator,
        seeds=seeds,
        lanes=section.demonstrations.lanes,
        steps=steps,
        out=out,
    )
