"""Least squares of the saturating law y = a x^g + b in ln y, for many draws at once."""

import numpy as np

# The bend, in ln y over the points' range of ln x, is sought up to this.
BEND = 50.0
# Coarse starts: exponent at the first point over that of the power law, and bend.
STARTS = [(h, bend) for h in (0.7, 1.0, 1.5, 2.5, 5.0, 12.0) for bend in (0.3, 1, 2, 4, 8, 20)]
FEW = [(1.2, 1.0), (2.5, 3.0), (5.0, 8.0)]


def log_shape(z: np.ndarray, h: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """ln(1 + h (exp(g z) - 1) / g) for g = h - bend at z = ln(x / x0); h z without a bend."""
    with np.errstate(all="ignore"):
        return np.where(h < 0, np.log(_falling(z, h, bend)[0]), np.log(_rising(z, h, bend)[0]))


def bend(
    z: np.ndarray, v: np.ndarray, there: np.ndarray, slope: np.ndarray, sign: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exponent h at z = 0 and bend h - g >= 0 of the law that fits best, and its squares' sum.

    z (draws, points) in [0, 1], v = ln y, `there` marks the points, `slope` (draws,) is the power
    law's, `sign` the direction of all draws. Returns arrays (draws,). The level of ln y is linear
    and projected out. Draw 0 starts from the best of a fine grid, the others from its optimum or
    the best of a coarse one. Where no bend fits best, the squares' sum may exceed the power law's.
    """
    slope = np.where(np.isfinite(slope) & (sign * slope > 0), slope, sign * 1e-3)
    weight = there / np.maximum(there.sum(1, keepdims=True), 1)
    shape = _falling if sign < 0 else _rising
    first, rest = slice(0, 1), slice(1, None)
    with np.errstate(all="ignore"):
        data = [a[first] for a in (z, v, there, weight)]
        start = _best_start(shape, *data, slope[first], STARTS)
        found = _descend(shape, *data, *start, sign, 1e-13, 100)
        if len(z) == 1:
            return found
        near = [*FEW, (float(found[0][0] / slope[0]), float(found[1][0]))]
        data = [a[rest] for a in (z, v, there, weight)]
        start = _best_start(shape, *data, slope[rest], near)
        # A quantile of the draws needs no more than half the digits.
        others = _descend(shape, *data, *start, sign, 1e-8, 40)
    return tuple(np.append(a, b) for a, b in zip(found, others, strict=True))


def _falling(z, h, bend):
    """Shape of a falling law, w + (1 - w) exp(g z) with w its floor, and its slopes by h at fixed
    bend and by the bend: a sum of positive terms, so that nothing cancels near zero."""
    g = h - bend
    steep, grown = h / g, np.exp(g * z)
    rise, less = steep * z * grown, (1 - grown) / g**2
    return steep * grown - bend / g, bend * less + rise, -h * less - rise


def _rising(z, h, bend):
    """As `_falling`, of a rising law, whose g may pass through zero."""
    t = (h - bend) * z
    small = np.abs(t) < 1e-3
    by, grown = np.where(small, 1.0, t), np.expm1(t)
    phi = z * np.where(small, 1 + t / 2 + t**2 / 6, grown / by)
    turn = h * z**2 * np.where(small, 0.5 + t / 3 + t**2 / 8, (grown * (t - 1) + t) / by**2)
    return 1 + h * phi, phi + turn, -turn


def _best_start(shape, z, v, there, weight, slope, starts):
    h, b, least = slope.copy(), np.zeros_like(slope), np.full_like(slope, np.inf)
    for share, tried in starts:
        _, rss, _, _ = _residual(shape, z, v, there, weight, share * slope, tried + 0 * slope)
        better = rss < least
        h, b = np.where(better, share * slope, h), np.where(better, tried, b)
        least = np.where(better, rss, least)
    return h, b


def _residual(shape, z, v, there, weight, h, b):
    """Centred residuals, their squares' sum, and the derivatives of ln shape."""
    value, by_h, by_b = shape(z, h[:, None], b[:, None])
    r = _centred(v - np.log(value), there, weight)
    rss = np.einsum("ij,ij->i", r, r)
    return r, np.where(np.isfinite(rss), rss, np.inf), by_h / value, by_b / value


def _centred(values, there, weight):
    return (values - np.einsum("ij,ij->i", values, weight)[:, None]) * there


def _descend(shape, z, v, there, weight, h, b, sign, tolerance, iterations):
    """Levenberg-Marquardt of every draw with its own damping; draws that are done drop out."""
    best = [h.copy(), b.copy(), np.full_like(h, np.inf)]
    r, rss, jh, jb = _residual(shape, z, v, there, weight, h, b)
    damping, active = np.full_like(h, 1e-3), np.arange(len(h))
    for _ in range(iterations):
        jh, jb = _centred(jh, there, weight), _centred(jb, there, weight)
        hh, bb, hb, rh, rb = (
            np.einsum("ij,ij->i", *pair)
            for pair in ((jh, jh), (jb, jb), (jh, jb), (jh, r), (jb, r))
        )
        ah, ab = hh * (1 + damping), bb * (1 + damping)
        determinant = ah * ab - hb**2
        step_h, step_b = (ab * rh - hb * rb) / determinant, (ah * rb - hb * rh) / determinant
        moves = np.isfinite(step_h) & np.isfinite(step_b)
        trial_h = np.where(moves, sign * np.clip(sign * (h + step_h), 1e-9, 10 * BEND), h)
        trial_b = np.where(moves, np.clip(b + step_b, 0.0, BEND), b)
        trial, trial_rss, trial_jh, trial_jb = _residual(
            shape, z, v, there, weight, trial_h, trial_b
        )
        better = trial_rss < rss
        small = better & (rss - trial_rss <= tolerance * rss)
        straight = (b == 0) & (step_b <= 0)  # the power law, which is known already
        done = small | straight | ~moves | (~better & (damping > 1e5)) | ~(rss > 1e-28)
        keep = better[:, None]
        h, b, rss = (np.where(better, *p) for p in ((trial_h, h), (trial_b, b), (trial_rss, rss)))
        r, jh, jb = (np.where(keep, *p) for p in ((trial, r), (trial_jh, jh), (trial_jb, jb)))
        damping = np.where(better, np.maximum(damping / 9, 1e-12), damping * 8)
        for kept, now in zip(best, (h, b, rss), strict=True):
            kept[active] = now
        if done.all():
            break
        if done.any():
            on = ~done
            z, v, there, weight, r, jh, jb = (a[on] for a in (z, v, there, weight, r, jh, jb))
            h, b, rss, damping, active = (a[on] for a in (h, b, rss, damping, active))
    return tuple(best)
