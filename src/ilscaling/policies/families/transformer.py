"""The family `transformer`."""

from functools import partial

from ilscaling.params import TrainSequences
from ilscaling.policies import widths
from ilscaling.policies.family import Family


def build(size: int, **shape):
    """See `policies.build`."""
    from ilscaling.policies import transformer

    return transformer.build(size, **shape)


FAMILY = Family(
    "transformer",
    partial(widths.layers, "transformer"),
    build,
    widths.SMALLEST,
    settings=TrainSequences,
    sees=("tty_chars",),
)
