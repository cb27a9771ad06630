"""The handwritten digits that scikit-learn carries: data with no download."""

import numpy as np
import tensorflow as tf

from keras_elastic.data.digit_scans import read_digit_scans
from keras_elastic.data.splits import ImageDataset
from keras_elastic.data.splits import Split
from keras_elastic.data.splits import hold_out


def load_digits(limit: int | None = None) -> ImageDataset:
    """Loads the 1,797 scans of digits, 8 x 8 pixels.

    Grey values of 0 to 16 become 0 to 255, alike in the three channels. A
    fifth of each class is the test split, the same in every call.

    Args:
        limit: If given, only the first `limit` training images are kept.

    Returns:
        An `ImageDataset` with the classes "0" to "9".

    Raises:
        ValueError: If `limit` keeps fewer than two images.
    """
    scans = read_digit_scans()
    images, labels = scans.images, scans.labels
    train, held_out = hold_out(
        _dataset(images[scans.train], labels[scans.train]),
        len(scans.train),
        tf.identity,
        limit,
    )
    test = Split.from_records(
        _dataset(images[scans.test], labels[scans.test]),
        len(scans.test),
        tf.identity,
    )
    return ImageDataset("digits", scans.class_names, train, held_out, test)


def _dataset(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((images, labels))
