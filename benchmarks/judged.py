"""What was to count against the reference study, from its shipped table.

    python benchmarks/judged.py docs/tables/reference.csv docs/tables/reference_forecast.json

prints Markdown: exponents without one of the seeds, without the runs that learned nothing, and by
other held-out games; the largest budget foretold in every form; what was foretold at a larger
budget and what came out; Breakout's exponents by the paper's count of FLOPs; and the steps that
were played beside those that as many games of every cell would take. The misses of power laws and
saturating laws, where sizes of a budget change and where not, go into
docs/tables/reference_misses.csv, too. Of a table of one game alone: exponents by other held-out
games.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import published
from equal_flops import markdown

from ilscaling import laws, params, tables
from ilscaling.laws import episodes
from ilscaling.laws.quality import UNLEARNED
from ilscaling.show.rows import foretold_loss
from ilscaling.show.titles import title

ROOT = Path(__file__).resolve().parent.parent
EXPONENTS = ("N_opt", "L_min")
FORMS = {"power": "power law", "saturating": "saturating"}
# What `misses` gives of the reference study.
MISSES = ROOT / "docs/tables/reference_misses.csv"


def exponents(table: pd.DataFrame, settings: params.Laws) -> pd.DataFrame:
    """The exponents that a table quotes, a row a game."""
    fit = laws.fit_table(table, settings, validate=False)
    found = {
        game: {law: fit.quoted(game, law)["estimate"] for law in EXPONENTS} for game in fit.games
    }
    return pd.DataFrame(found).T.astype(float)


def estimate(record: dict) -> str:
    """An exponent with its interval."""
    return f"{record['estimate']:.3f} [{record['ci_low']:.3f}, {record['ci_high']:.3f}]"


def without_a_seed(table: pd.DataFrame, settings: params.Laws, quoted: dict) -> str:
    """Markdown: exponents of all seeds with their interval, and without one of them."""
    settings = settings.model_copy(update={"bootstrap": 0})
    seeds = sorted(table["seed"].unique())
    fewer = {seed: exponents(table[table["seed"] != seed], settings) for seed in seeds}
    lines = []
    for game, of in quoted.items():
        for law in EXPONENTS:
            if of.get(law) is None:
                continue
            low, high = of[f"{law}_low"], of[f"{law}_high"]
            values = [fit[law].get(game, np.nan) for fit in fewer.values()]
            left = [value for value in values if not low <= value <= high]
            line = [title(game), law, f"{of[law]:.3f} [{low:.3f}, {high:.3f}]"]
            line += [f"{value:.3f}" for value in values]
            lines.append([*line, "yes" if left else ""])
    head = ["game", "exponent of", "three seeds", *(f"without {seed}" for seed in seeds)]
    return markdown([*head, "leaves the interval"], lines)


def unlearned(table: pd.DataFrame) -> pd.Series:
    """Which rows are of a run that learned nothing by its last budget (laws.quality)."""
    done = table[table["status"] == "done"]
    ends = done.loc[done.groupby(["game", "size", "seed"])["budget"].idxmax()]
    losses = ends[["dev_loss", "test_loss"]].max(axis=1)
    dead = ends[losses > UNLEARNED * ends["action_entropy"]]
    run = ["game", "size", "seed"]
    return pd.Series(table.set_index(run).index.isin(dead.set_index(run).index), table.index)


def without_unlearned(table: pd.DataFrame, settings: params.Laws) -> str:
    """Markdown: exponents of the games that have runs that learned nothing, with and without."""
    table = table.assign(dead=unlearned(table))
    table = table[table.groupby("game")["dead"].transform("any")]
    fits = [laws.fit_table(t, settings, validate=False) for t in (table, table[~table["dead"]])]
    lines = []
    for game in fits[0].games:
        dead = table[table["dead"] & (table["game"] == game)]
        runs = dead[["size", "seed"]].drop_duplicates().to_numpy()
        names = "; ".join(f"{size:g}, {seed}" for size, seed in runs)
        for law in EXPONENTS:
            of = [fit.quoted(game, law) for fit in fits]
            said = [f"{estimate(record)}, {laws.determined(record)}" for record in of]
            lines.append([title(game), names, law, *said])
    head = ["game", "size and seed that learned nothing", "exponent of", "all runs", "without"]
    return markdown(head, lines)


def by_split(table: pd.DataFrame, settings: params.Laws) -> str:
    """Markdown: exponents where the dev episodes choose sizes, where the test episodes do, and by
    all of them.

    The runs are the same, and so are the resamples of runs: what differs is the held-out episodes.
    Intervals are over runs and episodes where the table tells these apart; the first over runs
    alone.
    """
    columns = ("loss", "loss_se", "losses")
    swaps = (("dev", "test"), ("test", "dev"))
    swapped = {f"{to}_{c}": table[f"{of}_{c}"] for c in columns for to, of in swaps}
    judges = {
        "dev, over runs alone": table.assign(dev_losses="", test_losses=""),
        "dev": table,
        "test": table.assign(**swapped),
        "both": both(table),
    }
    fits = {name: laws.fit_table(rows, settings, validate=False) for name, rows in judges.items()}
    lines = []
    for game in fits["dev"].games:
        of_game = table[(table["game"] == game) & (table["status"] == "done")]
        counts = [f"{len(of_game[f'{s}_losses'].iloc[0].split()) or '?'}" for s in ("dev", "test")]
        for law in EXPONENTS:
            of = [fit.quoted(game, law) for fit in fits.values()]
            if any(record["estimate"] is None for record in of):
                continue
            lines.append([title(game), ", ".join(counts), law, *map(estimate, of)])
    head = ["game", "episodes, dev and test", "exponent of", *(f"by {name}" for name in fits)]
    return markdown(head, lines)


def without_the_heaviest(table: pd.DataFrame, settings: params.Laws) -> str:
    """Markdown: exponents of a game without the dev episode that holds most of its loss."""
    done = table[table["status"] == "done"]
    dev = episodes.read(done, "dev")
    heaviest = int(np.argmax(np.median(dev.losses, axis=0) * dev.steps))
    fewer = episodes.Episodes(np.delete(dev.steps, heaviest), np.delete(dev.losses, heaviest, 1))
    texts = [
        " ".join(f"{n:.0f}:{x:.6g}" for n, x in zip(fewer.steps, row, strict=True))
        for row in fewer.losses
    ]
    changed = done.assign(dev_loss=fewer.mean, dev_losses=texts)
    said = [laws.fit_table(rows, settings, validate=False) for rows in (done, changed)]
    lines = []
    for law in EXPONENTS:
        of = [fit.quoted(said[0].games[0], law) for fit in said]
        lines.append([title(said[0].games[0]), law, *map(estimate, of)])
    head = [f"by {len(dev.steps)} dev episodes", f"without one of {dev.steps[heaviest]:,.0f} steps"]
    return markdown(["game", "exponent of", *head], lines)


def _episodes(text: str) -> np.ndarray:
    """Steps and mean losses (2, episodes)."""
    return np.array([pair.split(":") for pair in text.split()], float).T


def both(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose dev split is the episodes of both splits, without a test split."""
    parts = (table["dev_losses"].fillna("") + " " + table["test_losses"].fillna("")).str.strip()
    told = parts.ne("") & table["status"].eq("done")
    numbers = parts[told].map(_episodes)
    loss = (table["dev_loss"] + table["test_loss"]) / 2
    loss[told] = numbers.map(lambda pair: pair[0] @ pair[1] / pair[0].sum())
    dropped = ["test_loss", "test_loss_se", "test_losses"]
    return table.assign(dev_loss=loss, dev_losses=parts).drop(columns=dropped)


def of_largest_budget(fit: laws.StudyFit) -> pd.DataFrame:
    """What the laws of the smaller budgets said of the lowest loss of the largest, a row a way."""
    rows = fit.validation
    return rows[(rows["law"] == "L_min") & rows["held_out"]]


def alone(table: pd.DataFrame, settings: params.Laws) -> laws.StudyFit:
    """The laws of a table and their test, without intervals."""
    return laws.fit_table(table, settings.model_copy(update={"bootstrap": 0}))


def by_form(table: pd.DataFrame, settings: params.Laws) -> str:
    """Markdown: how far the lowest loss of the largest budget lay from what the laws of the smaller
    ones had said, by the grid's minima in every form, and by the quadratic surface; and by how much
    the saturating law of all budgets is better in AICc."""
    fit = alone(table, settings)
    rows, judged = of_largest_budget(fit), fit.verdicts
    ways = {
        "power law": ("grid", "power"),
        "saturating": ("grid", "saturating"),
        "broken": ("grid", "broken"),
        "quadratic surface": ("quadratic", "surface"),
    }
    of_grid = judged[(judged["law"] == "L_min") & (judged["method"] == "grid")]
    better = of_grid[of_grid["form"] == "saturating"].set_index("game")["delta_aic"]
    lines = []
    for game, of_game in rows.groupby("game", sort=False):
        errors = of_game.set_index(["method", "form"])["error"]
        said = (
            f"{np.expm1(errors[way]):+.1%}" if way in errors.index else "" for way in ways.values()
        )
        line = [title(game), f"{of_game['trained_on'].max()}", *said]
        lines.append([*line, f"{better[game]:+.1f}"])
    return markdown(["game", "budgets below", *ways, "AICc for saturation"], lines)


def steps_ahead(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of one game whose largest budget is to be foretold, by what is told of them: all; of the
    sizes alone that the largest budget has; up to the last budget that has the smallest size."""
    done = table[table["status"] == "done"]
    sizes = done.groupby("budget")["size"].agg(set)
    whole = max(budget for budget, has in sizes.items() if min(done["size"]) in has)
    return {
        "largest budget": done,
        "its sizes alone": done[done["size"].isin(sizes[sizes.index.max()])],
        "last budget with the smallest size": done[done["budget"] <= whole],
    }


def misses(table: pd.DataFrame, settings: params.Laws) -> pd.DataFrame:
    """How far a budget's lowest loss lay from what a power law and a saturating law of the smaller
    ones' grid minima had said, as a share of it: a row a game and part (see steps_ahead)."""
    made = []
    for game, rows in table.groupby("game", sort=False):
        for part, some in steps_ahead(rows).items():
            said = of_largest_budget(alone(some, settings))
            errors = said[said["method"] == "grid"].set_index("form")["error"]
            off = {form: np.expm1(errors.get(form, np.nan)) for form in FORMS}
            made.append({"game": game, "part": part, **off})
    return pd.DataFrame(made)


def by_sizes(missed: pd.DataFrame) -> str:
    """Markdown of `misses`, a row a game: where the sizes of a budget change and where not."""
    of = missed.set_index(["game", "part"])
    parts = missed["part"].unique()
    lines = [
        [
            title(game),
            *(
                "" if np.isnan(of.loc[(game, part), form]) else f"{of.loc[(game, part), form]:+.1%}"
                for part in parts
                for form in FORMS
            ),
        ]
        for game in missed["game"].unique()
    ]
    head = [f"{part}, {text}" for part in parts for text in FORMS.values()]
    return markdown(["game", *head], lines)


def outcome(forecast: dict) -> str:
    """Markdown: the loss and return that were foretold, and those of what was trained."""
    foretold = pd.DataFrame(forecast["predictions"])
    foretold = foretold[foretold["quoted"].astype(bool)].set_index(["game", "quantity"])
    realised = pd.DataFrame(forecast["realised"])
    lines = []
    for game, rows in realised[realised["status"] == "done"].groupby("game", sort=False):
        for law in ("L_min", "R_max"):
            if (game, law) not in foretold.index:
                continue
            row = foretold.loc[(game, law)]
            column = foretold_loss(row["method"], rows) if law == "L_min" else "return_mean"
            measured = rows[column].mean()
            said, held = f"{row['estimate']:.4g}", "none known"
            if pd.notna(row["low"]):
                said += f" [{row['low']:.4g}, {row['high']:.4g}]"
                held = "yes" if row["low"] <= measured <= row["high"] else "no"
            line = [title(game), column, f"{row['budget']:.3g}", f"{rows['size'].iloc[0]:g}", said]
            # Returns may be below zero.
            off = (row["estimate"] - measured) / abs(measured)
            lines.append([*line, f"{measured:.4g}", f"{off:+.1%}", held])
    head = ["game", "of", "FLOPs", "size", "foretold", "measured", "off", "interval held"]
    return markdown(head, lines)


def played(table: pd.DataFrame) -> str:
    """Markdown: steps of evaluation, and those of the most games of a cell in every cell."""
    done = table[table["status"] == "done"]
    lines = []
    for game, rows in done.groupby("game", sort=False):
        steps = (rows["episodes"] * rows["length_mean"]).sum()
        every = (rows["episodes"].max() * rows["length_mean"]).sum()
        more = (rows["episodes"] == rows["episodes"].max()).sum()
        line = [title(game), f"{len(rows)}", f"{more}", f"{steps:,.0f}", f"{every:,.0f}"]
        lines.append([*line, f"{steps / every:.0%}"])
    head = ["game", "cells", "of most games", "steps played", "if all had as many", "share"]
    return markdown(head, lines)


def by_count(table: pd.DataFrame, game: str) -> str:
    """Markdown: a game's exponents at budgets counted exactly and as the paper's code counts.

    Every run's losses, means over seeds, are read off between its cells at budgets of either count
    (published.recounted), so that both are read in one way.
    """
    rows = table[(table["game"] == game) & (table["status"] == "done")]
    rows = rows.assign(game=title(game), width=rows["size"])
    lines = []
    for convention in ("exact", "published"):
        cells = published.recounted(rows, convention)
        of = published.exponents(cells, params.Laws(bootstrap=0))
        lines.append([title(game), convention, *of.values()])
    head = ["game", "counting", *published.LAWS, "optima at the edge"]
    return markdown(head, lines)


def main(path: str, forecast: str | None = None) -> None:
    table = tables.read_table(path)
    settings = params.read(ROOT / "params.yaml", ROOT / "studies/reference.yaml").laws
    if forecast is None:
        print(by_split(table, settings), end="\n\n")
        print(without_the_heaviest(table, settings))
        return
    quoted = json.loads((ROOT / "results/reference/metrics.json").read_text(encoding="utf-8"))
    print(without_a_seed(table, settings, quoted), end="\n\n")
    print(without_unlearned(table, settings), end="\n\n")
    print(by_form(table, settings), end="\n\n")
    missed = misses(table, settings)
    missed.to_csv(MISSES, index=False, float_format="%.6g")
    print(by_sizes(missed), end="\n\n")
    print(by_split(table, settings), end="\n\n")
    print(outcome(json.loads(Path(forecast).read_text(encoding="utf-8"))), end="\n\n")
    print(by_count(table, "breakout"), end="\n\n")
    print(played(table))


if __name__ == "__main__":
    main(*sys.argv[1:])
