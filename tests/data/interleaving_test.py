import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.interleaving import interleave


def expected(lengths):
    """What TensorFlow makes of files of these lengths, sixteen of sixteen."""
    lengths = tf.constant(lengths, tf.int64)
    files = tf.data.Dataset.range(len(lengths))

    def read(file):
        return tf.data.Dataset.range(lengths[file]).map(lambda n: (file, n))

    return [
        (int(file), int(number))
        for file, number in files.interleave(
            read,
            cycle_length=16,
            block_length=16,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    ]


def files(lengths):
    for file, length in enumerate(lengths):
        yield iter([(file, number) for number in range(length)])


@pytest.mark.parametrize(
    "lengths",
    [
        [],
        [1],
        [100],
        [16, 16],
        [5, 40, 33],
        [20] * 16,
        [32] * 17,
        list(range(1, 40)),
        list(range(40, 1, -1)),
        [0, 3, 0, 20, 0],
    ],
)
def test_order_is_that_of_tensorflow(lengths):
    assert list(interleave(files(lengths))) == expected(lengths)


def test_order_of_many_uneven_files_is_that_of_tensorflow():
    lengths = np.random.default_rng(0).integers(0, 60, 70).tolist()
    assert list(interleave(files(lengths))) == expected(lengths)


def test_files_are_opened_when_their_place_is_free():
    opened = []

    def opening():
        for file in range(40):
            opened.append(file)
            yield iter([file] * 100)

    assert next(interleave(opening())) == 0
    assert opened == list(range(16))
