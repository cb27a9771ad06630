"""The handwritten digits that scikit-learn carries: data with no download."""

import numpy as np
import tensorflow as tf
from sklearn import datasets
from sklearn import model_selection

from keras_elastic.data.splits import ImageDataset
from keras_elastic.data.splits import Split
from keras_elastic.data.splits import hold_out

_TEST_SHARE = 0.2
_GREY_LEVELS = 16


def load_digits(limit: int | None = None) -> ImageDataset:
    """Loads the 1,797 scans of digits, 8 x 8 pixels.

    Grey values of 0 to 16 become 0 to 255, alike in the three channels. A
    fifth of each class is the test split, the same in every call.

    Reference:
        [Optical Recognition of Handwritten Digits](
        https://archive.ics.uci.edu/dataset/80), UCI machine learning
        repository, test part.

    Args:
        limit: If given, only the first `limit` training images are kept.

    Returns:
        An `ImageDataset` with the classes "0" to "9".

    Raises:
        ValueError: If `limit` keeps fewer than two images.
    """
    scans = datasets.load_digits()
    images = _to_rgb(scans.images)
    labels = scans.target.astype("int64")
    train, test = model_selection.train_test_split(
        np.arange(len(labels)),
        test_size=_TEST_SHARE,
        stratify=labels,
        random_state=0,
    )
    train, held_out = hold_out(
        _dataset(images[train], labels[train]), len(train), tf.identity, limit
    )
    test = Split.from_records(
        _dataset(images[test], labels[test]), len(test), tf.identity
    )
    class_names = tuple(str(name) for name in scans.target_names)
    return ImageDataset("digits", class_names, train, held_out, test)


def _to_rgb(scans: np.ndarray) -> np.ndarray:
    grey = np.rint(scans * (255 / _GREY_LEVELS)).astype("uint8")
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def _dataset(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((images, labels))
