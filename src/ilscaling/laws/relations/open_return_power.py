"""Return on loss as a power law, in points of the game."""

import numpy as np

from ilscaling.laws.relations import return_power
from ilscaling.laws.relations.relation import Relation, lowest_loss

RELATION = Relation(
    name="open_return_power",
    response="return",
    variables=("loss",),
    parameters=("factor", "exponent"),
    mean=return_power.mean,
    starts=lambda values, response: np.array(
        [[np.exp(np.mean(np.log(response * values["loss"] ** b))), b] for b in (0.3, 1.0, 3.0)]
    ),
    lower=(1e-9, 1e-3),
    upper=(1e12, 50.0),
    logs=True,
    rows=lowest_loss,
    instead_of="return_power",
    source=return_power.SOURCE,
)
