"""Intrinsic performance of reinforcement learning on size and steps of the environment."""

import numpy as np
import pandas as pd

from ilscaling.laws.relations.relation import Relation, cell_means


def beta(alpha_N, alpha_E):
    """The exponent that the definition of intrinsic performance leaves: 1 / (1 / a_N + 1 / a_E).

    At a fixed I the least compute, proportional to N E, has (N_c / N)^a_N and (E_c / E)^a_E in the
    ratio a_E to a_N, so N grows as I^(beta / a_N) and E as I^(beta / a_E). Their product is I
    itself only with this beta; and beta / a_N = a_E / (a_N + a_E) is the exponent of N_opt.
    """
    return alpha_N * alpha_E / (alpha_N + alpha_E)


def mean(values, theta):
    """I^-beta = (N_c / N)^a_N + (E_c / E)^a_E, of FLOPs.

    Hilton, Tang and Schulman 2023 (arXiv 2301.13442), equation 1, in units where the numbers stay
    readable: I of 1e12 FLOPs. beta is that of `beta`.

    Parameters
    ----------
    values : dict of str to array (rows,)
        `params` N and `env_steps` E.
    theta : array (4,)
        a_N, a_E, N_c and E_c.

    Returns
    -------
    array (rows,)
        Intrinsic performance, FLOPs.
    """
    alpha_N, alpha_E, N_c, E_c = theta
    short = (N_c / values["params"]) ** alpha_N + (E_c / values["env_steps"]) ** alpha_E
    return 1e12 * short ** (-1 / beta(alpha_N, alpha_E))


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Intrinsic performance, FLOPs.

    Returns
    -------
    array (starts, 4)
    """
    columns = values["params"], values["env_steps"], response / 1e12
    N, E, middle = (np.exp(np.mean(np.log(column))) for column in columns)
    pairs = [(a, b) for a in (0.3, 1.0) for b in (0.3, 1.0)]
    # Both terms are half of I^-beta at the middle of the rows.
    half = {pair: middle ** -beta(*pair) / 2 for pair in pairs}
    return np.array(
        [[a, b, N * half[a, b] ** (1 / a), E * half[a, b] ** (1 / b)] for a, b in pairs]
    )


def least_compute(table: pd.DataFrame) -> pd.DataFrame:
    """Cells, the mean of their seeds, with the least compute at which any size scores as much.

    Parameters
    ----------
    table
        Rows of one game, with `position` of the budget.

    Returns
    -------
    DataFrame
        A row a cell with steps of its own and a return above random play's, with the column
        `intrinsic`, FLOPs.
    """
    cells = cell_means(table)
    cells = cells[(cells["env_steps"] > 0) & (cells["return_mean"] > cells["random_return"])]
    cells = cells.sort_values("return_mean")
    # Of the cells that score at least as much, the cheapest.
    cells["intrinsic"] = cells["flops"][::-1].cummin()[::-1]
    return cells.sort_index()


RELATION = Relation(
    name="intrinsic",
    response="intrinsic",
    variables=("params", "env_steps"),
    parameters=("alpha_N", "alpha_E", "N_c", "E_c"),
    mean=mean,
    starts=starts,
    lower=(0.02, 0.02, 1e-6, 1e-6),
    upper=(5.0, 5.0, 1e15, 1e15),
    logs=True,
    rows=least_compute,
    source="Hilton et al. 2023 (arXiv 2301.13442), equation 1",
)
