"""Loss as a surface over size and data, fitted to all cells, and the frontier that follows."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ilscaling.laws import additive, quadratic
from ilscaling.laws.additive import Additive
from ilscaling.laws.batched import Cells
from ilscaling.laws.chinchilla import chinchilla
from ilscaling.laws.constraint import Constraint, constraint
from ilscaling.laws.draws import Draws, generator, measurement
from ilscaling.laws.profiles import lowest, near, profiles
from ilscaling.laws.quadratic import Quadratic
from ilscaling.laws.runs import Runs
from ilscaling.laws.varpro import varpro
from ilscaling.params import Laws

FRONTIER = ("N_opt", "D_opt", "L_min")


class Method(NamedTuple):
    """How a surface is fitted.

    Parameters
    ----------
    fit : callable
        (Cells, Laws) -> the surface of every draw, and whether each draw has one (draws,).
    names : tuple of str
        Its coefficients.
    sizes, cells : int
        Distinct sizes (and amounts of data), and cells, that it needs: a cell more than
        coefficients.
    failure : str
        'code: sentence' for a measurement that has none.
    """

    fit: Callable[[Cells, Laws], tuple[Quadratic | Additive, np.ndarray]]
    names: tuple[str, ...]
    sizes: int
    cells: int
    failure: str


SEARCH = "not_converged: the search for the surface did not end"
METHODS = {
    "quadratic": Method(
        lambda cells, _: quadratic.fit(cells),
        quadratic.NAMES,
        3,
        7,
        "rank: the cells do not determine a quadratic in size and data, as from two budgets",
    ),
    "chinchilla": Method(
        lambda cells, settings: chinchilla(cells, settings.huber), additive.NAMES, 3, 6, SEARCH
    ),
    "varpro": Method(lambda cells, _: varpro(cells), additive.NAMES, 3, 6, SEARCH),
}
# E as a share of a typical loss, below which it counts as 0.
NOTHING = 1e-6


class Returns(NamedTuple):
    """A law of return on 1/loss.

    Parameters
    ----------
    at : callable
        Losses (draws, points) -> returns of that shape.
    exponent : array (draws,)
    spread : tuple
        Of the measurements about it: standard deviation in ln, degrees of freedom (see
        Surface.spread).
    """

    at: Callable[[np.ndarray], np.ndarray]
    exponent: np.ndarray
    spread: tuple[float, int]


@dataclass(frozen=True)
class Surface:
    """The compute-optimal frontier of one surface, for every draw (a Frontier).

    Parameters
    ----------
    method : str
        A key of METHODS.
    n : int
        Cells of draw 0.
    parameters : dict
        (law, name) -> array (draws,): 'exponent' and 'intercept' of the frontier's power laws, and
        the coefficients of the law 'loss'. NaN in a draw that does not determine them.
    flags : dict
        Law -> list of 'code: sentence'.
    optima : dict of str to array (budgets,)
        Those of the grid, by law and 'C' (see `measured`).
    model : Quadratic or Additive, optional
        The surface. Without it nothing could be fitted, or there is no optimum at fixed compute.
    constraint : Constraint, optional
        Along which its optima lie.
    usable : array of bool (draws,), optional
        Draws with an optimum.
    intervals : dict
        (law, 'exponent') -> (low, high) by the delta method.
    returns : Returns, optional
        The law that turns its losses into returns.
    form : str
    residual : tuple, optional
        Spread of ln L of the cells about draw 0 and its degrees of freedom, where there are no
        budgets.
    """

    method: str
    n: int
    parameters: dict[tuple[str, str], np.ndarray]
    flags: dict[str, list[str]]
    optima: dict[str, np.ndarray]
    model: Quadratic | Additive | None = None
    constraint: Constraint | None = None
    usable: np.ndarray | None = None
    intervals: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    returns: Returns | None = None
    form: str = "surface"
    residual: tuple[float, int] | None = None

    def predict(self, law: str, C: np.ndarray) -> np.ndarray:
        """The law's value at compute C.

        Parameters
        ----------
        law
            N_opt, D_opt, L_min or R_on_1/L; others have none.
        C : array (points,)
            FLOPs.

        Returns
        -------
        array (draws, points)
            NaN in draws without an optimum, and for the return without a law of it.
        """
        C = np.asarray(C, dtype=np.float64)
        draws = len(self.parameters["N_opt", "exponent"])
        if self.model is None or law not in (*FRONTIER, "R_on_1/L"):
            return np.full((draws, len(C)), np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            ln_N = np.where(self.usable[:, None], self.model.ln_N(C, self.constraint), np.nan)
            ln_D = self.constraint.ln_D(ln_N, C)
            if law in ("N_opt", "D_opt"):
                return np.exp(ln_N if law == "N_opt" else ln_D)
            loss = self.model.loss(ln_N, ln_D)
        if law == "L_min":
            return loss
        return np.full_like(loss, np.nan) if self.returns is None else self.returns.at(loss)

    def excess_compute(self, N: np.ndarray, C: np.ndarray) -> np.ndarray:
        """Compute over what the optimal size needs for the loss of size N at compute C.

        Parameters
        ----------
        N : array (points,)
            Parameters.
        C : array (points,)
            FLOPs.

        Returns
        -------
        array (draws, points)
            At least 1; NaN in draws without an optimum, or where its loss is nowhere as high.
        """
        N, C = np.asarray(N, dtype=np.float64), np.asarray(C, dtype=np.float64)
        if self.model is None:
            return np.full((len(self.parameters["N_opt", "exponent"]), len(C)), np.nan)
        multiple = self.model.excess_compute(np.log(N), C, self.constraint)
        return np.where(self.usable[:, None], multiple, np.nan)

    def spread(self, law: str) -> tuple[float, int]:
        """Standard deviation of ln(measured / predicted) over the grid's optima, by draw 0, and its
        degrees of freedom; (NaN, 0) where there are too few."""
        if law == "R_on_1/L" and self.returns is not None:
            return self.returns.spread
        if self.model is None or not self.usable[0] or law not in self.optima:
            return np.nan, 0
        if self.residual is not None:
            # No optimum was measured: an interval is that of the law itself, of a loss a cell's.
            return self.residual if law == "L_min" else (0.0, self.residual[1])
        away = np.log(self.optima[law] / self.predict(law, self.optima["C"])[0])
        freedom = len(away) - (3 if law == "L_min" else 2)
        return (float(np.sqrt(away @ away / freedom)), freedom) if freedom > 0 else (np.nan, 0)


def fit(
    runs: Runs,
    resamples: int,
    settings: Laws,
    returns: Returns | None = None,
    *,
    only: tuple[str, ...] = (),
) -> list[Surface]:
    """The frontier of one game by every surface.

    Whole runs are drawn with replacement (see `whole_runs`). Cells whose loss exceeds
    settings.plateau times the action entropy, where that is known, do not enter, nor do those far
    from their budget's best (see `around`).

    Parameters
    ----------
    runs
        Rows of the game.
    resamples
        How many draws follow the measurement.
    settings
        Of which `window`, `plateau`, `rho`, `huber`, `min_sizes`, `level` and `seed` count here.
    returns
        For surfaces that are to predict returns.
    only
        Keys of METHODS; by default all.

    Returns
    -------
    list of Surface
        One that cannot be fitted has NaN parameters and a flag that says why.
    """
    weight = whole_runs(runs, resamples, settings.seed)
    losses = np.broadcast_to(runs.L, weight.shape)
    if runs.dev is not None:
        losses = runs.dev.anew(losses, generator(runs.game, settings.seed, "L"))
    return _surfaces(runs, losses, weight, settings, returns, only or tuple(METHODS))


def about(runs: Runs, draws: Draws, settings: Laws) -> list[Surface]:
    """As `fit`, of the resamples of grid and vertex: residuals about a smooth surface.

    The scatter of the exponents among these draws is theirs, their centre that of the smooth
    surface: for standard deviations, not for quantiles.

    Parameters
    ----------
    runs, draws
        Rows of one game, and these in every draw (see draws.draw).
    settings
        See `fit`.
    """
    weight = np.broadcast_to(draws.weight * runs.losses, draws.L.shape)
    return _surfaces(runs, draws.L, weight, settings, None, tuple(METHODS))


def _surfaces(
    runs: Runs,
    losses: np.ndarray,
    weight: np.ndarray,
    settings: Laws,
    returns: Returns | None,
    methods: tuple[str, ...],
) -> list[Surface]:
    """Every method's surface of losses (draws, rows), which count `weight` times."""
    flags = []
    with np.errstate(invalid="ignore"):
        guessing = settings.plateau * runs.entropy < runs.L
    far = ~around(runs, settings.window)
    cells = Cells.of(runs.N, runs.D, losses, weight * runs.weight * ~(guessing | far))
    bound = constraint(runs.N, runs.D, runs.C, weight * ~guessing, settings.rho)
    optima = measured(runs, settings)
    if guessing.any():
        flags.append(f"plateau: {guessing.sum()} cells, no better than guessing, are left out")
    elif not np.isfinite(runs.entropy).all():
        flags.append("plateau: unknown action entropy, cells no better than guessing may be in")
    if far.any():
        flags.append(
            f"window: {far.sum()} of {len(far)} cells, more than {settings.window:g} times off the"
            " best size of their budget, are left out"
        )
    return [
        _fit(method, runs, cells, bound, optima, flags, settings, returns) for method in methods
    ]


def around(runs: Runs, window: float | None) -> np.ndarray:
    """Which rows lie about the measured best size of their budget (see profiles.near).

    A surface has a form of its own, which holds best where it is fitted: far cells, of which a
    budget may have many, would move its optimum. A budget of fewer than three sizes shows no
    optimum, and all of its rows stay, as do those of a table that is not isoFLOP.

    Parameters
    ----------
    runs
        Rows of one game.
    window
        Largest ratio of parameters to those of the best size; None: all rows.

    Returns
    -------
    array of bool (rows,)
    """
    if window is None or not len(runs.L) or not runs.isoflop:
        return np.ones(len(runs.L), dtype=bool)
    cells = profiles(runs, measurement(runs))
    several = np.isfinite(cells.L[0]).sum(axis=1) >= 3
    inside = near(cells.N, cells.L, window)[0] | ~several[:, None]
    row, column = np.searchsorted(cells.position, runs.position), np.searchsorted(cells.N, runs.N)
    return inside[row, column]


def whole_runs(runs: Runs, count: int, seed: int) -> np.ndarray:
    """How often each row is in the measurement and in its resamples; its `weight` comes on top.

    A row that is the mean of several runs' losses counts as often. A resample draws as many runs as
    there are, with replacement. Unlike a grid, a surface does without a size that was not drawn;
    and a resample of residuals would have to be made about each surface of its own, or test one
    surface by the misfit of another.

    Parameters
    ----------
    runs
        Rows of one game.
    count
        Resamples.
    seed
        Of the drawing, beside the game's name.

    Returns
    -------
    array (1 + count, rows)
    """
    weight = np.ones((1 + count, len(runs.L)))
    if count and runs.count:
        shares = np.full(runs.count, 1 / runs.count)
        drawn = generator(runs.game, seed, "runs").multinomial(runs.count, shares, size=count)
        weight[1:] = drawn[:, runs.run]
    return weight * runs.losses


def measured(runs: Runs, settings: Laws) -> dict[str, np.ndarray]:
    """The grid's optima of the measurement, of budgets with settings.min_sizes sizes.

    Parameters
    ----------
    runs
        Rows of one game.
    settings
        Of which `min_sizes` counts here.

    Returns
    -------
    dict of str to array (budgets,)
        `C` in FLOPs, and each law of FRONTIER: parameters, samples, and the lowest loss. Empty
        arrays for a table that is not isoFLOP.
    """
    if not len(runs.L) or not runs.isoflop:
        return {law: np.empty(0) for law in ("C", *FRONTIER)}
    cells = profiles(runs, measurement(runs))
    best = lowest(cells, "grid", settings.window)
    many = np.isfinite(cells.L[0]).sum(axis=1) >= settings.min_sizes
    values = (best.C, best.N, best.D, best.y)
    return {law: v[0, many] for law, v in zip(("C", *FRONTIER), values, strict=True)}


def _fit(method, runs, cells, bound, optima, notes, settings, returns) -> Surface:
    """One surface, with its frontier if it has one."""
    by = METHODS[method]
    keys = [(law, name) for law in FRONTIER for name in ("exponent", "intercept")]
    keys += [("loss", name) for name in by.names]
    values = dict.fromkeys(keys, np.full(cells.draws, np.nan))
    flags = {law: [] for law in FRONTIER} | {"loss": list(notes)}
    nothing = Surface(method, cells.n, values, flags, optima)
    why = cells.refusal(by.sizes, by.cells)
    if why:
        return _refused(nothing, why)
    model, converged = by.fit(cells, settings)
    known = converged & cells.enough(by.sizes, by.cells)
    if not known[0]:
        return _refused(nothing, by.failure)
    values |= {("loss", k): np.where(known, v, np.nan) for k, v in model.parameters.items()}
    flags["loss"] += _missing(known, "give no surface")
    why = model.refusal(bound)
    if why:
        return _refused(nothing, why)
    usable = known & model.usable(bound)
    here = cells.rows[cells.weight[0] > 0]
    middle = float(np.exp(np.log(runs.C[here]).mean()))
    for law, *pair in zip(
        FRONTIER, model.exponents(bound, middle), model.intercepts(bound), strict=True
    ):
        for name, value in zip(("exponent", "intercept"), pair, strict=True):
            values[law, name] = np.where(usable, value, np.nan)
        flags[law] += [*bound.flags, *_missing(usable, "have no optimum at fixed compute")]
    if returns is not None:
        values["R_on_1/L", "exponent"] = returns.exponent
        flags["R_on_1/L"] = ["of_grid: the law of the grid's optima, at the loss of the surface"]
    surface = Surface(method, cells.n, values, flags, optima, model, bound, usable, {}, returns)
    if not runs.isoflop:
        off = np.log(runs.L[here] / model.loss(np.log(runs.N[None, here]), np.log(runs.D[here]))[0])
        freedom = len(off) - len(by.names)
        surface = replace(surface, residual=(float(np.sqrt(off @ off / freedom)), freedom))
        for law in ("N_opt", "D_opt"):
            flags[law].append("of_law: no optimum was measured, intervals are those of the law")
    flags["N_opt"] += _outside(surface, runs, here)
    if isinstance(model, Quadratic):
        flags["L_min"].append(f"local: exponent at C = {middle:.3g}, no power law has this form")
        run = runs.run[cells.rows]
        weight = runs.weight[cells.rows]
        intervals = quadratic.delta_intervals(cells, run, weight, bound, middle, settings.level)
        if isinstance(intervals, str):
            for law in FRONTIER:
                flags[law].append(intervals)
        else:
            surface.intervals.update({(law, "exponent"): ends for law, ends in intervals.items()})
    else:
        flags["L_min"].append("reducible: exponent of L_min - E")
        unknown = _unidentified(model.E[usable], np.exp(cells.centre[2]), settings.level)
        flags["L_min"] += unknown
        flags["loss"] += unknown
    return surface


def _refused(surface: Surface, why: str) -> Surface:
    for flags in surface.flags.values():
        flags.append(why)
    return surface


def _missing(known: np.ndarray, what: str) -> list[str]:
    """A flag of the resamples that are left out of the intervals, if any."""
    count = int((~known[1:]).sum())
    return [f"draws: {count} of {len(known) - 1} resamples {what}"] if count else []


def _outside(surface: Surface, runs: Runs, here: np.ndarray) -> list[str]:
    """A flag of the budgets whose N_opt lies beyond their sizes, if any."""
    budgets = np.unique(runs.position[here])
    groups = [here[runs.position[here] == position] for position in budgets]
    C = np.exp([np.log(runs.C[rows]).mean() for rows in groups])
    N = surface.predict("N_opt", C)[0]
    beyond = sum(
        not runs.N[rows].min() <= at <= runs.N[rows].max()
        for rows, at in zip(groups, N, strict=True)
    )
    if not beyond:
        return []
    return [f"outside: N_opt lies beyond the measured sizes at {beyond} of {len(budgets)} budgets"]


def _unidentified(E: np.ndarray, scale: float, level: float) -> list[str]:
    """A flag if E (draws,) or its bootstrap interval is at 0."""
    if E[0] <= NOTHING * scale:
        return ["not_identified: E is at 0, the cells do not show an irreducible loss"]
    low = np.quantile(E[1:], 0.5 - level / 2) if len(E) > 1 else E[0]
    if low <= NOTHING * scale:
        return [f"not_identified: the interval of E, {E[0]:.3g}, reaches 0"]
    return []
