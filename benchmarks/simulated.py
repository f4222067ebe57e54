"""Studies from a planted truth: known laws, runs that deviate as a whole, cells that do so alone.

At size N and compute C the loss is E + reducible(C) r(t), t = ln(N / N_opt(C)), with N_opt ~ C^A.
Of the additive truth, L = E + a / N^ALPHA + b / D^BETA, r is what that law costs off its optimum;
of the bowl it is a parabola in ln L. Deviations are in ln L and in ln R: a run's offset and its
slope along ln C, which all of its snapshots share, and a cell's own. Where losses are of few
held-out episodes, each of these deviates by size and compute, in all runs alike.
"""

from dataclasses import dataclass

import numpy as np

from ilscaling.laws.episodes import Episodes
from ilscaling.laws.runs import Runs

ALPHA, BETA = 0.45, 0.30
A, G = BETA / (ALPHA + BETA), ALPHA * BETA / (ALPHA + BETA)
# Return on 1/loss, and the bowl's curvature: that of the additive truth at its optimum.
H, CURVATURE = 1.7, ALPHA * BETA / 2


@dataclass(frozen=True)
class Design:
    """Sizes x seeds runs at so many budgets, and what is planted there.

    `step` is between two sizes, in ln N; `noise` a run's offset, a run's slope over the
    standardised ln C, a cell's own; `floor` is E over the reducible loss of the middle budget;
    `tails` the degrees of freedom of the deviations (None: Gaussian); `uneven` their ratio at the
    first budget to that at the last; `missing` the share of cells that are absent; `triangle`:
    sizes far from a budget's optimum are absent, as cells of too few updates or too many epochs
    are; `first` is the place of the first budget's optimum among the sizes; `episodes` are those
    that losses are measured on (0: so many that they say nothing of their own), and `told` whether
    the laws know of them.
    """

    name: str
    sizes: int = 8
    seeds: int = 2
    budgets: int = 8
    step: float = 0.6
    noise: tuple[float, float, float] = (0.02, 0.01, 0.01)
    truth: str = "additive"
    floor: float = 0.0
    tails: int | None = None
    uneven: float = 1.0
    missing: float = 0.0
    triangle: bool = False
    first: float = 1.0
    episodes: int = 0
    told: bool = True


# What an episode's loss has of its own, relative to the mean: at all cells, by the standardised
# ln N, by the standardised ln C, by their product. With a dozen it moves the exponent of the
# optimal size about as much as NetHack's games do (docs/findings.md).
OF_EPISODE = (0.3, 0.05, 0.08, 0.05)
SMALL = {"sizes": 6, "seeds": 1, "budgets": 6}
DESIGNS = [
    Design("plain"),
    Design("heavy tails", tails=3),
    Design("uneven noise", uneven=9.0),
    Design("cells missing", missing=0.2),
    Design("saturating", floor=1.0),
    Design("bowl", truth="bowl"),
    Design("many budgets", sizes=12, seeds=1, budgets=16, step=0.45),
    Design("coarse grid", sizes=5, seeds=2, step=1.4),
    Design("cut edge", first=0.0),
    Design("small", **SMALL, triangle=True),
    Design("small bowl", **SMALL, triangle=True, truth="bowl"),
    Design("small, three seeds", sizes=6, seeds=3, budgets=6, triangle=True),
    Design("twelve held-out episodes", episodes=12),
    Design("the same, not told apart", episodes=12, told=False),
]


def study(design: Design, seed: int) -> Runs:
    """One simulated study; its game's name holds the seed, so that resamples differ."""
    generator = np.random.default_rng([seed, *design.name.encode()])
    shape = (design.sizes, design.seeds, design.budgets)
    i, j, k = (index.ravel() for index in np.indices(shape))
    N = 2e4 * np.exp(i * design.step)
    # The optimum goes from its first place to the last size but one.
    range_of_C = (design.sizes - 2 - design.first) * design.step / A
    budgets = 1e12 * np.exp(np.linspace(0, range_of_C, design.budgets))
    C, run = budgets[k], i * design.seeds + j
    t = np.log(N) - np.log(2e4) - design.first * design.step - A * np.log(C / 1e12)
    middle = np.sqrt(budgets[0] * budgets[-1])
    reducible = (C / middle) ** -G
    if design.truth == "bowl":
        excess = reducible * np.exp(CURVATURE * t**2)
    else:
        excess = reducible * (BETA * np.exp(-ALPHA * t) + ALPHA * np.exp(BETA * t)) / (ALPHA + BETA)
    log = np.log(design.floor + excess)
    c = (np.log(C) - np.log(C).mean()) / np.log(C).std()
    scale = np.exp(np.log(design.uneven) * (0.5 - k / (design.budgets - 1)))
    offset, slope, own = design.noise

    def deviates(*size: int) -> np.ndarray:
        if design.tails is None:
            return generator.standard_normal(size)
        unit = np.sqrt(design.tails / (design.tails - 2))
        return generator.standard_t(design.tails, size) / unit

    def deviation() -> np.ndarray:
        of_run = deviates(2, design.sizes * design.seeds)[:, run]
        return scale * (offset * of_run[0] + slope * c * of_run[1] + own * deviates(len(N)))

    L = np.exp(log + deviation())
    R = 12 * np.exp(-H * log + deviation())
    there = generator.random(len(N)) >= design.missing
    if design.triangle:
        there &= np.abs(t) <= 2.5 * design.step
    blank = np.full(len(N), np.nan)
    name, held_out = f"{design.name} {seed}", None
    if design.episodes:
        n = (i - i.mean()) / i.std()
        own_loss = generator.standard_normal((4, design.episodes)).T @ (
            np.array(OF_EPISODE)[:, None] * [np.ones_like(n), n, c, n * c]
        )
        steps = generator.integers(500, 8_000, design.episodes)
        held_out = Episodes(steps, (L * np.clip(1 + own_loss, 0.1, None)).T)
        L = held_out.mean
    runs = Runs(
        name, "realised", budgets, k, N, C / (6 * N), C, L, R, run, i + 1.0, blank,
        dev=held_out if design.told else None,
    )  # fmt: skip
    return runs.where(there)
