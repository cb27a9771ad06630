"""GIF images: the first one of a file, and the size of all of them.

A file is a row of parts: a header with a table of colors, notes, images. All
but the header end in blocks of up to 255 bytes, each after its length.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from keras_elastic.data import image_headers
from keras_elastic.data.image_headers import Header

_IMAGE, _NOTE, _CONTROL, _END = 0x2C, 0x21, 0xF9, b"\x3b"
# A limit to the work that a file can ask for. Two blocks of an image, which
# are read in one step where they have full length, are more than most have.
_MOST_STEPS = 20_000


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where the parts of a GIF file are; positions are int64 scalars.

    Args:
        pixels: Pixels of all images, or those of the canvas if it is larger.
        image: Position of the description of the first image, or -1.
        control: Position of the note on how to show it, or -1.
        end: Position after the first image, or -1.
    """

    pixels: tf.Tensor
    image: tf.Tensor
    control: tf.Tensor
    end: tf.Tensor


def find_parts(header: Header) -> Parts:
    """Reads a GIF file to its end, without decoding it.

    Args:
        header: `Header` of a GIF image.
    """
    octets = tf.io.decode_raw(header.contents, "uint8")

    def at(position):
        return header.number(position, 1)

    def read_on(position, in_blocks, pixels, image, control, end):
        mark = at(position)
        is_image = ~in_blocks & (mark == _IMAGE)
        is_note = ~in_blocks & (mark == _NOTE)
        # Blocks of full length at once, and the one after them.
        is_full = tf.cast(octets[position::256] == 255, "int32")
        run = tf.argmin(tf.concat([is_full, [0]], axis=0))
        last = position + 256 * run
        is_done = in_blocks & (at(last) == 0)
        after = tf.where(
            in_blocks,
            last + 1 + at(last),
            tf.where(
                is_image,
                # After a byte about the code.
                _after_table(position + 10, at(position + 9)) + 1,
                tf.where(is_note, position + 2, header.length),
            ),
        )
        size = header.number(position + 5, 2) * header.number(position + 7, 2)
        is_first = image < 0
        is_control = is_first & is_note & (at(position + 1) == _CONTROL)
        return (
            after,
            (in_blocks & ~is_done) | is_image | is_note,
            pixels + tf.where(is_image, size, 0),
            tf.where(is_image & is_first, position, image),
            tf.where(is_control, position, control),
            tf.where(is_done & (end < 0) & ~is_first, after, end),
        )

    nowhere = tf.constant(-1, "int64")
    position, _, pixels, image, control, end = tf.while_loop(
        lambda position, *others: position < header.length,
        read_on,
        (
            _after_table(tf.constant(13, "int64"), at(10)),
            False,
            tf.constant(0, "int64"),
            *[nowhere] * 3,
        ),
        maximum_iterations=_MOST_STEPS,
    )
    # What is not read to its end counts as too large.
    pixels = tf.where(position < header.length, tf.int64.max, pixels)
    canvas = header.number(6, 2) * header.number(8, 2)
    return Parts(tf.maximum(pixels, canvas), image, control, end)


def _after_table(position, flags):
    return position + tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)


def decode_gif(header: Header, run: Callable) -> tf.Tensor:
    """Decodes the first image of a GIF file.

    A color that is to be left out is shown nevertheless, as alpha is dropped
    everywhere; what the image leaves of the canvas has that color, or the
    first one.

    Args:
        header: `Header` of a GIF image.
        run: Function that runs the decoder; see `encoded_images`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    parts = find_parts(header)
    image = tf.maximum(parts.image, 0)
    control = tf.maximum(parts.control, 0)
    left, top, width, height = (
        header.number(image + n, 2) for n in (1, 3, 5, 7)
    )
    columns, rows = header.number(6, 2), header.number(8, 2)
    fits = (left + width <= columns) & (top + height <= rows)
    flags = tf.where(parts.control >= 0, header.number(control + 3, 1), 0)
    alone = _without_others(header, parts, flags)
    alone = tf.where((parts.end >= 0) & fits, alone, b"")
    pixels = run(alone, tf.constant(image_headers.GIF))
    index = tf.where(flags % 2 == 1, header.number(control + 6, 1), 0)
    has_table = header.number(image + 9, 1) >= 128
    table = tf.where(has_table, image + 10, 13)
    color = header.octets(table + 3 * index, 3)
    return tf.cond(
        (width == columns) & (height == rows) | (tf.size(pixels) == 0),
        lambda: pixels,
        lambda: _framed(
            pixels, (left, top, width, height), (columns, rows), color
        ),
    )


def _without_others(header, parts, flags):
    """The file up to the end of its first image, without transparency."""
    place = tf.maximum(parts.control, 0) + 3
    opaque = tf.gather([bytes([n // 2 * 2]) for n in range(256)], flags)
    middle = tf.where(parts.control < 0, header.text(place, 1), opaque)
    # The image moves to the corner, for the decoder makes no room beside it.
    corner = tf.maximum(parts.image, place) + 1
    end = tf.clip_by_value(parts.end, corner + 4, header.length)
    return tf.strings.join(
        [
            header.text(0, place),
            middle,
            header.text(place + 1, corner - place - 1),
            b"\0" * 4,
            header.text(corner + 4, tf.maximum(end - corner - 4, 0)),
            _END,
        ]
    )


def _framed(image, box, canvas, color):
    left, top, width, height = box
    columns, rows = canvas
    paddings = [
        [top, rows - top - height],
        [left, columns - left - width],
        [tf.zeros_like(top)] * 2,
    ]
    image = tf.pad(image, tf.stack([tf.stack(pair) for pair in paddings]))
    below, beside = tf.range(rows)[:, tf.newaxis], tf.range(columns)
    is_shown = (below >= top) & (below < top + height)
    is_shown &= (beside >= left) & (beside < left + width)
    color = tf.ensure_shape(color, [3])
    return tf.where(is_shown[..., tf.newaxis], image, color)
