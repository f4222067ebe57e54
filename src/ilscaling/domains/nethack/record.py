"""One recording job of NetHack: the built-in bot or an extension's expert plays, NLE records."""

from pathlib import Path

from ilscaling import registry
from ilscaling.domains import brought
from ilscaling.domains.nethack.brought import FIELDS, players
from ilscaling.domains.nethack.recording import record_games
from ilscaling.domains.nethack.section import NetHack
from ilscaling.games.jobs import job as share


def record(section: NetHack, job: int, out: Path) -> None:
    """Play a recording job and put the folder `out` of recorded games in its place.

    Parameters
    ----------
    section
        Of the study.
    job
        Number of the job, from 0 on.
    out
        The folder.

    Raises
    ------
    ExpertError
        For an expert that lacks its file or answers no weights of keys.
    GameError
        For an unknown role or when the seeds run out.
    StoreError
        If something else is at `out`.
    """
    seeds, steps = share(section.demonstrations, section.emulator.max_steps, job)
    asked, emulator = section.expert, section.emulator
    if asked.name is None:
        record_games(emulator, seeds=seeds, steps=steps, out=out)
        return
    expert = registry.get("EXPERT", asked.name)
    if expert.record is not None:
        expert.record(emulator, seeds, steps, out, brought.file_of(asked))
        return
    record_games(
        emulator, seeds=seeds, steps=steps, out=out, player=players(asked), fields=FIELDS,
        name=asked.name,
    )  # fmt: skip
