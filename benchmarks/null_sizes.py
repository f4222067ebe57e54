"""What the grid of a study says of an optimal size that does not move.

    python benchmarks/null_sizes.py docs/tables/reference.csv > docs/tables/reference_null_sizes.csv

A budget leaves out sizes of too few updates and of too many epochs, and so the sizes that it has
move up with compute. This keeps every cell of a game where it is and plants its loss: a power of
compute, times a parabola in ln N of the game's own curvature, times deviations of runs and cells as
large as the game's own. The optimum is the same at every budget, or grows with the cube root of
compute; in the middle of the budgets it lies where the game's lies. Of so many planted studies, the
exponent of size that is quoted: its median, what nine tenths of them lie between, and the share in
which the test of movement (laws.movement) says that the optimum moves.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from equal_flops import markdown

from ilscaling import laws, params, tables
from ilscaling.laws.draws import deviations
from ilscaling.laws.quality import NORMAL
from ilscaling.show.titles import title

ROOT = Path(__file__).resolve().parent.parent
STUDIES = 20
PLANTED = {"still": 0.0, "cube_root": 1 / 3}


def truth(rows: pd.DataFrame, fit: laws.StudyFit) -> dict[str, float]:
    """Of a game's cells: exponent of the loss, curvature, the optimum's middle, deviations."""
    x, log = np.log(rows["params"].to_numpy()), np.log(rows["dev_loss"].to_numpy())
    curvatures = []
    for _, at in rows.assign(x=x, log=log).groupby("budget"):
        means = at.groupby("x")["log"].mean()
        if len(means) >= 4:
            curvatures.append(np.polyfit(means.index, means, 2)[0])
    run = rows.groupby(["size", "seed"]).ngroup()
    away = pd.Series(deviations(np.exp(x), rows["flops"].to_numpy(), log, run.to_numpy()))
    of_run = away.groupby(run.to_numpy())
    grid = fit.optima[(fit.optima["method"] == "grid") & fit.optima["used"]]
    return {
        "slope": fit.power(fit.games[0], "L_min", "grid")["estimate"],
        "curvature": float(np.median(curvatures)),
        "middle": float(np.log(grid["N_opt"]).mean()),
        "of_run": NORMAL * (of_run.mean() - of_run.mean().median()).abs().median(),
        "of_cell": NORMAL * (away - of_run.transform("mean")).abs().median(),
    }


def planted(rows: pd.DataFrame, of: dict, exponent: float, seed: int) -> pd.DataFrame:
    """The rows with losses of a planted truth."""
    generator = np.random.default_rng([seed, *rows["game"].iloc[0].encode()])
    run = rows.groupby(["size", "seed"]).ngroup().to_numpy()
    c = np.log(rows["flops"]) - np.log(rows["budget"].unique()).mean()
    t = np.log(rows["params"]) - of["middle"] - exponent * c
    log = of["slope"] * c + of["curvature"] * t**2
    log += of["of_run"] * generator.standard_normal(run.max() + 1)[run]
    log += of["of_cell"] * generator.standard_normal(len(rows))
    columns = ["budget", "flops", "params", "samples", "size", "seed"]
    name = f"{rows['game'].iloc[0]} {seed}"
    return rows[columns].assign(game=name, dev_loss=np.exp(log))


def said(rows: pd.DataFrame, settings: params.Laws) -> dict:
    """Of a game: the quoted exponent of size, and what planted studies say."""
    fit = laws.fit_table(rows, settings, validate=False)
    of = truth(rows, fit)
    (name,) = fit.games
    record = {"game": name, "measured": fit.quoted(name, "N_opt")["estimate"]}
    record |= {name: of[name] for name in ("curvature", "of_run", "of_cell")}
    for name, exponent in PLANTED.items():
        table = pd.concat([planted(rows, of, exponent, seed) for seed in range(STUDIES)])
        fits = laws.fit_table(table, settings, validate=False)
        quoted = [fits.quoted(game, "N_opt") for game in fits.games]
        known = [one for one in quoted if one["estimate"] is not None]
        ends = np.quantile([one["estimate"] for one in known], [0.05, 0.5, 0.95])
        record |= dict(zip((f"{name}_low", name, f"{name}_high"), ends, strict=True))
        stays = [any(flag.startswith("stays:") for flag in one["flags"]) for one in known]
        record[f"{name}_moves"] = 1 - np.mean(stays)
    return record


def shown(table: pd.DataFrame) -> str:
    """Markdown of the rows."""
    lines = [
        [
            title(row["game"]),
            f"{row['measured']:.3f}",
            *(text for name in PLANTED for text in _of_planted(row, name)),
        ]
        for row in table.to_dict("records")
    ]
    texts = [f"planted: {text}" for text in ("the same at every budget", "C^(1/3)")]
    head = [column for text in texts for column in (text, "said to move")]
    return markdown(["game", "N_opt ~ C^", *head], lines)


def _of_planted(row: dict, name: str) -> tuple[str, str]:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.3f} [{low:.3f}, {high:.3f}]", f"{row[f'{name}_moves']:.0%}"


def main(path: str) -> None:
    study = params.read(ROOT / "params.yaml", ROOT / "studies/reference.yaml")
    settings = study.laws.model_copy(update={"bootstrap": 0})
    table = tables.read_table(path)
    done = table[table["status"] == "done"]
    rows = []
    for name, of_game in done.groupby("game", sort=False):
        rows.append(said(of_game, settings))
        print(title(name), rows[-1], file=sys.stderr, flush=True)
    made = pd.DataFrame(rows)
    made.to_csv(sys.stdout, index=False, float_format="%.4g")


if __name__ == "__main__":
    main(*sys.argv[1:])
