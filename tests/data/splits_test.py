import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.splits import ImageDataset
from keras_elastic.data.splits import Split
from keras_elastic.data.splits import hold_out


def numbered(size):
    """Records that are their own number, with the number as their label."""
    numbers = tf.data.Dataset.range(size)
    return tf.data.Dataset.zip((numbers, numbers))


def decode(record):
    return tf.fill([2, 2, 3], tf.cast(record % 256, tf.uint8))


def labels(split):
    return [int(label) for _, label in split.images]


def num_held(size, limit=None):
    _, held = hold_out(numbered(size), size, decode, limit)
    return held.size


def test_train_and_held_out_are_a_partition():
    train, held = hold_out(numbered(95), 95, decode)
    assert labels(held) == list(range(0, 95, 10))
    assert sorted(labels(train) + labels(held)) == list(range(95))
    assert (train.size, held.size) == (85, 10)


def test_order_is_the_same_in_every_iteration():
    train, _ = hold_out(numbered(40), 40, decode)
    assert labels(train) == labels(train)
    assert labels(train) == sorted(labels(train))


def test_at_most_ten_thousand_images_are_held_out():
    assert num_held(100_000) == 10_000
    assert num_held(100_001) == 10_000
    assert num_held(1_281_167) == 10_000


def test_limit_keeps_the_first_images():
    train, held = hold_out(numbered(95), 95, decode, limit=12)
    assert labels(held) == [0, 10]
    assert sorted(labels(train) + labels(held)) == list(range(12))


def test_the_first_images_of_a_split():
    train, _ = hold_out(numbered(95), 95, decode)
    first = train.first(12)
    assert (first.size, labels(first)) == (12, labels(train)[:12])
    assert [int(x) for x, _ in first.undecoded()[0]] == labels(first)


def test_the_first_images_of_a_split_without_records():
    first = Split(numbered(5), 5).first(2)
    assert (first.size, labels(first)) == (2, [0, 1])


def test_limit_may_exceed_the_split():
    assert num_held(30, limit=1000) == 3


def test_two_images_are_enough():
    train, held = hold_out(numbered(2), 2, decode)
    assert (labels(train), labels(held)) == ([1], [0])


@pytest.mark.parametrize("size, limit", [(0, None), (1, None), (9, 1)])
def test_too_few_images(size, limit):
    with pytest.raises(
        ValueError, match=rf"at least 2 images.*Received: {size} images, limit="
    ):
        hold_out(numbered(size), size, decode, limit)


@pytest.mark.parametrize("limit", [0, -3])
def test_limit_must_be_positive(limit):
    with pytest.raises(ValueError, match=f"`limit` must be.*limit={limit}"):
        hold_out(numbered(9), 9, decode, limit)


def test_images_are_the_decoded_records():
    split = Split.from_records(numbered(3), 3, decode)
    records, decoder = split.undecoded()
    assert [int(record) for record, _ in records] == [0, 1, 2]
    assert decoder is decode
    for number, (image, label) in enumerate(split.images):
        assert image.dtype == tf.uint8
        assert image.numpy().tolist() == [[[number] * 3] * 2] * 2
        assert int(label) == number


def test_a_split_may_hold_images_only():
    images = numbered(3)
    records, decoder = Split(images, 3).undecoded()
    assert records is images
    assert int(decoder(tf.constant(5))) == 5


def test_a_wrong_size_is_noticed():
    split = Split.from_records(numbered(3), 4, decode)
    with pytest.raises(tf.errors.FailedPreconditionError):
        list(split.images)


def test_records_need_their_decoder():
    with pytest.raises(
        ValueError, match="`records` and `decode` must be given together"
    ):
        Split(numbered(3), 3, records=numbered(3))


def test_windows_need_records():
    with pytest.raises(
        ValueError, match="`decode_window` must be given with `records`"
    ):
        Split(numbered(3), 3, decode_window=lambda record, draw: record)


@pytest.mark.slow
def test_held_out_images_of_a_large_split_are_spread():
    _, held = hold_out(numbered(230_009), 230_009, decode)
    records = held.undecoded()[0].batch(10_000).get_single_element()[0]
    assert records.numpy().tolist() == list(range(0, 230_000, 23))


def test_values_cannot_be_changed():
    split = Split(numbered(3), 3)
    dataset = ImageDataset("name", ("a", "b"), split, split, split)
    assert dataset.num_classes == 2
    with pytest.raises(AttributeError):
        dataset.name = "other"
    with pytest.raises(AttributeError):
        split.size = 4


@pytest.mark.parametrize("dtype", ["float32", "string"])
def test_labels_are_integers(dtype):
    labels = np.zeros(3) if dtype == "float32" else np.array(["a"] * 3)
    images = np.zeros((3, 2, 2, 3), "uint8")
    pairs = tf.data.Dataset.from_tensor_slices((images, labels))
    with pytest.raises(ValueError, match="an integer, the number of its class"):
        Split(pairs, 3)


def test_images_without_labels_are_no_split():
    images = tf.data.Dataset.from_tensor_slices(np.zeros((3, 2, 2, 3), "uint8"))
    with pytest.raises(ValueError, match="must yield pairs"):
        Split(images, 3)
