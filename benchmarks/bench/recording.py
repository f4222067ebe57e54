"""What making demonstrations costs over emulator and expert alone, and over NLE's converter."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from demonstrations import ROOT, Study
from measure import Line, line, rounds, seconds

from ilscaling import games
from ilscaling.domains.atari import policy
from ilscaling.domains.nethack import ingest, nld, ttyrec
from ilscaling.domains.nethack.game import Game
from ilscaling.domains.nethack.recording import bot, record_games
from ilscaling.games import episodes
from ilscaling.games.play import Stacks
from ilscaling.policies.acting import probabilities

STEPS = 2_500
# The lanes' first games: a shorter job would drop most of what it plays, and write little.
ATARI_STEPS = 20_000
# The smallest so many games of what was recorded by others.
TAKEN = 2


def lines(study: Study, recordings: Path | None) -> Iterator[Line]:
    """recordings: a folder in the layout of NLD, None for the bot's own games."""
    yield line(
        "recording", "breakout: steps/s of the expert, written", atari(study),
        "emulator and expert alone, the same steps", goal=">= 0.7",
    )  # fmt: skip
    yield line(
        "recording", "nethack: keys/s of the bot, recorded", nethack(study),
        "emulator and bot alone, the same games", goal=">= 0.7",
    )  # fmt: skip
    yield converted(study, recordings)


def atari(study: Study) -> list[float]:
    """Time within emulator and expert over all time of a recording job, round by round.

    What starting the emulators costs counts in neither.
    """
    section = study.params.games["breakout"]
    expert, _ = policy.load(ROOT / section.expert.file, "breakout")
    temperature = section.expert.temperature
    vector = games.make("atari", "breakout", section.demonstrations.lanes, section.emulator)
    inside = 0.0

    def timed(call):
        def work(*arguments):
            nonlocal inside
            found: list = []
            inside += seconds(lambda: found.append(call(*arguments)))
            return found[0]

        return work

    vector.step, vector.restart, vector.reset = map(
        timed, (vector.step, vector.restart, vector.reset)
    )
    act = timed(lambda stacks, episode: probabilities(expert, stacks, temperature))
    player = Stacks(policy.STACK, act)
    ratios = []
    for number in range(3):
        inside, out = 0.0, study.work / f"part-{number}.zip"

        def job(out=out, number=number) -> None:
            seeds = range(10_000 * number, 10_000 * (number + 1))
            episodes.write(out, vector, player, {}, seeds=seeds, steps=ATARI_STEPS)

        whole = seconds(job)
        ratios.append(inside / whole)
    vector.close()
    return ratios


def nethack(study: Study) -> np.ndarray:
    """Time of the same games without recording over that with it, round by round."""
    emulator = study.params.games["nethack"].emulator
    out = study.work / "round"
    make, fields = bot()

    def recorded() -> None:
        shutil.rmtree(out, ignore_errors=True)
        record_games(emulator, seeds=range(100), steps=STEPS, out=out)

    def bare() -> None:
        played = 0
        for seed in range(100):
            if played >= STEPS:
                return
            game, player = Game(emulator, fields=fields), make(seed)
            game.start(seed)
            while not game.over:
                game.press(player.act(game))
            played += game.steps
            game.close()

    times = rounds(recorded, bare, least=5, budget=0)
    return times[:, 1] / times[:, 0]


def converted(study: Study, recordings: Path | None) -> Line:
    """Reading recordings into parts, against NLE's own converter from C++ to screens."""
    note = ""
    if recordings is None:
        recordings, emulator = study.work / "ours", study.params.games["nethack"].emulator
        record_games(emulator, seeds=range(100), steps=STEPS, out=recordings / "bot")
        note = "recordings of the bot"
    found = sorted(nld.listing([recordings], None).games, key=lambda game: game.path.stat().st_size)
    # None of the very short ones, which are all start and end.
    group = found[len(found) // 4 :][:TAKEN]
    work = study.work / "parts"

    def ours() -> None:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        ingest.read(work, False, False, 0, group)

    def converter() -> None:
        for game in group:
            tape = ttyrec.Tape(game.path, ingest.BLOCK)
            while tape.fill():
                tape.drop(ingest.BLOCK)

    times = rounds(ours, converter, least=9, budget=0)
    return line(
        "recording", "nethack: ttyrec read, checked and compressed, keys/s",
        times[:, 1] / times[:, 0], "NLE's C++ converter alone", goal=">= 0.7", note=note,
    )  # fmt: skip
