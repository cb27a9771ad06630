"""Resizing by matrices, where both sizes are known."""

import functools
import math


def _cubic(distance):
    """The kernel of bicubic interpolation with a = -1/2.

    Reference:
    - Cubic Convolution Interpolation for Digital Image Processing (Keys,
      1981), equation 15.
    """
    x = abs(distance)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    if x < 2:
        return ((-0.5 * x + 2.5) * x - 4) * x + 2
    return 0.0


@functools.cache
def resize_matrix(in_size, out_size):
    """The matrix that resizes a line of pixels, antialiased and bicubic.

    When it shrinks, the kernel is as much wider as the line gets shorter. At
    the ends the weights of the pixels that are there are scaled to sum to 1.
    This is `tf.image.resize(..., "bicubic", antialias=True)`.

    Args:
        in_size: Integer. Pixels of the line.
        out_size: Integer. Pixels wanted.

    Returns:
        Tuple of `out_size` rows, each a tuple of `in_size` floats.
    """
    scale = in_size / out_size
    widening = max(scale, 1.0)
    rows = []
    for pixel in range(out_size):
        center = (pixel + 0.5) * scale
        weights = [
            _cubic((source + 0.5 - center) / widening)
            for source in range(in_size)
        ]
        total = math.fsum(weights)
        rows.append(tuple(weight / total for weight in weights))
    return tuple(rows)
