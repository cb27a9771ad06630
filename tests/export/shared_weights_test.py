"""What children share is stored once; what differs is kept apart."""

import numpy as np
import tensorflow as tf

from keras_elastic.export.shared_weights import SharedWeights
from keras_elastic.export.shared_weights import part

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(5, 5, 6, 8)).astype("float32")
DENSE = RNG.normal(size=(8, 4)).astype("float32")


def cut(kernel_size, in_channels, filters):
    start = (5 - kernel_size) // 2
    stop = start + kernel_size
    return KERNEL[start:stop, start:stop, :in_channels, :filters]


def num_shared(shared):
    return sum(np.size(v) for v in shared.shared.values())


def assert_read(shared, children):
    for number, weights in enumerate(children):
        read = shared.read(number)
        assert read.keys() == weights.keys()
        for name, weight in weights.items():
            np.testing.assert_array_equal(read[name], weight)


def test_parts_of_one_weight_are_stored_once():
    children = [
        {"kernel": cut(5, 3, 8), "dense": DENSE[:8]},
        {"kernel": cut(3, 6, 4), "dense": DENSE[:4]},
    ]
    shared = SharedWeights(children)
    assert_read(shared, children)
    # The smallest arrays that hold both.
    assert num_shared(shared) == 5 * 5 * 6 * 8 + 8 * 4
    assert [variable.shape[0] for variable in shared.own] == [0, 0]


def test_what_differs_is_each_childs_own():
    vectors = RNG.normal(size=(2, 5)).astype("float32")
    other = cut(3, 6, 8) + 1
    children = [
        {"bias": vectors[0], "kernel": KERNEL, "dense": DENSE},
        {"bias": vectors[1][:3], "kernel": other, "dense": DENSE},
    ]
    shared = SharedWeights(children)
    assert_read(shared, children)
    assert set(shared.shared) == {"dense"}
    assert [v.shape[0] for v in shared.own] == [5 + KERNEL.size, 3 + other.size]


def test_a_weight_that_only_one_child_has():
    children = [{"dense": DENSE}, {"kernel": KERNEL}]
    shared = SharedWeights(children)
    assert_read(shared, children)
    assert num_shared(shared) == DENSE.size + KERNEL.size


def test_vectors_are_not_worth_a_variable():
    bias = DENSE[:, 0]
    children = [{"bias": bias, "dense": DENSE}, {"bias": bias, "dense": DENSE}]
    shared = SharedWeights(children)
    assert_read(shared, children)
    assert set(shared.shared) == {"dense"}
    assert len(shared.variables) == 3


def test_all_is_tracked():
    shared = SharedWeights([{"dense": DENSE}, {"dense": DENSE + 1}])
    assert len(shared.variables) == 2
    shared = SharedWeights([{"dense": DENSE}, {"dense": DENSE[:3]}])
    assert len(shared.variables) == 3
    assert all(isinstance(v, tf.Variable) for v in shared.variables)


def test_kernels_are_centered_and_channels_are_first():
    assert part((3, 3, 2, 4), (7, 7, 5, 4)) == (
        slice(2, 5),
        slice(2, 5),
        slice(0, 2),
        slice(0, 4),
    )
    assert part((3, 2), (7, 7)) == (slice(0, 3), slice(0, 2))


def test_whether_anything_is_shared():
    parts = [{"kernel": KERNEL}, {"kernel": cut(3, 6, 4)}]
    assert SharedWeights(parts).are_shared
    assert not SharedWeights(
        [parts[0], {"kernel": cut(3, 6, 4) + 1}]
    ).are_shared
    assert not SharedWeights([parts[0], {"other": DENSE}]).are_shared
    # Not of one supernet, though of one name.
    strange = SharedWeights([parts[0], {"kernel": DENSE}])
    assert not strange.are_shared
    assert_read(strange, [parts[0], {"kernel": DENSE}])
