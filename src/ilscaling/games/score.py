"""What a set of episodes says about a player."""

import numpy as np

from ilscaling.games.play import Episodes


def summary(episodes: Episodes) -> dict:
    """Mean return and what is needed to judge it, ready for JSON.

    Parameters
    ----------
    episodes
        At least one.

    Returns
    -------
    dict
        `return_mean`, `return_median`, `return_min`, `return_max`, points of the game; `return_se`,
        the standard deviation (ddof 1) over sqrt(episodes), None for one episode; `length_mean`,
        steps; `episodes`, their number; `truncated`, how many a limit has cut, whose returns are
        lower bounds; a mean and a maximum of what else the game counts (`Episodes.extras`);
        `returns` and `lengths` of each.
    """
    returns = episodes.returns
    count = len(returns)
    return {
        "episodes": count,
        "return_mean": float(returns.mean()),
        "return_se": float(returns.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
        "return_median": float(np.median(returns)),
        "return_min": float(returns.min()),
        "return_max": float(returns.max()),
        "length_mean": float(episodes.lengths.mean()),
        "truncated": int(episodes.truncated.sum()),
        **{f"{name}_mean": float(values.mean()) for name, values in episodes.extras.items()},
        **{f"{name}_max": float(values.max()) for name, values in episodes.extras.items()},
        "returns": returns.tolist(),
        "lengths": episodes.lengths.tolist(),
    }
