"""The loops of `pixels`, compiled: stacks of four frames of bytes, frames innermost."""

import numba
import numpy as np

LOW, HIGH = np.uint32(16), np.uint32(0xFFFF0000)


# One loop for both types, by their bits, took twice the time of these.
@numba.njit(cache=True, nogil=True)
def halves(pixels, out):
    """Bytes as bfloat16, the four frames of a pixel in one word.

    Parameters
    ----------
    pixels
        uint8 (B, 4, pixels).
    out
        uint64 (B, pixels), written here; the first frame is in the lowest bits.
    """
    # A bfloat16 is the upper half of a float32, in which bytes are exact.
    for row in range(len(pixels)):
        a, b, c, d = pixels[row, 0], pixels[row, 1], pixels[row, 2], pixels[row, 3]
        into = out[row]
        for at in range(len(a)):
            word = np.uint64(np.float32(a[at]).view(np.uint32) >> LOW)
            word |= np.uint64(np.float32(b[at]).view(np.uint32) & HIGH)
            word |= np.uint64(np.float32(c[at]).view(np.uint32) & HIGH) << np.uint64(16)
            word |= np.uint64(np.float32(d[at]).view(np.uint32) & HIGH) << np.uint64(32)
            into[at] = word


@numba.njit(cache=True, nogil=True)
def floats(pixels, out):
    """Bytes as float32, the four frames of a pixel side by side.

    Parameters
    ----------
    pixels
        uint8 (B, 4, pixels).
    out
        float32 (B, 4 pixels), written here.
    """
    for row in range(len(pixels)):
        a, b, c, d = pixels[row, 0], pixels[row, 1], pixels[row, 2], pixels[row, 3]
        into = out[row]
        for at in range(len(a)):
            into[4 * at] = a[at]
            into[4 * at + 1] = b[at]
            into[4 * at + 2] = c[at]
            into[4 * at + 3] = d[at]
