"""Draw every figure of the study, with the data behind it, and the expert at play."""

import argparse
import os
import tempfile
from pathlib import Path

import labels
import pandas as pd
import stamps
import study

from ilscaling import files, games, grid, laws, store, tables
from ilscaling.domains.nethack.section import NetHack
from ilscaling.measuring import replay
from ilscaling.show import figures
from ilscaling.show.figures import gallery, replays, terminal

SPLITS = ("train", "dev", "test")


def returns(known: study.Study) -> pd.DataFrame:
    """Return of every recorded episode: game, split, return."""
    rows = []
    for game, paths in known.games.items():
        for split in SPLITS:
            found = store.open_split(paths["demos"], split).returns()
            rows.append(pd.DataFrame({"game": game, "split": split, "return": found}))
    return pd.concat(rows, ignore_index=True)


def curves(known: study.Study) -> pd.DataFrame:
    """Learning curves of all runs: the columns of curve.csv, with game, size and seed."""
    rows = []
    for run, made in known.by_run.items():
        curve = pd.read_csv(made["curve"])
        # A run that was once trained further than this study's budgets still shows this study.
        curve = curve[curve["flops"] <= made["flops"]]
        rows.append(curve.assign(game=run.game, size=run.size, seed=run.seed))
    return pd.concat(rows, ignore_index=True)


def games_played(known: study.Study, game: str, table: pd.DataFrame) -> dict[str, terminal.Play]:
    """A game of NetHack by the expert, and at each budget one by the agent with the lowest loss."""
    shown = {"expert": terminal.recorded(known.games[game]["demos"])}
    done = table[(table["game"] == game) & (table["status"] == "done")]
    for budget, at in done.groupby("budget", sort=True):
        best = at.loc[at["dev_loss"].idxmin()]
        run = grid.Run(game, best["family"], int(best["size"]), int(best["seed"]))
        folder = Path(known.by_run[run]["evaluation_dir"])
        kept = files.read_json(folder / f"{grid.budget_name(budget)}.json")["replay"]
        played = terminal.replay(
            known.params.games[game].emulator, kept["seed"], replay.actions(kept)
        )
        shown[replays.agent(budget)] = played
    return shown


def draw(known: study.Study, given: argparse.Namespace, out: Path) -> None:
    """Every figure of the study into the empty folder `out`."""
    specs = {name: games.of(name, game) for name, game in known.params.games.items()}
    table = tables.read_table(given.table)
    figures.draw_all(
        table,
        laws.read(given.laws),
        out,
        curves=curves(known),
        returns=returns(known),
        human={name: spec.human_return for name, spec in specs.items()},
        forecast=study.forecast(given.forecast),
    )
    for game, paths in known.games.items():
        gallery.pictures(paths["demos"], out, game)
        if isinstance(known.params.games[game], NetHack):
            replays.write(out / f"replay-{game}.json", games_played(known, game, table))
    for path in sorted(out.iterdir()):
        labels.write(path, given.stamp.stem)


def main() -> None:
    given = study.arguments(__doc__, "table", "laws", "forecast", "out")
    given.out.mkdir(parents=True, exist_ok=True)
    # Drawn aside, so that the folder then holds these figures and no older ones.
    with tempfile.TemporaryDirectory(prefix=".figures.tmp", dir=given.out.parent) as aside:
        draw(given.study, given, Path(aside))
        new = {path.name for path in Path(aside).iterdir()}
        for old in given.out.iterdir():
            if old.name not in new:
                old.unlink()
        for name in sorted(new):
            os.replace(Path(aside, name), given.out / name)
    stamps.write(given.stamp, {}, made=[given.out / name for name in new])


if __name__ == "__main__":
    main()
