import collections

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import policy_operations
from keras_elastic.data import rand_augment


def noise():
    values = np.random.default_rng(0).integers(0, 256, [32, 32, 3])
    return tf.constant(values, tf.uint8)


def distort(number):
    return rand_augment.distort(noise(), tf.constant([3, number], tf.int64))


def test_two_operations_of_sixteen_at_magnitude_nine(monkeypatch):
    noted = []

    def note(image, number, argument, seed):
        noted.append((int(number), float(argument), tuple(seed.numpy())))
        return image

    monkeypatch.setattr(policy_operations, "apply", note)
    for number in range(300):
        distort(number)
    assert len(noted) == 600
    counts = collections.Counter(number for number, _, _ in noted)
    assert sorted(counts) == list(range(16))
    # 37.5 on average, with a standard deviation of 6.
    assert min(counts.values()) > 15 and max(counts.values()) < 62
    for number, argument, _ in noted:
        name = policy_operations.NAMES[number]
        expected = policy_operations.ARGUMENTS[name](9)
        assert argument == pytest.approx(expected)
    assert len({seed for _, _, seed in noted}) == 600


def test_seed_alone_decides():
    first = [distort(number).numpy() for number in range(8)]
    again = [distort(number).numpy() for number in range(8)]
    np.testing.assert_array_equal(first, again)
    assert len({image.tobytes() for image in first}) == 8
