"""The handwritten digits that scikit-learn carries, as NumPy arrays."""

from typing import NamedTuple

import numpy as np

_TEST_SHARE = 0.2
_GREY_LEVELS = 16


class DigitScans(NamedTuple):
    """The scans and their published division.

    Args:
        images: uint8 array `[1797, 8, 8, 3]`.
        labels: int64 array `[1797]`.
        class_names: Name of each label, in label order.
        train: Numbers of the training images, in their fixed order.
        test: Numbers of the test images, in their fixed order.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    train: np.ndarray
    test: np.ndarray


def read_digit_scans() -> DigitScans:
    """Reads the 1,797 scans of digits, 8 x 8 pixels.

    Grey values of 0 to 16 become 0 to 255, alike in the three channels. A
    fifth of each class is the test split, the same in every call.

    Reference:
        [Optical Recognition of Handwritten Digits](
        https://archive.ics.uci.edu/dataset/80), UCI machine learning
        repository, test part.

    Returns:
        A `DigitScans`.
    """
    # It takes a second to import, which other data sets need not spend.
    from sklearn import datasets
    from sklearn import model_selection

    scans = datasets.load_digits()
    labels = scans.target.astype("int64")
    train, test = model_selection.train_test_split(
        np.arange(len(labels)),
        test_size=_TEST_SHARE,
        stratify=labels,
        random_state=0,
    )
    class_names = tuple(str(name) for name in scans.target_names)
    return DigitScans(_to_rgb(scans.images), labels, class_names, train, test)


def _to_rgb(scans: np.ndarray) -> np.ndarray:
    grey = np.rint(scans * (255 / _GREY_LEVELS)).astype("uint8")
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)
