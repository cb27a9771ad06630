"""Image files: windows of JPEG images, and errors that name the file."""

import contextlib
import functools
import os
import pathlib
import re
import warnings
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_elastic.data import encoded_images
from keras_elastic.data import image_headers
from keras_elastic.data.augmentation import cut
from keras_elastic.data.splits import Decode
from keras_elastic.data.splits import Split

_EXPECTED = "The image file must be a whole BMP, GIF, JPEG, PNG or WebP."
_FIX = "Replace or remove it, or load the folder with `skip_corrupt=True`."
_MESSAGE = re.compile(
    f"{re.escape(_EXPECTED)}.*?{re.escape(_FIX)}", flags=re.DOTALL
)
# What the decoders say of a record that has no name.
_CORRUPT = re.compile(
    r"Decode(Image|Jpeg|Png|AndCropJpeg)\b|corrupted record|JPEG|image file"
)
_NUM_NAMED = 5
_NOTHING = np.zeros([0, 0, 3], np.uint8)
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
        return _decode_part(contents, window, shape, channels)

    def whole():
        image = decode(contents)
        return cut(image, draw(tf.shape(image)))

    crop = tf.cond(tf.io.is_jpeg(contents), part, whole)
    return tf.ensure_shape(crop, [None, None, 3])


def _decode_part(contents, window, shape, channels=3, dct_method=""):
    """Decodes a window of a JPEG image, and nothing else of it."""
    outer = _widened(window, shape)
    crop = tf.image.decode_and_crop_jpeg(
        contents, outer, channels, dct_method=dct_method
    )
    begin = window[:2] - outer[:2]
    crop = cut(crop, tf.concat([begin, window[2:]], axis=0))
    return crop if channels == 3 else tf.image.grayscale_to_rgb(crop)


def _widened(window: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    begin, end = window[:2], window[:2] + window[2:]
    begin = tf.maximum(begin - _MARGIN, 0)
    end = tf.minimum(end + _MARGIN, shape[:2])
    return tf.concat([begin, end - begin], axis=0)


# Traced once, not anew for the batches of each epoch.
@functools.partial(
    tf.function, input_signature=[tf.TensorSpec((), "string")], autograph=False
)
def read_image(path: tf.Tensor) -> tf.Tensor:
    """Reads an image file; the error for one that cannot be read names it.

    Args:
        path: String scalar, the path of the file.

    Returns:
        A uint8 tensor `[height, width, 3]`; see `encoded_images.decode`. When
        it runs, `tf.errors.InvalidArgumentError` with the path in its message
        if the file is no whole image of a known kind.
    """
    image = encoded_images.decode(_read(path), _run_decoder)
    return _checked(image, path)


@tf.autograph.experimental.do_not_convert
def read_window(path: tf.Tensor, draw: Decode) -> tf.Tensor:
    """Reads a window of an image file; see `decode_window`.

    Args:
        path: String scalar, the path of the file.
        draw: Function from the shape of the image, as it is seen, to the
            window.

    Returns:
        A uint8 tensor `[height, width, 3]`, or the error of `read_image`.
    """
    contents = _read(path)
    shape = _attempt(_shape_of_jpeg, contents, tf.zeros([3], tf.int32))

    def part():
        orientation = _jpeg_orientation(contents)
        seen = encoded_images.turned_shape(shape, orientation)
        window = tf.convert_to_tensor(draw(seen))
        window = encoded_images.turned_back(window, seen, orientation)
        crop = _attempt(
            lambda contents: _decode_part(
                contents, window, shape, dct_method=encoded_images.DCT
            ),
            contents,
            _NOTHING,
        )
        return encoded_images.turn(crop, orientation)

    def whole():
        image = _checked(encoded_images.decode(contents, _run_decoder), path)
        return cut(image, draw(tf.shape(image)))

    return _checked(tf.cond(shape[0] > 0, part, whole), path)


def _jpeg_orientation(contents):
    header = image_headers.Header(contents)
    return image_headers.orientation_of(header, tf.constant(image_headers.JPEG))


def _read(path):
    return _attempt(tf.io.read_file, path, tf.constant(b""))


def _shape_of_jpeg(contents):
    # Of what is none the operation fails.
    return tf.image.extract_jpeg_shape(contents)


def _run_decoder(encoded, kind):
    return _attempt(
        lambda encoded: encoded_images.run_decoder(encoded, kind),
        encoded,
        _NOTHING,
    )


def _attempt(function: Decode, value: tf.Tensor, nothing) -> tf.Tensor:
    """Returns what a function returns, or something else where it fails."""
    # A graph cannot catch an error, but a data set of one element can. The
    # function is set up for each element: it must be a small one.
    results = tf.data.Dataset.from_tensors(value).map(function).ignore_errors()
    other = tf.data.Dataset.from_tensors(nothing)
    return results.concatenate(other).take(1).get_single_element()


def _checked(image, path):
    message = tf.strings.join(
        [_EXPECTED, " Received: '", path, "', which cannot be decoded. ", _FIX]
    )
    check = tf.debugging.Assert(tf.size(image) > 0, [message])
    # Run eagerly there is nothing to wait for.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.ensure_shape(tf.identity(image), [None, None, 3])


@contextlib.contextmanager
def naming_corrupt_files() -> Iterator[None]:
    """Turns the error of a corrupt image into a plain `ValueError`.

    Within `tf.data` the error is a `tf.errors.InvalidArgumentError`, in whose
    long message the name of the file is hard to find. Other errors pass.

    Raises:
        ValueError: If an image that is read within cannot be decoded. It names
            the file. Records of data sets that have no names are found by
            `image_checks.check_images`.

    Example:

    ```python
    with naming_corrupt_files():
        for images, labels in batches:
            ...
    ```
    """
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        found = _MESSAGE.search(str(error))
        if found is not None:
            # TensorFlow writes a backslash before quotes and backslashes.
            message = re.sub(r"\\(['\"\\])", r"\1", found.group())
            raise ValueError(message) from error
        if _CORRUPT.search(str(error)) is None:
            raise
        raise ValueError(
            "All images of the data set must be whole. Received: a record "
            f"that cannot be decoded: {error.message.splitlines()[0]} Prepare "
            "the data set anew."
        ) from error


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
