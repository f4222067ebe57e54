"""The family `cnn` of Tuyls et al. (TMLR 2024)."""

from ilscaling.errors import ParamsError
from ilscaling.policies.costs import Costs, Pace
from ilscaling.policies.family import Family
from ilscaling.policies.layers import Layer


def layers(
    size: int, *, frames: int, actions: int, observation: tuple[int, ...] = (84, 84)
) -> tuple[Layer, ...]:
    """The convolutions of Mnih et al. (Nature 2015) and one linear layer to the logits.

    They have `size`, 2 `size` and 2 `size` channels.

    Parameters
    ----------
    size
        Channels of the first convolution.
    frames
        Screens of a stack.
    actions
        How many the game has.
    observation
        Height and width of a screen in pixels.

    Raises
    ------
    ParamsError
        For an observation that is no screen, or smaller than 36 x 36.
    """
    if len(observation) != 2:
        raise ParamsError(
            f"the family 'cnn' sees screens (height, width), the game shows an array of shape"
            f" {observation}",
            where="params: grid.family",
            fix="bring a family of your own: docs/extending.md",
        )
    stack, inputs, (height, width) = [], frames, observation
    for number, (outputs, kernel, stride) in enumerate(
        ((size, 8, 4), (2 * size, 4, 2), (2 * size, 3, 1)), start=1
    ):
        before = height * width
        height, width = ((side - kernel) // stride + 1 for side in (height, width))
        if min(height, width) < 1:
            raise ParamsError(
                "a screen of {} x {} is too small for the family 'cnn'".format(*observation),
                fix="give screens of at least 36 x 36",
            )
        # The screens, which the first layer reads, need no gradient.
        passes = 2 if number == 1 else 3
        after = height * width
        stack.append(Layer(f"conv{number}", inputs, outputs, kernel, stride, before, after, passes))
        inputs = outputs
    return (*stack, Layer("linear", inputs * height * width, actions))


def build(size: int, **shape):
    """The policy that `layers` describes.

    Parameters
    ----------
    size, shape
        Arguments of `layers`.
    """
    from ilscaling.policies.cnn.network import Policy

    return Policy(layers(size, **shape))


FAMILY = Family(
    "cnn",
    layers,
    build,
    repeatable=True,
    costs=Costs(Pace(1 / 6_500, 1 / 1.5e11), 1 / 250_000, measured=(4, 32), batch=64),
    label="CNN",
)
