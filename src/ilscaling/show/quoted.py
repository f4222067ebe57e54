"""The exponents that a study quotes, for a terminal: each with its interval, whether it is
determined, and what a sceptic should know of it."""

from ilscaling.laws import StudyFit, determined
from ilscaling.laws.records import Fit
from ilscaling.show import rows

LAWS = {
    "N_opt": "compute-optimal parameters  N ~ C^",
    "D_opt": "compute-optimal samples     D ~ C^",
    "L_min": "lowest loss                 L ~ C^",
    "R_max": "highest return              R ~ C^",
    "R_on_1/L": "return on loss              R ~ (1/L)^",
}


def lines(fit: StudyFit, game: str, *, returns: bool = True) -> list[str]:
    """The quoted exponents of a game: a line a law and, below it, a line a note.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.
    returns
        Whether it has returns; where it has none, nothing is said of their laws.
    """
    written = []
    for law, text in LAWS.items():
        if law.startswith("R_") and not returns:
            continue
        quoted = fit.quoted(game, law)
        written.append(f"  {text}{_exponent(quoted)}")
        written += [f"      {rows.note(flag)}" for flag in quoted["flags"]]
    return written


def _exponent(quoted: Fit) -> str:
    if quoted["estimate"] is None:
        return " not quoted"
    value = f"{quoted['estimate']:.3f}"
    if quoted["ci_low"] is None:  # no resamples were asked for, or too few runs
        return f"{value}  without an interval: {determined(quoted)}"
    ends = f"[{quoted['ci_low']:.3f}, {quoted['ci_high']:.3f}]"
    level = f"{100 * quoted['level']:g} % by bootstrap"
    return f"{value}  {ends} {level}: {determined(quoted)}"
