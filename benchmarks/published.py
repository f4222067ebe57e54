"""Our fits of the paper's released tables beside the published numbers, and what becomes of them
when FLOPs are counted exactly.

    python benchmarks/published.py TABLES        writes docs/published.md

TABLES holds the released results as tidy CSV: atari.csv, nethack.csv.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling import flops, laws, tables
from ilscaling.files import atomic
from ilscaling.params import Laws

# As the paper fits: nominal budgets, every budget whatever the number of its sizes.
AS_PUBLISHED = Laws(flops="nominal", min_sizes=1, bootstrap=0)
# Game -> window of budgets, published exponents of N and D on compute (arXiv 2307.09423).
PUBLISHED = {
    "NetHack": ((1e15, 5e18), (0.61, 0.39)),
    "BattleZone": ((2e14, 1e18), (0.58, 0.51)),
    "Breakout": ((2e14, 5e17), (0.74, 0.46)),
}
ACTIONS = {"BattleZone": 18, "Boxing": 18, "Breakout": 4, "Qbert": 6}


def per_sample(game: str, width: int, convention: str) -> int:
    """Training FLOPs a sample of the paper's convolutional policy."""
    shape = {"frames": 4, "actions": ACTIONS[game]}
    return flops.ledger("cnn", int(width), convention=convention, **shape).training


def recounted(rows: pd.DataFrame) -> pd.DataFrame:
    """The isoFLOP cells of one game at budgets counted exactly.

    A run gives the loss at every compute on its way, so that its learning curve, ln L linear in
    ln C between two measurements, is read off at the new budgets.
    """
    (game,) = rows["game"].unique()
    runs = {}
    for (width, params), run in rows.dropna(subset=["dev_loss", "samples"]).groupby(
        ["width", "params"]
    ):
        run = run.groupby("samples", as_index=False)["dev_loss"].mean().sort_values("samples")
        exact = per_sample(game, width, "exact")
        runs[width, params, exact] = (exact * run["samples"].to_numpy(), run["dev_loss"].to_numpy())
    low, high = min(c[0] for c, _ in runs.values()), max(c[-1] for c, _ in runs.values())
    found = []
    for budget in np.geomspace(low, high, rows["budget"].nunique()):
        for (_, params, exact), (compute, losses) in runs.items():
            if compute[0] <= budget <= compute[-1]:
                log = np.interp(np.log(budget), np.log(compute), np.log(losses))
                cell = {"budget": budget, "params": params, "samples": budget / exact}
                found.append({"game": game, **cell, "dev_loss": np.exp(log)})
    return pd.DataFrame(found)


def exponents(rows: pd.DataFrame, settings: Laws) -> dict[str, str]:
    """Exponents by the grid's minima, with their t-intervals."""
    fit = laws.fit_table(rows, settings, validate=False)
    found = {}
    for law in LAWS.values():
        of = fit.power(fit.games[0], law, "grid")
        found[law] = f"{of['estimate']:.4f} [{of['ci_low']:.3f}, {of['ci_high']:.3f}]"
    edge = [f for f in fit.power(fit.games[0], "N_opt", "grid")["flags"] if f.startswith("edge")]
    return {**found, "edge": edge[0].removeprefix("edge: ") if edge else ""}


LAWS = {f"{law} ~ C^": law for law in ("N_opt", "D_opt", "L_min")}
FITTED = """
# The published numbers, and ours

Tuyls et al., 'Scaling Laws for Imitation Learning in Single-Agent Games' (arXiv 2307.09423), from
the part of their released tables that is at hand: four Atari games and NetHack. Grid minima and
ordinary least squares as in the paper; intervals are 95 % t-intervals. Made by
`python benchmarks/published.py TABLES`; `tests/test_published.py` holds the numbers.
"""
COUNTED = """
## Counted exactly

The paper's code counts a convolution at its input's resolution, not its output's, and a gradient
of the screen, which nobody needs. What it calls 1 FLOP is this much in truth, by width of the
policy:
"""
READ = """
The share rises with the width, so cells of one published budget did not cost the same. Below, each
run's learning curve is read off at budgets counted exactly (ln L linear in ln C between two
measurements), and the minima are found anew, over all budgets that three sizes reach:
"""


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def page(atari: pd.DataFrame, nethack: pd.DataFrame) -> str:
    """The Markdown page."""
    head = ["game", "budgets", "published N, D", *LAWS, "optima at the edge"]
    lines = [FITTED.strip(), "", row(head), row(["---"] * len(head))]
    every = pd.concat([atari, nethack], ignore_index=True)
    for game, rows in every.groupby("game", sort=True):
        windows = [("all", rows, "")]
        if game in PUBLISHED:
            (low, high), (a, b) = PUBLISHED[game]
            inside = rows[rows["budget"].between(0.99 * low, 1.01 * high)]
            windows.append((f"{low:.0e} to {high:.0e}", inside, f"{a}, {b}"))
        for name, part, told in windows:
            of = exponents(part, AS_PUBLISHED)
            lines.append(row([game, name, told, *(of[law] for law in LAWS.values()), of["edge"]]))
    widths = [f"{ratio(width):.3f}" for width in WIDTHS]
    lines += ["", COUNTED.strip(), "", row(["width", *map(str, WIDTHS)])]
    lines += [row(["---"] * (len(WIDTHS) + 1)), row(["exact / published (Breakout)", *widths])]
    head = ["game", "counting", *LAWS, "optima at the edge"]
    lines += ["", READ.strip(), "", row(head), row(["---"] * len(head))]
    for game, rows in atari.groupby("game", sort=True):
        # Both sides by budgets that three sizes reach, as `ilscaling fit` does by default.
        settings = AS_PUBLISHED.model_copy(update={"min_sizes": 3})
        for name, part in (("published", rows), ("exact", recounted(rows))):
            of = exponents(part, settings)
            lines.append(row([game, name, *(of[law] for law in LAWS.values()), of["edge"]]))
    return "\n".join(lines) + "\n"


WIDTHS = (1, 8, 34, 126, 266)


def ratio(width: int) -> float:
    return per_sample("Breakout", width, "exact") / per_sample("Breakout", width, "published")


def main() -> None:
    folder = Path(sys.argv[1])
    text = page(*(tables.read_table(folder / name) for name in ("atari.csv", "nethack.csv")))
    with atomic(Path(__file__).parents[1] / "docs/published.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
