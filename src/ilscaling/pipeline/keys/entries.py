"""What a key asks of a game's entries: where their code begins, what they depend on.

The only module of the pipeline that tells one domain from another.
"""

from pathlib import Path

from ilscaling import files, games, registry
from ilscaling.domains.atari.section import Atari
from ilscaling.domains.gymnasium.section import Gymnasium
from ilscaling.domains.nethack.section import NetHack
from ilscaling.errors import ExpertError
from ilscaling.games import played
from ilscaling.params import Section

# Packages that play the games of a domain.
PACKAGES = {"atari": ("ale-py",), "nethack": ("nle",), "gymnasium": ("gymnasium",)}
# The step that records a domain's games, and the step that makes a store of what was recorded.
RECORDING = {"atari": "record", "nethack": "games", "gymnasium": "perform"}
STORING = {"atari": "shard", "nethack": "ingest", "gymnasium": "shard"}


def game_roots(section: Section) -> tuple[str, ...]:
    """Where the code of a section's game begins, an extension's file among it."""
    module = registry.get("DOMAIN", section.domain).module
    if isinstance(section, Gymnasium):
        return module, registry.source("GAME", section.game)
    return (module,)


def player_roots(section: Section) -> tuple[str, ...]:
    """Where the code of who plays the demonstrations begins, if it is an extension's."""
    if isinstance(section, Gymnasium):
        return (registry.source("EXPERT", section.expert.name),)
    return ()


def learner_roots(section: Section) -> tuple[str, ...]:
    """Where the code of a section's algorithm begins."""
    return (registry.source("ALGORITHM", section.algorithm),)


def family_roots(family: str) -> tuple[str, ...]:
    """Where the code of a family's policies begins."""
    return (registry.source("FAMILY", family),)


def packages(section: Section) -> tuple[str, ...]:
    """Packages that run a section's game."""
    return PACKAGES[section.domain]


def dataset_name(game: str, section: Section) -> str:
    """Name under which a game's demonstrations are kept. Sections of a game that differ in
    training alone share them."""
    return section.domain if isinstance(section, NetHack) else games.name(game, section)


def given_recordings(section: Section):
    """Recordings by somebody else that a section takes; None: it records its own."""
    return section.expert.recordings if isinstance(section, NetHack) else None


def trains_expert(section: Section) -> bool:
    """Whether the workflow trains the section's expert."""
    return isinstance(section, Atari) and section.expert.file is None


def expert_file(game: str, section: Section, key: str) -> str | None:
    """File that the expert is, or reads; None if there is none."""
    if isinstance(section, NetHack):
        return None
    if isinstance(section, Gymnasium):
        return section.expert.file
    return section.expert.file or f"data/experts/{played(game)}-{key}.safetensors"


def absent_expert(game: str, section: Section, path) -> ExpertError:
    """The error for an expert's file that is not there."""
    fix = f"git checkout -- {section.expert.file}   or set the parameter to null"
    if isinstance(section, Atari):
        fix += (
            ": then the workflow trains one by PPO   or make one of a checkpoint:"
            f" ilscaling import-expert CHECKPOINT.zip --game {played(game)}"
            f" --out {section.expert.file}"
        )
    where = f"{path} (params: games.{game}.expert.file)"
    return ExpertError("expert file is missing", where=where, fix=fix)


def parts(section: Section, name: str) -> list[str]:
    """What the recording jobs make, for demonstrations of that name: a part each, of NetHack a
    folder of recorded games each; nothing where somebody else's recordings are taken."""
    jobs = range(section.demonstrations.jobs)
    if not isinstance(section, NetHack):
        return [f"data/parts/{name}/part-{job}.zip" for job in jobs]
    if given_recordings(section) is None:
        return [f"data/recordings/{name}/job-{job}" for job in jobs]
    return []


def expert_in_words(section: Section, file: str | None) -> str:
    """Who plays the demonstrations; `file`: as of `expert_file`."""
    if isinstance(section, Gymnasium):
        reads = f", which reads {file}" if file else ""
        where = registry.source("EXPERT", section.expert.name)
        return f"{section.expert.name} of {where}{reads}"
    if isinstance(section, NetHack):
        given = given_recordings(section)
        return f"recordings in {given.path}" if given else "the built-in bot"
    here = Path(file).is_file()
    return f"{file} ({f'SHA-256 {files.sha256(file)}' if here else 'not here'})"
