"""The highest return on compute as a power law, which the sigmoid is compared with."""

from functools import partial

from ilscaling.laws.relations import powers
from ilscaling.laws.relations.relation import Relation, highest_return

# FLOPs at which the law is its factor.
UNIT = 1e12

RELATION = Relation(
    name="highest_return_power",
    response="normalised_return",
    variables=("compute",),
    parameters=("factor", "exponent"),
    mean=partial(powers.mean, variable="compute", unit=UNIT),
    starts=partial(powers.starts, variable="compute", unit=UNIT),
    lower=(1e-12, 1e-4),
    upper=(1e12, 10.0),
    logs=False,
    rows=highest_return,
    source="Tuyls et al. 2024 (arXiv 2307.09423), equation 3, on normalised returns",
)
