"""Image files: windows of JPEG images, and errors that name the file."""

import contextlib
import os
import pathlib
import re
import warnings
from collections.abc import Iterator
from collections.abc import Sequence

import tensorflow as tf

from keras_elastic.data.augmentation import cut
from keras_elastic.data.splits import Decode
from keras_elastic.data.splits import Split

_EXPECTED = "The image file must be a whole BMP, GIF, JPEG or PNG."
_FIX = "Replace or remove it, or load the folder with `skip_corrupt=True`."
_MESSAGE = re.compile(
    f"{re.escape(_EXPECTED)}.*?{re.escape(_FIX)}", flags=re.DOTALL
)
_NUM_NAMED = 5
# Color is stored once for two by two pixels and interpolated between them: at
# the edge of what is decoded it comes out a little different.
_MARGIN = 2


def decode_window(
    contents: tf.Tensor, decode: Decode, draw: Decode, channels: int = 3
) -> tf.Tensor:
    """Decodes a window of an encoded image.

    Of a JPEG image nothing but the window is decoded; its pixels are those of
    the whole image, decoded and cut. Other images are decoded whole.

    Args:
        contents: String scalar, the encoded image.
        decode: Function from `contents` to the whole image.
        draw: Function from the shape of the image, an int32 tensor `[3]`, to
            the window: top, left, height and width, in pixels.
        channels: 3, or 1 to decode gray and repeat it in three channels.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """

    def part():
        shape = tf.image.extract_jpeg_shape(contents)
        window = tf.convert_to_tensor(draw(shape))
        outer = _widened(window, shape)
        crop = tf.image.decode_and_crop_jpeg(contents, outer, channels)
        begin = window[:2] - outer[:2]
        crop = cut(crop, tf.concat([begin, window[2:]], axis=0))
        return crop if channels == 3 else tf.image.grayscale_to_rgb(crop)

    def whole():
        image = decode(contents)
        return cut(image, draw(tf.shape(image)))

    crop = tf.cond(tf.io.is_jpeg(contents), part, whole)
    return tf.ensure_shape(crop, [None, None, 3])


def _widened(window: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    begin, end = window[:2], window[:2] + window[2:]
    begin = tf.maximum(begin - _MARGIN, 0)
    end = tf.minimum(end + _MARGIN, shape[:2])
    return tf.concat([begin, end - begin], axis=0)


def read_named(path: tf.Tensor, read: Decode) -> tf.Tensor:
    """Reads an image; the error for one that cannot be read names the file.

    Args:
        path: String scalar, the path of the file.
        read: Function from the path to a uint8 image `[height, width, 3]`.

    Returns:
        The image. When it runs, `tf.errors.InvalidArgumentError` with the path
        in its message if `read` fails.
    """
    # A graph cannot catch an error, but a data set of one image can: where it
    # comes out empty, an image without pixels follows.
    images = tf.data.Dataset.from_tensors(path).map(read).ignore_errors()
    nothing = tf.data.Dataset.from_tensors(tf.zeros([0, 0, 3], tf.uint8))
    image = images.concatenate(nothing).take(1).get_single_element()
    message = tf.strings.join(
        [_EXPECTED, " Received: '", path, "', which cannot be decoded. ", _FIX]
    )
    check = tf.debugging.Assert(tf.size(image) > 0, [message])
    # Run eagerly there is nothing to wait for.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.ensure_shape(tf.identity(image), [None, None, 3])


@contextlib.contextmanager
def naming_corrupt_files() -> Iterator[None]:
    """Turns the error of a corrupt image file into a plain `ValueError`.

    Within `tf.data` the error is a `tf.errors.InvalidArgumentError`, in whose
    long message the name of the file is hard to find. Other errors pass.

    Raises:
        ValueError: If an image file that is read within cannot be decoded. It
            names the file.

    Example:

    ```python
    with naming_corrupt_files():
        for images, labels in batches:
            ...
    ```
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = _MESSAGE.search(str(error))
        if found is None:
            raise
        # TensorFlow writes a backslash before quotes and backslashes.
        message = re.sub(r"\\(['\"\\])", r"\1", found.group())
        raise ValueError(message) from error


def find_corrupt(
    paths: Sequence[pathlib.Path], decode: Decode
) -> set[pathlib.Path]:
    """Decodes every file once, in parallel.

    Args:
        paths: The files.
        decode: Function from a path, a string tensor, to an image.

    Returns:
        The files that `decode` fails on.
    """
    names = tf.constant([os.fsencode(path) for path in paths], tf.string)
    numbers = tf.data.Dataset.range(len(paths))
    records = tf.data.Dataset.from_tensor_slices(names)
    examples = tf.data.Dataset.zip((records, numbers))
    found = {number for number, _ in _whole(examples, decode)}
    return {path for place, path in enumerate(paths) if place not in found}


def whole_records(split: Split) -> Iterator[tuple[int, int]]:
    """Decodes every record of a split once, in parallel.

    Args:
        split: `Split`.

    Yields:
        The numbers of the records that can be decoded, and their labels.
    """
    records, decode = split.undecoded()
    yield from _whole(records, decode)


def _whole(examples: tf.data.Dataset, decode: Decode):
    def decode_numbered(number, example):
        record, label = example
        # What is not returned is not computed either.
        return number, label, tf.size(decode(record))

    whole = examples.enumerate().map(
        decode_numbered, num_parallel_calls=tf.data.AUTOTUNE
    )
    for number, label, _ in whole.ignore_errors().as_numpy_iterator():
        yield int(number), int(label)


def warn_skipped(folder: pathlib.Path, names: Sequence[str]) -> None:
    """Warns that files are left out, with their count and first names."""
    if not names:
        return
    listed = ", ".join(names[:_NUM_NAMED])
    more = ", ..." if len(names) > _NUM_NAMED else ""
    warnings.warn(
        f"{len(names)} image files of {str(folder)!r} cannot be decoded and "
        f"are left out: {listed}{more}. Replace or remove them.",
        stacklevel=2,
    )
