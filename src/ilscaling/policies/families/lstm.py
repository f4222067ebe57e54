"""The family `lstm`."""

from functools import partial

from ilscaling.params import TrainSequences
from ilscaling.policies import widths
from ilscaling.policies.family import Family


def build(size: int, **shape):
    """See `policies.build`."""
    from ilscaling.policies import lstm

    return lstm.build(size, **shape)


FAMILY = Family(
    "lstm",
    partial(widths.layers, "lstm"),
    build,
    widths.SMALLEST,
    settings=TrainSequences,
    sees=("tty_chars",),
)
