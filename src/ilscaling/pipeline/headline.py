"""The few numbers of metrics.json that a table of experiments has room for.

DVC shows them: `dvc exp show`, `dvc metrics diff`. Short names and few digits: two games then fit
a terminal; a number that metrics.json does not hold is left out.
"""

# Name here -> name in metrics.json. The exponents are those of N, D, L and R in C.
NUMBERS = {
    "N": "N_opt",
    "D": "D_opt",
    "L": "L_min",
    "R": "R_max",
    "error": "held_out_error_L_min",
    "best": "best_return",
    "FLOPs": "training_flops",
}


def rounded(value: float) -> float:
    """Three significant digits, as a number."""
    return float(f"{value:.3g}")


def headline(metrics: dict) -> dict:
    """The numbers of every game that there are."""
    return {
        game: {
            short: rounded(of_game[name])
            for short, name in NUMBERS.items()
            if isinstance(of_game.get(name), int | float)
        }
        for game, of_game in metrics.items()
        if isinstance(of_game, dict)
    }
