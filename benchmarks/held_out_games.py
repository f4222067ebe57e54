"""What an exponent owes to the held-out episodes: they are drawn anew, as runs are.

    python benchmarks/held_out_games.py losses studies/reference.yaml nethack losses.csv
    python benchmarks/held_out_games.py intervals docs/tables/reference.csv nethack losses.csv

The first reads every cell's snapshot on every held-out episode (the store has them once the study
was run) and writes a row an episode; a column a cell holds its mean loss there, in nats. The second
prints Markdown: exponents with intervals by bootstrap over runs, over held-out episodes, over both.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from equal_flops import markdown
from judged import EXPONENTS, ROOT, exponents
from scipy.stats import norm

from ilscaling import files, laws, params, plan, tables
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring import loss
from ilscaling.measuring.cell import SPLITS
from ilscaling.pipeline import study_context
from ilscaling.pipeline.keys import Keys
from ilscaling.progress import tqdm
from ilscaling.show.titles import title
from ilscaling.store import Split, open_split

DRAWS, LEVEL = 200, 0.95


def by_episode(policy: torch.nn.Module, split: Split, shape: dict) -> np.ndarray:
    """Mean loss of a policy on each episode of a split, nats (episodes,)."""
    if (frames := shape.get("frames")) is None:
        sizes = loss.LANES, loss.PASS
        passes = loss._games(policy, split, shape.get("inventory", False), *sizes, "cpu", None)
    else:
        passes = loss._stacks(policy, split, frames, 256, "cpu")
    sums = np.zeros(split.episodes)
    with torch.inference_mode(), loss.float32("cpu"):
        for logits, served in passes:
            episode = np.searchsorted(split.starts, served["index"], side="right") - 1
            values = loss.per_step(logits, served)["loss"].numpy()
            sums += np.bincount(episode, values, split.episodes)
    return sums / np.diff(split.starts)


def losses(study: Path, game: str) -> pd.DataFrame:
    """A row an episode of the dev and the test split: split, episode, steps, and the mean loss of
    every cell there, in a column SIZE-SEED-BUDGET."""
    known = study_context.of(Keys(params.read(ROOT / "params.yaml", study)))
    splits = {name: open_split(known.games[game]["demos"], name) for name in SPLITS}
    columns = {
        "split": np.repeat(list(splits), [split.episodes for split in splits.values()]),
        "episode": np.concatenate([np.arange(split.episodes) for split in splits.values()]),
        "steps": np.concatenate([np.diff(split.starts) for split in splits.values()]),
    }
    cells = [c for c in plan.cells(known.params) if c.declared and c.run.game == game]
    for cell in tqdm(cells, desc="cells"):
        made = known.by_run[cell.run]
        measured = files.read_json(files.read_list(made["evaluation_list"])[f"{cell.name}.json"])
        if measured["status"] != "done":
            continue
        policy, _ = load_policy(Path(made["run_dir"]) / f"{cell.name}.safetensors")
        shape = {name: measured.get(name) for name in ("frames", "inventory")}
        found = [by_episode(policy, split, shape) for split in splits.values()]
        name = f"{cell.run.size}-{cell.run.seed}-{measured['budget']:g}"
        columns[name] = np.concatenate(found)
    return pd.DataFrame(columns)


def means(episodes: pd.DataFrame, weight: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a results table with losses of the episodes, each taken `weight` times."""
    names = [f"{r.size:g}-{r.seed}-{r.budget:g}" for r in rows.itertuples()]
    changed = rows.copy()
    for split in SPLITS:
        mine = (episodes["split"] == split).to_numpy()
        steps = (weight * episodes["steps"].to_numpy())[mine]
        changed[f"{split}_loss"] = steps @ episodes.loc[mine, names].to_numpy() / steps.sum()
    return changed


def drawn(episodes: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
    """How often each episode is drawn; from each split as many as it has."""
    weight = np.zeros(len(episodes))
    for split in SPLITS:
        mine = np.flatnonzero(episodes["split"] == split)
        np.add.at(weight, random.choice(mine, len(mine)), 1)
    return weight


def intervals(table: pd.DataFrame, episodes: pd.DataFrame, settings: params.Laws) -> str:
    """Markdown: exponents of one game with intervals over runs, over episodes, over both."""
    columns = set(episodes)
    names = (table["size"].map("{:g}".format) + "-" + table["seed"].astype(str)
             + "-" + table["budget"].map("{:g}".format))  # fmt: skip
    rows = table[(table["status"] == "done") & names.isin(columns)]
    whole = means(episodes, np.ones(len(episodes)), rows)
    away = (whole["dev_loss"] / rows["dev_loss"] - 1).abs().max()
    if not away < 1e-3:
        sys.exit(f"the losses are not those of the table: {away:.1%} apart")
    fit = laws.fit_table(rows, settings, validate=False)
    (game,) = fit.games
    random, single = np.random.default_rng(0), settings.model_copy(update={"bootstrap": 0})
    found = [
        exponents(means(episodes, drawn(episodes, random), rows), single).loc[game]
        for _ in tqdm(range(DRAWS), desc="draws")
    ]
    spread = pd.DataFrame(found).std(ddof=1)
    count = ", ".join(f"{(episodes['split'] == split).sum()} {split}" for split in SPLITS)
    lines = []
    for law in EXPONENTS:
        quoted = fit.quoted(game, law)
        runs = (quoted["ci_high"] - quoted["ci_low"]) / 2
        games = norm.ppf(0.5 + LEVEL / 2) * spread[law]
        ends = [
            f"[{quoted['estimate'] - half:.3f}, {quoted['estimate'] + half:.3f}]"
            for half in (runs, games, np.hypot(runs, games))
        ]
        lines.append([title(game), count, law, f"{quoted['estimate']:.3f}", *ends])
    head = ["game", "episodes", "exponent of", "estimate", "over runs", "over episodes"]
    return markdown([*head, "over both"], lines)


def main(verb: str, *given: str) -> None:
    if verb == "losses":
        study, game, out = given
        losses(Path(study), game).to_csv(out, index=False, float_format="%.5g")
        return
    path, game, episodes = given
    settings = params.read(ROOT / "params.yaml", ROOT / "studies/reference.yaml").laws
    table = tables.read_table(path)
    print(intervals(table[table["game"] == game], pd.read_csv(episodes), settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
