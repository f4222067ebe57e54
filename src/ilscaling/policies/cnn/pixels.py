"""Stacks of screens as a network takes them: frames innermost, in the type of its arithmetic.

PyTorch does it in two passes through new memory, a fifth of a small policy's training step.
"""

import torch

FRAMES = 4  # of the stacks that are compiled for: a pixel's frames are one machine word


def innermost(screens: torch.Tensor, type: torch.dtype) -> torch.Tensor:
    """Screens as numbers 0 to 255 of a type, frames innermost in memory (channels-last).

    Parameters
    ----------
    screens
        uint8 (B, frames, height, width).
    type
        Of the result; float32 and bfloat16 of four frames on a CPU are compiled.

    Returns
    -------
    torch.Tensor
        (B, frames, height, width).
    """
    count, frames, height, width = screens.shape
    known = type in (torch.float32, torch.bfloat16) and frames == FRAMES
    if not known or screens.device.type != "cpu":
        # While they are bytes: a third of the time of converting to channels-last at once.
        return torch.stack(screens.unbind(1), -1).to(type).permute(0, 3, 1, 2)
    from ilscaling.policies.cnn import compiled_pixels  # a GPU does without numba

    numbers = torch.empty(count, height, width, frames, dtype=type)
    pixels = screens.contiguous().view(count, frames, -1).numpy()
    if type == torch.bfloat16:
        halves = numbers.view(torch.int64).numpy().view("uint64").reshape(count, -1)
        compiled_pixels.halves(pixels, halves)
    else:
        compiled_pixels.floats(pixels, numbers.numpy().reshape(count, -1))
    return numbers.permute(0, 3, 1, 2)
