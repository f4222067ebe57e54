"""The highest return on labels of the expert as a power law."""

from functools import partial

from ilscaling.laws.relations import powers
from ilscaling.laws.relations.relation import Relation, highest_return

# Labels at which the law is its factor.
UNIT = 1e6

RELATION = Relation(
    name="return_on_labels_power",
    response="return_above_random",
    variables=("labels",),
    parameters=("factor", "exponent"),
    mean=partial(powers.mean, variable="labels", unit=UNIT),
    starts=partial(powers.starts, variable="labels", unit=UNIT),
    lower=(1e-12, 1e-4),
    upper=(1e12, 10.0),
    logs=False,
    rows=highest_return,
    source="Tuyls et al. 2024 (arXiv 2307.09423), equation 3, on labels in place of FLOPs",
)
