"""What the headers of encoded images say, read in a graph.

So that a served model, which has no Python, reads them as training does.
"""

import tensorflow as tf

# As `tf.case` numbers them.
JPEG, PNG, GIF, BMP, WEBP, UNKNOWN = range(6)
_PNG_START = b"\x89PNG\r\n\x1a\n"
# More than come before the note of a camera; nobody shall wait for others.
_MOST_PARTS = 1_000
_ORIENTATION, _SHORT = 0x0112, 3


class Header:
    """Reads parts of an encoded image; beyond its end there are zeros.

    Positions, not negative, and numbers are int64. Of few operations, for what
    is drawn into graphs here is a good part of a served model.

    Args:
        contents: String scalar, the encoded image.
    """

    def __init__(self, contents: tf.Tensor):
        self.contents = contents
        self.length = tf.cast(tf.strings.length(contents), "int64")
        self._padded = tf.strings.join([contents, b"\0" * 64])

    def text(self, position, length) -> tf.Tensor:
        """Returns so many bytes, or fewer at the end, as a string."""
        if isinstance(position, int):
            position = tf.constant(position, "int64")
            # Within the padding at least, up to what headers have.
        else:
            position = tf.minimum(position, self.length)
        return tf.strings.substr(
            self._padded, position, tf.cast(length, "int64")
        )

    def octets(self, position, length) -> tf.Tensor:
        """Returns so many bytes, or fewer at the end, as a uint8 vector."""
        return tf.io.decode_raw(self.text(position, length), "uint8")

    def number(self, position, size, big=False) -> tf.Tensor:
        """Returns an unsigned number of 1, 2 or 4 bytes."""
        dtype = {1: "uint8", 2: "uint16", 4: "int32"}[size]
        [value] = tf.unstack(
            tf.io.decode_raw(
                self.text(position, size), dtype, little_endian=not big
            ),
            num=1,
        )
        value = tf.cast(value, "int64")
        return value % 2**32 if size == 4 else value

    def starts(self, text: bytes, position=0) -> tf.Tensor:
        """Whether a text stands at a position."""
        return tf.equal(self.text(position, len(text)), text)


def kind_of(header: Header) -> tf.Tensor:
    """Returns the number of the kind of an image, an int32 scalar."""
    is_kind = [
        header.starts(b"\xff\xd8\xff"),
        header.starts(_PNG_START),
        header.starts(b"GIF8"),
        header.starts(b"BM"),
        header.starts(b"RIFF") & header.starts(b"WEBP", 8),
    ]
    places = tf.cast([*is_kind, True], "int32")
    return tf.argmax(places, output_type="int32")


def orientation_of(header: Header, kind: tf.Tensor) -> tf.Tensor:
    """Returns how a camera was held (EXIF), an int32 scalar from 1 to 8.

    1 where the file does not say so.
    """

    place = _find_note(header, kind)
    return tf.cond(place < 0, lambda: 1, lambda: _orientation(header, place))


def _find_note(header, kind):
    """Returns the position of what the camera noted, or -1."""
    is_jpeg, is_png, is_webp = (kind == k for k in (JPEG, PNG, WEBP))

    def read_on(position, found):
        del found
        # One loop for all: each is a function of its own in the graph.
        length, found = _read_segment(header, position)
        for is_kind, read in (
            (is_png, _read_chunk_of_png),
            (is_webp, _read_chunk_of_webp),
        ):
            other_length, other = read(header, position)
            length = tf.where(is_kind, other_length, length)
            found = tf.where(is_kind, other, found)
        return position + length, found

    first = tf.where(is_png, 8, tf.where(is_webp, 12, 2))
    has_note = is_jpeg | is_png | is_webp
    start = tf.where(has_note, tf.cast(first, "int64"), header.length)
    _, found = tf.while_loop(
        lambda position, found: (found < 0) & (position < header.length),
        read_on,
        (start, tf.constant(-1, "int64")),
        maximum_iterations=_MOST_PARTS,
    )
    return found


def _read_segment(header, position):
    """Of JPEG."""
    mark = header.number(position, 2, True)
    length = 2 + header.number(position + 2, 2, True)
    # What is between segments is passed, as decoders do.
    length = tf.where((mark > 0xFF00) & (mark < 0xFFFF), length, 1)
    is_last = mark == 0xFFDA
    is_note = (mark == 0xFFE1) & header.starts(b"Exif\0\0", position + 4)
    return (
        tf.where(is_last, header.length, length),
        tf.where(is_note, position + 10, -1),
    )


def _read_chunk_of_png(header, position):
    length = 12 + header.number(position, 4, True)
    name = header.text(position + 4, 4)
    return (
        tf.where(name == b"IDAT", header.length, length),
        tf.where(name == b"eXIf", position + 8, -1),
    )


def _read_chunk_of_webp(header, position):
    length = header.number(position + 4, 4)
    is_note = header.starts(b"EXIF", position)
    # Some write the mark of JPEG before it.
    is_marked = header.starts(b"Exif\0\0", position + 8)
    start = position + tf.where(is_marked, tf.constant(14, "int64"), 8)
    return 8 + length + length % 2, tf.where(is_note, start, -1)


def _orientation(header, place):
    """Reads the first directory of a TIFF header."""
    is_big = header.starts(b"MM\0*", place)
    is_known = is_big | header.starts(b"II*\0", place)

    def read(position, size):
        return tf.where(
            is_big,
            header.number(position, size, True),
            header.number(position, size),
        )

    start = place + read(place + 4, 4)
    octets = tf.cast(header.octets(start + 2, 12 * read(start, 2)), "int32")
    octets = octets[: tf.size(octets) // 12 * 12]
    pairs = tf.reshape(octets, [-1, 6, 2])
    weights = tf.where(is_big, [256, 1], [1, 256])
    entries = tf.reduce_sum(pairs * weights, axis=-1)
    # Tag, type, count in two numbers, value in two.
    one = tf.where(is_big, [0, 1], [1, 0])
    wanted = tf.concat([[_ORIENTATION, _SHORT], one], axis=0)
    is_wanted = tf.reduce_all(entries[:, :4] == wanted, axis=1)
    values = tf.boolean_mask(entries[:, 4], is_wanted & is_known)
    value = tf.concat([values, [1]], axis=0)[0]
    return tf.where((value >= 1) & (value <= 8), value, 1)
