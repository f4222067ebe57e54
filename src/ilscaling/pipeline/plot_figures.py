"""Draw every figure of the study, with the data behind it, and the expert at play."""

import argparse
from pathlib import Path

import pandas as pd

from ilscaling import agents, files, games, grid, laws, registry, store, tables
from ilscaling.measuring import replay
from ilscaling.pipeline import figure_metadata, result_folder, study_context
from ilscaling.show import figures
from ilscaling.show.figures import gallery, replays, terminal

SPLITS = ("train", "dev", "test")


def returns(known: study_context.Study) -> pd.DataFrame:
    """Return of every recorded episode: game, split, return."""
    rows = []
    for game, paths in known.games.items():
        for split in SPLITS:
            returns = store.open_split(paths["demos"], split).returns()
            rows.append(pd.DataFrame({"game": game, "split": split, "return": returns}))
    return pd.concat(rows, ignore_index=True)


def curves(known: study_context.Study) -> pd.DataFrame:
    """Learning curves of all runs: the columns of curve.csv, with game, size and seed."""
    rows = []
    for run, made in known.by_run.items():
        curve = pd.read_csv(made["curve"])
        # A run that was once trained further than this study's budgets still shows this study.
        curve = curve[curve["flops"] <= made["flops"]]
        rows.append(curve.assign(game=run.game, size=run.size, seed=run.seed))
    return pd.concat(rows, ignore_index=True)


def games_played(
    known: study_context.Study, game: str, table: pd.DataFrame
) -> dict[str, terminal.Play]:
    """A game of NetHack by the expert, and at each budget one by the agent with the lowest loss.

    Parameters
    ----------
    known
        The study.
    game
        Name of the section.
    table
        The results table.

    Returns
    -------
    dict
        Who played -> what the terminal shows of it.
    """
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


STEPS = 300  # of the animation of agents beside the expert


def agents_at_play(known: study_context.Study, game: str, table: pd.DataFrame, out: Path) -> None:
    """Draw agents beside the expert, all in the game of one of the expert's recorded episodes.

    Of every other budget, up to the largest, the agent with the lowest loss is shown. Nothing is
    drawn without a trained cell, or where an agent's weights are not there.

    Parameters
    ----------
    known
        The study.
    game
        Name of the section.
    table
        The results table.
    out
        The picture, a GIF.
    """
    done = table[(table["game"] == game) & (table["status"] == "done")]
    best = done.loc[done.groupby("budget")["dev_loss"].idxmin()].sort_values("budget")
    if best.empty:
        return
    recorded = agents.recorded(known.games[game]["demos"])
    shown = {}
    for _, row in best.iloc[(len(best) - 1) % 2 :: 2].iterrows():
        run = grid.Run(game, row["family"], int(row["size"]), int(row["seed"]))
        budget = row["budget"]
        file = Path(known.by_run[run]["run_dir"]) / f"{grid.budget_name(budget)}.safetensors"
        if not file.is_file():
            return
        played = agents.load_policy(file).play(
            known.params.games[game], seed=recorded.seed, max_steps=STEPS
        )
        shown[f"{budget:.3g} FLOPs"] = played
    agents.side_by_side({**shown, "expert": recorded}, out)


# Figures that a study has whatever came out of it: its rule promises them.
ALWAYS = ("profiles", "laws", "return_on_loss")


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `figures`: every figure of the study.

    Parameters
    ----------
    study
        What is drawn.
    out
        Folder of the step.
    inputs
        Folder of each step that it uses: `table`, `fit` and, maybe None, `forecast`.

    Returns
    -------
    dict
        Nothing more for `done.json`.
    """
    specs = {name: games.of(name, game) for name, game in study.params.games.items()}
    table = tables.read_table(inputs.table / "results.csv")
    figures.draw_all(
        table,
        laws.read(inputs.fit / "laws"),
        out,
        curves=curves(study),
        returns=returns(study),
        human={name: spec.human_return for name, spec in specs.items()},
        forecast=study_context.forecast(inputs.forecast),
    )
    for name in ALWAYS:
        if not (out / f"{name}.png").exists():
            figures.placeholder(out / name, "no cell enters the fits: laws/notes.txt says why")
    for game, paths in study.games.items():
        gallery.pictures(paths["demos"], out, game)
        if registry.get("DOMAIN", study.params.games[game].domain).replays:
            replays.write(out / f"replay-{game}.json", games_played(study, game, table))
        else:
            agents_at_play(study, game, table, out / f"agents-{game}.gif")
    for path in sorted(out.iterdir()):
        figure_metadata.write(path, out.name)
    return {}


if __name__ == "__main__":
    result_folder.main(make, __doc__, "table", "fit", "forecast")
