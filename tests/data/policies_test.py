import collections

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import image_operations
from keras_elastic.data import policies
from keras_elastic.data.policies import ARGUMENTS
from keras_elastic.data.policies import NAMES

SIGNED = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
PLAIN = ("autocontrast", "equalize", "invert")
POLICIES = {
    "auto_augment": (policies._IMAGENET_POLICY, ARGUMENTS),
    "auto_augment_cifar": (policies._CIFAR_POLICY, policies._CIFAR_ARGUMENTS),
}
both_policies = pytest.mark.parametrize("name", sorted(POLICIES))


def noise(height=32, width=32):
    values = np.random.default_rng(0).integers(0, 256, [height, width, 3])
    return tf.constant(values, tf.uint8)


@pytest.fixture
def record_operations(monkeypatch):
    """Notes the operations, their arguments and seeds; applies none."""
    noted = []

    def note(image, number, argument, seed):
        argument = round(float(argument), 4)
        noted.append((int(number), argument, tuple(seed.numpy())))
        return image

    monkeypatch.setattr(policies, "apply_operation", note)
    return noted


def distort(name, number):
    function = getattr(policies, name)
    return function(noise(), tf.constant([3, number], tf.int64))


@both_policies
def test_policy_has_25_pairs_of_known_operations(name):
    policy, arguments = POLICIES[name]
    assert [len(row) for row in policy] == [2] * 25
    for operation, probability, level in sum(policy, ()):
        assert operation in arguments
        assert 0 <= probability <= 1
        assert 0 <= level <= 10


@pytest.mark.slow
@both_policies
def test_sub_policies_are_drawn_with_their_probabilities(
    name, record_operations
):
    policy, arguments = POLICIES[name]
    count = 1000
    for number in range(count):
        distort(name, number)
    applied = [operation[:2] for operation in record_operations]
    pairs = list(zip(applied[::2], applied[1::2], strict=True))
    for place in (0, 1):
        applied = np.mean([pair[place][0] >= 0 for pair in pairs])
        expected = np.mean([row[place][1] for row in policy])
        # Three standard deviations of a share of 1,000 draws.
        assert applied == pytest.approx(expected, abs=0.05)
    allowed = {
        tuple(
            (
                NAMES.index(operation),
                round(float(np.float32(arguments[operation](level))), 4),
            )
            for operation, _, level in row
        )
        for row in policy
    }
    both = {pair for pair in pairs if pair[0][0] >= 0 and pair[1][0] >= 0}
    assert both <= allowed
    assert len(both) > 15


def test_an_operation_is_the_one_of_its_row():
    # Of the rows of the policy only one inverts, and nothing else can.
    inverted = image_operations.invert(noise()).numpy().tobytes()
    found = [distort("auto_augment", number).numpy() for number in range(150)]
    assert any(image.tobytes() == inverted for image in found)


@pytest.mark.parametrize("name", [*POLICIES, "rand_augment"])
def test_seed_alone_decides(name):
    first = [distort(name, number).numpy() for number in range(6)]
    again = [distort(name, number).numpy() for number in range(6)]
    np.testing.assert_array_equal(first, again)
    assert len({image.tobytes() for image in first}) > 3


@pytest.mark.parametrize(
    "operation, level, argument",
    [("posterize", 7, 2), ("solarize", 8, 52), ("translate_x", 9, 9 / 32)],
)
def test_cifar_levels(operation, level, argument):
    _, arguments = POLICIES["auto_augment_cifar"]
    assert arguments[operation](level) == pytest.approx(argument)


def test_two_operations_of_sixteen_at_magnitude_nine(record_operations):
    for number in range(300):
        distort("rand_augment", number)
    assert len(record_operations) == 600
    counts = collections.Counter(number for number, _, _ in record_operations)
    assert sorted(counts) == list(range(16))
    # 37.5 on average, with a standard deviation of 6.
    assert min(counts.values()) > 15 and max(counts.values()) < 62
    for number, argument, _ in record_operations:
        name = NAMES[number]
        expected = ARGUMENTS[name](9)
        assert argument == pytest.approx(expected, abs=1e-4)
    assert len({seed for _, _, seed in record_operations}) == 600


def results(name, level, count):
    argument = tf.constant(ARGUMENTS[name](level))
    index = tf.constant(NAMES.index(name))
    return [
        policies.apply_operation(
            noise(20, 30), index, argument, [5, number]
        ).numpy()
        for number in range(count)
    ]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {*SIGNED, "cutout"}))
def test_name_stands_for_its_operation(name):
    operation = getattr(image_operations, name)
    arguments = [] if name in PLAIN else [tf.constant(ARGUMENTS[name](7))]
    expected = operation(noise(20, 30), *arguments)
    for found in results(name, 7, 3):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", SIGNED)
def test_movement_goes_either_way(name):
    # Lengths are shares of the side that the movement goes along.
    side = {"translate_x": 30, "translate_y": 20}.get(name, 1)
    operation = getattr(image_operations, name)
    argument = ARGUMENTS[name](9) * side
    ways = {
        operation(noise(20, 30), tf.constant(sign * argument)).numpy().tobytes()
        for sign in (1, -1)
    }
    assert {found.tobytes() for found in results(name, 9, 20)} == ways


def test_cut_out_lies_anywhere():
    centers = set()
    for found in results("cutout", 9, 12):
        rows, columns, _ = np.nonzero(found != noise(20, 30))
        assert np.ptp(rows) < 10 and np.ptp(columns) < 10
        centers.add((rows.mean().round(), columns.mean().round()))
    assert len(centers) > 8


@pytest.mark.parametrize("number", [-1, len(NAMES)])
def test_another_number_leaves_the_image(number):
    found = policies.apply_operation(
        noise(20, 30), tf.constant(number), tf.constant(0.5), [5, 1]
    )
    np.testing.assert_array_equal(found, noise(20, 30))


@pytest.mark.parametrize(
    "name, level, argument",
    [
        ("rotate", 9, 27),
        ("posterize", 9, 3),
        ("posterize", 2, 1),
        ("solarize", 10, 256),
        ("solarize", 9, 230),
        ("solarize_add", 9, 99),
        ("color", 0, 0.1),
        ("sharpness", 10, 1.9),
        ("shear_x", 4, 0.12),
        ("translate_y", 10, 0.45),
        ("cutout", 10, 40 / 224),
        ("equalize", 5, 0),
    ],
)
def test_argument_of_a_level(name, level, argument):
    assert ARGUMENTS[name](level) == pytest.approx(argument)
