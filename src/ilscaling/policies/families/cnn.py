"""The family `cnn`."""

from ilscaling.policies import shapes
from ilscaling.policies.family import Family


def build(size: int, **shape):
    """See `policies.build`."""
    from ilscaling.policies import cnn

    return cnn.build(size, **shape)


FAMILY = Family("cnn", shapes.cnn, build)
