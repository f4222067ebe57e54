"""Our fits of the paper's released tables beside the published numbers, and what becomes of them
when FLOPs are counted exactly.

    python benchmarks/published.py TABLES        writes docs/published.md

TABLES holds released results as tidy CSV: tuyls2024/, epoch/, porian/.
"""

import json
import sys
from pathlib import Path

import huber
import numpy as np
import pandas as pd

from ilscaling import flops, laws, tables
from ilscaling.files import atomic
from ilscaling.params import Laws

# As the paper fits: nominal budgets, every budget whatever the number of its sizes.
AS_PUBLISHED = Laws(flops="nominal", min_sizes=1, window=None, bootstrap=0)
# Game -> window of budgets, published exponents of N and D on compute (arXiv 2307.09423).
PUBLISHED = {
    "NetHack": ((1e15, 5e18), (0.61, 0.39)),
    "BattleZone": ((2e14, 1e18), (0.58, 0.51)),
    "Breakout": ((2e14, 5e17), (0.74, 0.46)),
}
ACTIONS = {
    "BankHeist": 18,
    "BattleZone": 18,
    "Boxing": 18,
    "Breakout": 4,
    "NameThisGame": 6,
    "Phoenix": 8,
    "Qbert": 6,
    "SpaceInvaders": 6,
}
# Training FLOPs of the paper's forecast of NetHack, the loss that its run came to, and what is
# fitted for it.
FORECAST, REACHED, BELOW = 3.292e19, 0.12675, 5.01e18
# Epoch's best optimum of Chinchilla's surface (Besiroglu et al. 2024), without five outliers.
EPOCH = {"E": 1.81724, "A": 477.84, "B": 2143.9, "alpha": 0.34731, "beta": 0.36718}


def per_sample(game: str, width: int, convention: str) -> int:
    """Training FLOPs a sample of the paper's convolutional policy."""
    shape = {"frames": 4, "actions": ACTIONS[game]}
    return flops.ledger("cnn", int(width), convention=convention, **shape).training


def recounted(rows: pd.DataFrame, convention: str = "exact") -> pd.DataFrame:
    """The isoFLOP cells of one game at budgets by another count of FLOPs.

    A run gives the loss at every compute on its way, so that its learning curve, ln L linear in
    ln C between two measurements, is read off at the new budgets.
    """
    (game,) = rows["game"].unique()
    runs = {}
    for (width, params), run in rows.dropna(subset=["dev_loss", "samples"]).groupby(
        ["width", "params"]
    ):
        run = run.groupby("samples", as_index=False)["dev_loss"].mean().sort_values("samples")
        cost = per_sample(game, width, convention)
        runs[width, params, cost] = (cost * run["samples"].to_numpy(), run["dev_loss"].to_numpy())
    low, high = min(c[0] for c, _ in runs.values()), max(c[-1] for c, _ in runs.values())
    found = []
    for budget in np.geomspace(low, high, rows["budget"].nunique()):
        for (_, params, cost), (compute, losses) in runs.items():
            if compute[0] <= budget <= compute[-1]:
                log = np.interp(np.log(budget), np.log(compute), np.log(losses))
                cell = {"budget": budget, "params": params, "samples": budget / cost}
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
their released tables: eight Atari games with losses (of Double Dunk only returns were released, all
negative) and NetHack. Grid minima and ordinary least squares as in the paper, on every budget
whatever its number of sizes; intervals are 95 % t-intervals. Made by
`python benchmarks/published.py TABLES`; `tests/test_published.py` holds the numbers. One table by
the command, `--window 0` for the surfaces, which take every cell:

```bash
ilscaling fit atari_all.csv --out fits --flops nominal --min-sizes 1 --window 0 --bootstrap 0
```
"""
SURFACES = """
The same cells by surfaces, N_opt ~ C^:
"""
FORECAST_TEXT = """
## NetHack's forecast

The paper trained one run at 3.29e19 FLOPs, and it came to a loss of 0.1267. What the budgets up to
5e18 say of it, by grid minima:
"""
OTHER_TEXT = """
## NetHack's other experiments

Depth against width, learning rates, context and partial observation. The released tables name
neither depth nor rate nor context of a run, so no law in them can be fitted; what they show is how
far runs of the same number of samples lie apart in loss, and how far from a power law in
parameters:
"""
OTHERS_TEXT = """
## Tables of others

Chinchilla's 245 points as Epoch extracted them (Besiroglu et al. 2024), by `ilscaling fit
chinchilla.csv --out fits --assume-6nd --column dev_loss=loss`: they compare no sizes at equal
budgets, so that surfaces alone are fitted. Without the five highest losses, as Epoch does, by
Huber's loss:
"""
DELTAS_TEXT = """
Huber's delta (`--huber`) is the residual of ln L beyond which a point counts by its size, no longer
by its square. The 240 points scatter by .5 % (robust standard deviation): at 1e-3 five in six of
them count by their size, which is nearly the least absolute deviation; 0.1 is above every residual,
the largest of which is .05, and so is least squares:
"""
SEARCHES_TEXT = """
Whether the objective is the sum or the mean of Huber's loss moves no optimum, and nothing in a fit
of ours, whose search stops when the next step would lower the objective by less than a millionth of
a millionth of it. It matters where a search stops by an absolute tolerance: the sum is .001 here,
and the slope of the mean soon falls below the 1e-5 at which scipy's L-BFGS-B stops. Besiroglu et
al. (2024) say that Hoffmann et al.'s own search stopped early for its scale; their exponent of
N_opt is .46. From their 4,500 starts (appendix D.4), delta 1e-3, default tolerances
(`benchmarks/huber.py`; come to the optimum: an objective within .1 % of ours). Of the sum, too,
nine searches in ten stop early or in another valley, so that ours are Newton's, from many starts:
"""
PORIAN_TEXT = """
Porian et al. (2024) publish the exponent of N_opt of five of their isoFLOP studies, from minima
interpolated by splines. Ours are by default settings; the median is what a report quotes:
"""
SETUP = """
## The Atari set-up of its scripts

What an agent of the paper sees and when it acts, read in its scripts
(github.com/princeton-nlp/il-scaling-in-games, `il_scale/atari`) and in Stable-Baselines3 2.9, and
counted by a run with ale-py 0.12.1. Experts, data and clones play `<Game>Deterministic-v0` inside
Stable-Baselines3's Atari wrapper. The first has a frame skip of 4 and sticky actions of 0.25, as a
note beside it says; the wrapper skips 4 more.

| what | theirs | `studies/paper-atari.yaml` |
| --- | --- | --- |
| emulator frames an action | 16 by a step (4 without the game's own skip) | `frame_skip: 16` |
| sticky actions | 0.25 a frame | `sticky: 0.25`, the default |
| idle frames first | 1 to 30 times 4 (4 to 116 over eight seeds) | `noop_max: 120`, from 0 to 120 |
| longest game | 108,000 frames, 30 minutes | `max_steps: 6750` |
| the expert's data | its best action (`deterministic=True`) | `temperature: 0.0` |
| the clones' play | sampled | `evaluation.temperature: 1.0`, the default |

So an agent acts less than four times a second, which may be why its best Breakout clone scores 39
at a loss of 0.078, where published PPO at 4 frames a step reaches hundreds; and a loss that low is
of an expert that does not sample. Two things are not the same, and one is not known. Theirs presses
FIRE and one more action after every start and lost life, where the game has FIRE; ours leaves that
to the agent. Theirs shows the brighter of the 12th and the 16th frame, ours of the 15th and the
16th, so that what a game draws in every other frame alone may be missing from theirs. Its expert
was trained on clipped rewards with a lost life as an end, as ours is (`domains/atari/ppo.py`), by
settings that its repository does not hold.
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


def page(folder: Path) -> str:
    """The Markdown page of the tables in a folder."""
    atari = tables.read_table(folder / "tuyls2024/atari_all.csv")
    atari = atari[atari["game"].isin(ACTIONS)]
    nethack = tables.read_table(folder / "tuyls2024/nethack_isoflop_cells.csv")
    nethack["game"] = "NetHack"
    every = pd.concat([atari, nethack], ignore_index=True)
    parts = [
        [FITTED.strip(), "", *_exponents(every)],
        [SURFACES.strip(), "", *_surfaces(every)],
        [FORECAST_TEXT.strip(), "", *_forecast(nethack)],
        [OTHER_TEXT.strip(), "", *_experiments(folder)],
        [SETUP.strip()],
        [COUNTED.strip(), "", *_counted(atari)],
        [OTHERS_TEXT.strip(), "", *_chinchilla(folder)],
        [DELTAS_TEXT.strip(), "", *_deltas(folder)],
        [SEARCHES_TEXT.strip(), "", *_searches(folder)],
        [PORIAN_TEXT.strip(), "", *_porian(folder)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _grid(head: list[str], rows: list[list[str]]) -> list[str]:
    return [row(head), row(["---"] * len(head)), *map(row, rows)]


def _exponents(every: pd.DataFrame) -> list[str]:
    """Exponents by grid minima, over all budgets and over the paper's."""
    rows = []
    for game, mine in every.groupby("game", sort=True):
        windows = [("all", mine, "")]
        if game in PUBLISHED:
            (low, high), (a, b) = PUBLISHED[game]
            inside = mine[mine["budget"].between(0.99 * low, 1.01 * high)]
            windows.append((f"{low:.0e} to {high:.0e}", inside, f"{a}, {b}"))
        for name, part, published in windows:
            of = exponents(part, AS_PUBLISHED)
            rows.append([game, name, published, *(of[law] for law in LAWS.values()), of["edge"]])
    return _grid(["game", "budgets", "published N, D", *LAWS, "optima at the edge"], rows)


def of_surfaces(every: pd.DataFrame, settings: Laws) -> dict[str, dict[str, float]]:
    """Game -> method -> exponent of N_opt; grid and vertex among them."""
    fit = laws.fit_table(every, settings, validate=False)
    methods: dict[str, dict[str, float]] = {game: {} for game in fit.games}
    for record in fit.fits:
        power = record["form"] in ("power", "surface") and record["parameter"] == "exponent"
        if record["law"] == "N_opt" and power and record["estimate"] is not None:
            methods[record["game"]].setdefault(record["method"], record["estimate"])
    return methods


def _surfaces(every: pd.DataFrame) -> list[str]:
    by = of_surfaces(every, AS_PUBLISHED)
    names = ("quadratic", "chinchilla", "varpro")
    rows = [[game, *(f"{of[name]:.4f}" for name in names)] for game, of in by.items()]
    return _grid(["game", *names], rows)


def _forecast(nethack: pd.DataFrame) -> list[str]:
    rows = []
    part = nethack[nethack["budget"] <= BELOW]
    part = part[part["budget"] >= 0.99e15]
    settings = AS_PUBLISHED.model_copy(update={"bootstrap": 500})
    predicted = laws.forecast(part, settings, FORECAST)
    of_grid = predicted[(predicted["method"] == "grid") & predicted["estimate"].notna()]
    for line in of_grid.itertuples():
        if line.quantity in ("N_opt", "D_opt", "L_min") and line.form != "broken":
            ends = f"{line.estimate:.4g} [{line.low:.3g}, {line.high:.3g}]"
            rows.append([line.quantity, line.form, ends])
    return _grid(["quantity", "form", "predicted at 3.292e19"], rows)


def _experiments(folder: Path) -> list[str]:
    every = pd.read_csv(folder / "tuyls2024/nethack_losses_all_experiments.csv")
    rows = []
    for name, part in every.groupby("experiment"):
        if name in ("llama_iso_flop", "llama_loss_prediction"):
            continue
        part = part[np.isclose(part["samples"], part["samples"].max(), rtol=1e-3)]
        N, L = np.log(part["params"]), np.log(part["dev_loss"])
        apart = N.nunique() > 3 and np.ptp(N) > 1
        slope, at = np.polyfit(N, L, 1) if apart else (np.nan, np.nan)
        off = f"{np.sqrt(np.mean((L - at - slope * N) ** 2)):.3f}" if apart else ""
        sizes = f"{part['params'].min() / 1e6:.1f} to {part['params'].max() / 1e6:.1f} M"
        losses = f"{part['dev_loss'].min():.4f} to {part['dev_loss'].max():.4f}"
        fitted = f"{slope:.3f}" if apart else ""
        rows.append(
            [name.removeprefix("llama_"), str(len(part)), sizes,
             f"{part['samples'].max():.0e}", losses, fitted, off]
        )  # fmt: skip
    head = ["experiment", "runs", "parameters", "samples", "loss", "L ~ N^", "rms about it, ln"]
    return _grid(head, rows)


def _counted(atari: pd.DataFrame) -> list[str]:
    widths = [f"{ratio(width):.3f}" for width in WIDTHS]
    lines = _grid(["width", *map(str, WIDTHS)], [["exact / published (Breakout)", *widths]])
    # Both sides by budgets that three sizes reach, as `ilscaling fit` does by default.
    settings = AS_PUBLISHED.model_copy(update={"min_sizes": 3})
    rows, moves = [], []
    for game, mine in atari.groupby("game", sort=True):
        pair = {"published": exponents(mine, settings)}
        pair["exact"] = exponents(recounted(mine), settings)
        for name, of in pair.items():
            rows.append([game, name, *(of[law] for law in LAWS.values()), of["edge"]])
        moves.append(abs(np.subtract(*(float(of["N_opt"].split()[0]) for of in pair.values()))))
    why = WHY.format(median=np.median(moves), least=min(moves), most=max(moves))
    head = ["game", "counting", *LAWS, "optima at the edge"]
    return [*lines, "", READ.strip(), "", *_grid(head, rows), "", why.strip()]


def chinchilla(folder: Path, *, outliers: int = huber.OUTLIERS, resamples: int = 0) -> laws.LawFit:
    """The fit of Chinchilla's points but those of the highest losses."""
    points = huber.epoch(folder, outliers)
    return laws.fit(points, huber.COLUMNS, bootstrap=resamples, validate=False)


def _chinchilla(folder: Path) -> list[str]:
    fit = chinchilla(folder, resamples=1000)
    every = chinchilla(folder, outliers=0).surface(method="chinchilla")
    ends = fit.conf_int()
    rows = []
    for name, published in EPOCH.items():
        of = ends.loc["table", "loss", "chinchilla", "surface", name, "bootstrap"]
        ours = f"{of['estimate']:.5g} [{of['low']:.4g}, {of['high']:.4g}]"
        rows.append([name, f"{published:g}", ours, f"{every[name]:.5g}"])
    return _grid(["", "Epoch's best optimum", "ours, 240 points", "ours, all 245"], rows)


def _deltas(folder: Path) -> list[str]:
    rows = huber.table_of_deltas(huber.epoch(folder))
    return _grid(["delta", "E", "alpha", "beta", "N_opt ~ C^"], rows)


def _searches(folder: Path) -> list[str]:
    head = ["objective", "starts that came to the optimum", "steps of the median start"]
    head += ["best end over the optimum", "E", "alpha", "beta", "N_opt ~ C^"]
    return _grid(head, huber.table_of_searches(huber.epoch(folder)))


def porian(folder: Path, resamples: int = 0) -> dict[str, dict[str, float]]:
    """Study -> method -> exponent of N_opt, `published` among them."""
    names = {"game": "config", "samples": "tokens", "dev_loss": "loss"}
    table = tables.read_table(folder / "porian/isoflop_points.csv", names)
    by = of_surfaces(table, Laws(bootstrap=resamples))
    text = (folder / "porian/published_exponents.json").read_text(encoding="utf-8")
    told = json.loads(text)
    return {game: {**of, "published": told[game]["basic"]["n_exponent"]} for game, of in by.items()}


def _porian(folder: Path) -> list[str]:
    names = ("published", "median", "grid", "vertex", "quadratic", "chinchilla", "varpro")
    rows = [[game, *(f"{of[n]:.3f}" for n in names)] for game, of in porian(folder).items()]
    return _grid(["study", *names], rows)


WHY = """
Counting and reading together move the exponent of N_opt by {median:.2f} in the median of the games,
{least:.2f} to {most:.2f}. Costs were overstated the more the smaller a policy is, and between two
measurements a curve is a guess, whose minima fall on other sizes. A difference of that size between
two analyses of one table is no contradiction.
"""
WIDTHS = (1, 8, 34, 126, 266)


def ratio(width: int) -> float:
    return per_sample("Breakout", width, "exact") / per_sample("Breakout", width, "published")


def main() -> None:
    text = page(Path(sys.argv[1]))
    with atomic(Path(__file__).parents[1] / "docs/published.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
