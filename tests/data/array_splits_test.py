import numpy as np
import pytest
from keras import ops

from keras_elastic.data.array_splits import ArrayDataset
from keras_elastic.data.array_splits import ArraySplit


def split(count=3):
    images = np.arange(count * 12).reshape(count, 2, 2, 3).astype("uint8")
    return ArraySplit(images, np.arange(count))


def test_size_and_number_of_classes():
    dataset = ArrayDataset("mini", ("a", "b"), split(5), split(2), split())
    assert (dataset.train.size, dataset.held_out.size) == (5, 2)
    assert dataset.num_classes == 2


def test_images_are_copied_to_the_device_once():
    one = split()
    tensor = one.device_images
    assert tensor is one.device_images
    np.testing.assert_array_equal(ops.convert_to_numpy(tensor), one.images)
    assert ops.dtype(tensor) == "uint8"


@pytest.mark.parametrize(
    "images",
    [
        np.zeros([3, 2, 2, 3], "float32"),
        np.zeros([3, 2, 2, 1], "uint8"),
        np.zeros([3, 2, 2], "uint8"),
    ],
)
def test_wrong_images(images):
    with pytest.raises(ValueError, match="`images` must be a uint8.*Received:"):
        ArraySplit(images, np.zeros(3, "int64"))


@pytest.mark.parametrize(
    "labels",
    [np.zeros(3, "int32"), np.zeros(2, "int64"), np.zeros([3, 1], int)],
)
def test_wrong_labels(labels):
    with pytest.raises(ValueError, match=r"`labels` .*int64 array \[3\].*Rec"):
        ArraySplit(split().images, labels)
