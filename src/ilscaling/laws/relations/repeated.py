"""Loss on size, data and how much of the data is new: repeated samples are worth less and less."""

import numpy as np

from ilscaling.laws.relations.relation import Relation

NAMES = ("E", "A", "B", "alpha", "beta", "R_D", "R_N")


def worth(amount: np.ndarray, unique: np.ndarray, decay: float) -> np.ndarray:
    """Unique amount that is worth as much: U + U R* (1 - exp(-R / R*)), R = amount / U - 1 repeats.

    Muennighoff et al. 2023 (arXiv 2305.16264), equations 5 and 6.

    Parameters
    ----------
    amount : array (rows,)
        Samples with their repeats, or parameters.
    unique : array (rows,)
        U, in the same unit. An amount below it is worth U.
    decay
        R*, the repeats over which their worth falls by a factor e.

    Returns
    -------
    array (rows,)
        Between U and U (1 + R*).
    """
    repeats = np.maximum(amount / unique - 1, 0.0)
    return unique * (1 + decay * -np.expm1(-repeats / decay))


def mean(values, theta):
    """L = E + A / N'^alpha + B / D'^beta: loss where samples are repeated.

    D' is the worth of the samples and N' that of the parameters beyond those that are optimal for
    the unique samples (Muennighoff et al. 2023, arXiv 2305.16264, section 5).

    Parameters
    ----------
    values : dict of str to array (rows,)
        `params` N, `samples` D, repeats counted, and `unique_samples`.
    theta : array (7,)
        E, A, B, alpha, beta, R_D and R_N, the decays of repeats and of parameters in excess.

    Returns
    -------
    array (rows,)
        Loss, nats a step.
    """
    E, A, B, alpha, beta, R_D, R_N = theta
    unique = np.minimum(values["unique_samples"], values["samples"])
    D = worth(values["samples"], unique, R_D)
    # Where alpha A / N^alpha = beta B / U^beta: the size for which so much data would be optimal.
    optimal = (alpha * A / (beta * B)) ** (1 / alpha) * unique ** (beta / alpha)
    N = worth(values["params"], np.minimum(values["params"], optimal), R_N)
    return E + A * N**-alpha + B * D**-beta


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Loss, nats a step.

    Returns
    -------
    array (starts, 7)
    """
    low, high = np.min(response), np.max(response)
    N, D = (np.exp(np.mean(np.log(values[name]))) for name in ("params", "samples"))
    rest = max(float(high - low), 0.05 * float(low)) / 2
    grid = [(share, a, b) for share in (0.3, 0.8) for a in (0.25, 0.5) for b in (0.25, 0.5)]
    return np.array(
        [[share * low, rest * N**a, rest * D**b, a, b, R, 5.0] for share, a, b in grid
         for R in (3.0, 20.0)]
    )  # fmt: skip


RELATION = Relation(
    name="repeated",
    response="loss",
    variables=("params", "samples", "unique_samples"),
    parameters=NAMES,
    mean=mean,
    starts=starts,
    lower=(0.0, 1e-6, 1e-6, 0.02, 0.02, 0.05, 0.05),
    upper=(1e3, 1e12, 1e12, 3.0, 3.0, 1e4, 1e4),
    logs=True,
    rival="unrepeated",
    source="Muennighoff et al. 2023 (arXiv 2305.16264), equations 5 to 7",
)
