"""The highest return on steps of the game as a power law, which the sigmoid is compared with."""

from functools import partial

from ilscaling.laws.relations import powers
from ilscaling.laws.relations.relation import Relation, highest_return

# Steps at which the law is its factor.
UNIT = 1e6

RELATION = Relation(
    name="return_on_steps_power",
    response="return_above_random",
    variables=("steps",),
    parameters=("factor", "exponent"),
    mean=partial(powers.mean, variable="steps", unit=UNIT),
    starts=partial(powers.starts, variable="steps", unit=UNIT),
    lower=(1e-12, 1e-4),
    upper=(1e12, 10.0),
    logs=False,
    rows=highest_return,
    source="Tuyls et al. 2024 (arXiv 2307.09423), equation 3, on steps in place of FLOPs",
)
