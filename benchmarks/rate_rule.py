"""The rate's rule in the size that a sweep supports: value * (size / at) ** power.

For each size a parabola of ln(dev loss) in ln(rate); its vertex is the size's best rate. The rule
is the line through the vertices in logs, by ordinary least squares with a t-interval.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ilscaling.laws.lines import power_law
from ilscaling.laws.records import Fit

# Rates whose loss exceeds the size's lowest by more than this say little of where the bottom is.
WITHIN = 1.25
LEVEL = 0.95


@dataclass(frozen=True)
class Vertex:
    """The best rate of a size, and the curvature of ln(loss) in ln(rate) there; or why none."""

    size: int
    rate: float = math.nan
    curvature: float = math.nan
    reason: str = ""


def vertex(size: int, rates: np.ndarray, losses: np.ndarray) -> Vertex:
    """Vertex of the parabola through the rates (n,) around the lowest of the losses (n,)."""
    order = np.argsort(rates)
    rates, losses = np.asarray(rates, float)[order], np.asarray(losses, float)[order]
    near = losses <= WITHIN * losses.min()
    best = int(losses.argmin())
    if best in (0, len(rates) - 1):
        return Vertex(size, reason=f"lowest at the edge of the rates ({rates[best]:.3g})")
    near[best - 1 : best + 2] = True
    if not np.isfinite(losses[near]).all():
        return Vertex(size, reason="a neighbour of the lowest loss diverged")
    square, slope, _ = np.polyfit(np.log(rates[near]), np.log(losses[near]), 2)
    if square <= 0:
        return Vertex(size, reason="no bottom: the parabola opens downwards")
    return Vertex(size, float(np.exp(-slope / (2 * square))), float(square))


def vertices(table: pd.DataFrame) -> list[Vertex]:
    """Of rows with `size`, `rate` and `dev_loss`; a size with fewer than three rates has none."""
    found = []
    for size, rows in table.groupby("size"):
        few = len(rows) < 3
        found.append(
            Vertex(int(size), reason="fewer than three rates")
            if few
            else vertex(int(size), rows["rate"].to_numpy(), rows["dev_loss"].to_numpy())
        )
    return found


def power(found: list[Vertex], game: str) -> Fit:
    """Exponent of the best rate in the size, with its interval."""
    good = [v for v in found if not v.reason]
    sizes, rates = np.array([v.size for v in good]), np.array([v.rate for v in good])
    names = {"game": game, "law": "rate", "method": "vertex", "flops": "nominal"}
    return power_law(sizes, rates, level=LEVEL, **names)


def text(found: list[Vertex], fit: Fit, stated, budget: float) -> str:
    """The measured rule beside the stated one (params.Rule)."""
    lines = [f"best rates at {budget:.3g} FLOPs (rule in params.yaml: power {stated.power:g})"]
    for v in found:
        best = v.reason or f"{v.rate:.3g}, ln(loss) rises by {v.curvature:.3f} ln(rate / best)^2"
        lines.append(f"  size {v.size}: {best}; the rule says {stated(v.size):.3g}")
    if fit["estimate"] is None:
        return "\n".join([*lines, f"  no rule: {'; '.join(fit['flags'])}"])
    value = math.exp(fit["intercept"]) * stated.at ** fit["estimate"]
    rule = f"value: {value:.3g}, at: {stated.at:g}, power: {fit['estimate']:.2f}"
    lines.append(f"  measured rule: {{ {rule} }}")
    if fit["ci_low"] is None:
        return "\n".join([*lines, "  two sizes give no interval"])
    inside = fit["ci_low"] <= stated.power <= fit["ci_high"]
    lines.append(
        f"  power {fit['estimate']:.2f}, {LEVEL:.0%} interval {fit['ci_low']:.2f} to"
        f" {fit['ci_high']:.2f}: the stated {stated.power:g} lies {'in' if inside else 'out'}side"
    )
    return "\n".join(lines)
