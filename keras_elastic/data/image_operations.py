"""Image operations that policies of augmentation are made of.

Every function takes a uint8 image `[height, width, 3]` and returns another of
the same size. The results are those of Pillow, which the policies were
searched with, save that what comes into sight is gray: 128 in each channel.
"""

import math

import tensorflow as tf

_FILL = 128
# ITU-R 601-2 luma in 16-bit fixed point, as Pillow rounds it.
_LUMA = (19595, 38470, 7471)
_LUMA_HALF = 1 << 15
_LUMA_BITS = 16
_LEVELS = 256


def autocontrast(image: tf.Tensor) -> tf.Tensor:
    """Stretches each channel so that its values reach from 0 to 255."""
    low = tf.cast(tf.reduce_min(image, axis=[0, 1]), tf.float64)
    high = tf.cast(tf.reduce_max(image, axis=[0, 1]), tf.float64)
    scale = tf.where(high > low, 255 / tf.maximum(high - low, 1), 1)
    offset = tf.where(high > low, -low * scale, 0)
    values = tf.range(_LEVELS, dtype=tf.float64)
    return _look_up(
        image, values * scale[:, tf.newaxis] + offset[:, tf.newaxis]
    )


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Flattens the histogram of each channel."""
    histogram = _histogram(image)
    below = tf.cumsum(histogram, axis=1, exclusive=True)
    total = tf.reduce_sum(histogram, axis=1)
    # As in Pillow, the pixels of the highest value present do not count when
    # the number of pixels a level is found.
    highest = tf.cast(tf.reduce_max(image, axis=[0, 1]), tf.int32)
    last = tf.gather(histogram, highest, batch_dims=1)
    step = ((total - last) // (_LEVELS - 1))[:, tf.newaxis]
    table = (below + step // 2) // tf.maximum(step, 1)
    unchanged = tf.range(_LEVELS)[tf.newaxis]
    return _look_up(image, tf.where(step > 0, table, unchanged))


def invert(image: tf.Tensor) -> tf.Tensor:
    """Turns each value v into 255 - v."""
    return 255 - image


def posterize(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the highest `bits` bits of each value, 0 to 8 of them."""
    step = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32))
    values = tf.cast(image, tf.int32)
    return tf.cast(values - values % step, tf.uint8)


def solarize(image: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Inverts the values from `threshold` up. 256 inverts none."""
    kept = tf.cast(image, tf.int32) < tf.cast(threshold, tf.int32)
    return tf.where(kept, image, 255 - image)


def solarize_add(
    image: tf.Tensor, addition: tf.Tensor, threshold: int = 128
) -> tf.Tensor:
    """Adds `addition` to the values below `threshold`, 255 at most."""
    raised = tf.cast(image, tf.int32) + tf.cast(addition, tf.int32)
    raised = tf.cast(tf.clip_by_value(raised, 0, 255), tf.uint8)
    return tf.where(image < threshold, raised, image)


def color(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Changes the saturation: 0 gives gray, 1 the image."""
    return _blend(_gray(image), image, factor)


def contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Changes the distance from the mean gray: 0 gives that, 1 the image."""
    mean = tf.reduce_mean(tf.cast(_gray(image), tf.float64))
    return _blend(tf.cast(mean + 0.5, tf.int32), image, factor)


def brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies the values: 0 gives black, 1 the image."""
    return _blend(tf.constant(0), image, factor)


def sharpness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blends with the image smoothed: 0 gives that, 1 the image.

    The border of one pixel stays as it is. Sides are 2 pixels or more.
    """
    values = tf.cast(image, tf.int32)
    rows = values[:-2] + values[1:-1] + values[2:]
    box = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    # Nine pixels, the central one five times: 13 in all, rounded half up.
    smooth = (2 * (box + 4 * values[1:-1, 1:-1]) + 13) // 26
    inside = [[1, 1], [1, 1], [0, 0]]
    is_inside = tf.pad(tf.ones_like(smooth, tf.bool), inside)
    smooth = tf.where(is_inside, tf.pad(smooth, inside), values)
    return _blend(smooth, image, factor)


def rotate(image: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Turns the image about its center, counterclockwise."""
    angle = tf.cast(degrees, tf.float32) * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    x, y = (width - 1) / 2, (height - 1) / 2
    return _transform(
        image,
        [cosine, -sine, x - cosine * x + sine * y],
        [sine, cosine, y - sine * x - cosine * y],
    )


def translate_x(image: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Moves the image to the left by `pixels`, to the right if negative."""
    return _transform(image, [1, 0, pixels], [0, 1, 0])


def translate_y(image: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Moves the image up by `pixels`, down if negative."""
    return _transform(image, [1, 0, 0], [0, 1, pixels])


def shear_x(image: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Moves each row to the left by `slope` times its height in the image."""
    # Half a slope because coordinates are those of the middle of a pixel.
    return _transform(image, [1, slope, slope / 2], [0, 1, 0])


def shear_y(image: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Moves each column up by `slope` times its distance from the left."""
    return _transform(image, [1, 0, 0], [slope, 1, slope / 2])


def cutout(
    image: tf.Tensor, row: tf.Tensor, column: tf.Tensor, half_side: tf.Tensor
) -> tf.Tensor:
    """Paints a square gray, as much of it as lies within the image.

    Args:
        image: Tensor `[height, width, 3]`.
        row: Integer, the row of the center.
        column: Integer, the column of the center.
        half_side: Integer, half the side of the square, in pixels.
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    rows, columns = tf.range(height), tf.range(width)
    is_row = (rows >= row - half_side) & (rows < row + half_side)
    is_column = (columns >= column - half_side) & (columns < column + half_side)
    is_cut = is_row[:, tf.newaxis] & is_column[tf.newaxis]
    fill = tf.constant(_FILL, tf.uint8)
    return tf.where(is_cut[..., tf.newaxis], fill, image)


def _histogram(image: tf.Tensor) -> tf.Tensor:
    # One count over all channels is faster than a count of each.
    counts = tf.math.bincount(
        tf.reshape(_channel_values(image), [-1]),
        minlength=3 * _LEVELS,
        maxlength=3 * _LEVELS,
    )
    return tf.reshape(counts, [3, _LEVELS])


def _look_up(image: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    table = tf.cast(tf.clip_by_value(table, 0, 255), tf.uint8)
    return tf.gather(tf.reshape(table, [-1]), _channel_values(image))


def _channel_values(image: tf.Tensor) -> tf.Tensor:
    # Values of the second channel begin at 256, of the third at 512.
    return tf.cast(image, tf.int32) + tf.constant([0, _LEVELS, 2 * _LEVELS])


def _gray(image: tf.Tensor) -> tf.Tensor:
    weighted = tf.cast(image, tf.int32) * tf.constant(_LUMA)
    total = tf.reduce_sum(weighted, axis=-1, keepdims=True) + _LUMA_HALF
    return tf.bitwise.right_shift(total, _LUMA_BITS)


def _blend(start: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    start = tf.cast(start, tf.float32)
    blended = start + factor * (tf.cast(image, tf.float32) - start)
    return tf.cast(tf.clip_by_value(blended, 0, 255), tf.uint8)


def _transform(image: tf.Tensor, to_x: list, to_y: list) -> tf.Tensor:
    # The rows say where in the image a pixel of the result comes from.
    matrix = tf.stack([tf.cast(value, tf.float32) for value in to_x + to_y])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=tf.concat([matrix, tf.zeros([2])], axis=0)[tf.newaxis],
        output_shape=tf.shape(image)[:2],
        fill_value=float(_FILL),
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(moved[0], image.shape)
