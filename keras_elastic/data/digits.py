"""The data set that scikit-learn carries, for what must need no other."""

import numpy as np

from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import held_out_mask

_TEST_SHARE = 0.2
_GRAY_LEVELS = 16


def load_digits(limit: int | None) -> ImageDataset:
    """The 1,797 scans of digits, 8 x 8 pixels, that scikit-learn carries.

    Gray values of 0 to 16 become 0 to 255, alike in the three channels. A
    fifth of each class is the test split, the same in every call.

    Reference:
        [Optical Recognition of Handwritten Digits](
        https://archive.ics.uci.edu/dataset/80), UCI machine learning
        repository, test part.
    """
    # It takes a second to import, which other data sets need not spend.
    from sklearn import datasets
    from sklearn import model_selection

    scans = datasets.load_digits()
    gray = np.rint(scans.images * (255 / _GRAY_LEVELS)).astype("uint8")
    images = np.repeat(gray[..., np.newaxis], 3, axis=-1)
    labels = scans.target.astype("int64")
    train, test = (
        ArraySplit(images[numbers], labels[numbers])
        for numbers in model_selection.train_test_split(
            np.arange(len(labels)),
            test_size=_TEST_SHARE,
            stratify=labels,
            random_state=0,
        )
    )
    class_names = tuple(str(name) for name in scans.target_names)
    train, held_out = train.divide(held_out_mask(train.size, limit))
    return ImageDataset("digits", class_names, train, held_out, test)
