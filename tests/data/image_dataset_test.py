import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import held_out_mask
from keras_elastic.data.splits import from_arrays
from keras_elastic.data.splits import hold_out


def split(count=3):
    images = np.arange(count * 12).reshape(count, 2, 2, 3).astype("uint8")
    return ArraySplit(images, np.arange(count) % 2)


def test_size_and_number_of_classes():
    dataset = ImageDataset("mini", ("a", "b"), split(5), split(2), split())
    assert (dataset.train.size, dataset.held_out.size) == (5, 2)
    assert dataset.num_classes == 2


def test_a_split_in_memory_is_divided():
    images = split(23).images
    train, held_out = split(23).divide(held_out_mask(23, limit=12))
    np.testing.assert_array_equal(held_out.images, images[[0, 10]])
    np.testing.assert_array_equal(train.images, images[[*range(1, 10), 11]])
    assert train.labels.tolist() == [n % 2 for n in (*range(1, 10), 11)]


def as_pipeline(split):
    return from_arrays(
        ImageDataset("mini", ("a", "b"), split, split, split)
    ).train


@pytest.mark.parametrize("kind", [lambda split: split, as_pipeline])
def test_images_are_set_apart(kind):
    whole = ImageDataset("mini", ("a", "b"), kind(split(10)), split(), split())
    rest, apart = whole.set_apart(3)
    numbers = [0, 3, 6]
    assert labels_and_pixels(apart.train) == labels_and_pixels(
        kind(ArraySplit(split(10).images[numbers], split(10).labels[numbers]))
    )
    assert (rest.train.size, apart.train.size) == (7, 3)
    together = labels_and_pixels(rest.train) + labels_and_pixels(apart.train)
    assert sorted(together) == sorted(labels_and_pixels(kind(split(10))))
    assert rest.held_out is apart.held_out is whole.held_out


def labels_and_pixels(split):
    if isinstance(split, ArraySplit):
        pairs = zip(split.images, split.labels, strict=True)
    else:
        pairs = split.images.as_numpy_iterator()
    return [(int(label), image.tolist()) for image, label in pairs]


@pytest.mark.parametrize("count", [0, -1, 10, 11])
def test_some_images_are_left(count):
    whole = ImageDataset("mini", ("a", "b"), split(10), split(), split())
    with pytest.raises(ValueError, match="`count` must be in 1..9.*Received"):
        whole.set_apart(count)


@pytest.mark.parametrize("name", ["", "two\nlines", "two\x85lines", b"c", 1])
def test_a_class_has_a_name_of_one_line(name):
    with pytest.raises(ValueError, match="`class_names` must be.*Received:"):
        ImageDataset("mini", ("a", name), split(), split(), split())


def test_one_class_is_too_few():
    with pytest.raises(ValueError, match="at least 2.*Received:"):
        ImageDataset("mini", ("a",), split(), split(), split())


@pytest.mark.parametrize("label", [-1, 2])
@pytest.mark.parametrize("place", ["train", "held_out", "test"])
def test_labels_are_numbers_of_classes(place, label):
    splits = dict.fromkeys(("train", "held_out", "test"), split())
    splits[place] = ArraySplit(split().images, np.array([0, label, 1]))
    with pytest.raises(ValueError, match=f"`{place}` must be.*as {label}"):
        ImageDataset("mini", ("a", "b"), **splits)


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "size, limit",
    [
        *((2, None), (11, None), (100, 12), (123_457, None)),
        pytest.param(99_999, None, marks=pytest.mark.exhaustive),
    ],
)
def test_the_images_are_held_out_that_tensorflow_holds_out(size, limit):
    records = tf.data.Dataset.range(size).map(lambda n: (n, n))
    _, held_out = hold_out(records, size, tf.identity, limit)
    expected = [int(n) for n, _ in held_out.records.batch(size).unbatch()]
    mask = held_out_mask(size, limit)
    assert mask.nonzero()[0].tolist() == expected
    assert len(mask) == (limit or size)


@pytest.mark.parametrize("size", [1_281_167, 100_009, 200_000])
def test_no_more_than_ten_thousand_are_held_out(size):
    mask = held_out_mask(size)
    assert mask.sum() == 10_000
    gaps = np.diff(mask.nonzero()[0])
    assert gaps.min() == gaps.max() == size // 10_000


@pytest.mark.parametrize("size, limit", [(1, None), (0, None), (50, 1)])
def test_too_few_to_divide(size, limit):
    with pytest.raises(ValueError, match="at least 2 images.*Received:"):
        held_out_mask(size, limit)


def test_limit_must_be_positive():
    with pytest.raises(ValueError, match="`limit` must be.*limit=0"):
        held_out_mask(10, 0)
