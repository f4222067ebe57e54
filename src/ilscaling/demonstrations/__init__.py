"""Expert play becomes demonstrations: parallel recording jobs, then one store of their parts."""

from ilscaling.demonstrations.part import Part
from ilscaling.demonstrations.record import job, record
from ilscaling.demonstrations.shard import shard

__all__ = ["Part", "job", "record", "shard"]
