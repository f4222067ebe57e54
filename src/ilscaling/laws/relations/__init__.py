"""Laws of more than size and data: one file a law, whose constant RELATION says all of it.

Return on loss and on compute between random play and the expert, loss with repeated data, regret
on horizon, regret on the number of demonstrations. A law of one's own is a file like those here,
listed in `extensions`.
"""

from ilscaling.laws.relations.fitting import RelationFit, fit
from ilscaling.laws.relations.judging import rolling, table
from ilscaling.laws.relations.relation import VARIABLES, Relation

__all__ = ["VARIABLES", "Relation", "RelationFit", "fit", "rolling", "table"]
