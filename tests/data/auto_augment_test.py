import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import auto_augment
from keras_elastic.data import image_operations
from keras_elastic.data import policy_operations

POLICIES = {
    "imagenet": (auto_augment._IMAGENET_POLICY, policy_operations.ARGUMENTS),
    "cifar": (auto_augment._CIFAR_POLICY, auto_augment._CIFAR_ARGUMENTS),
}
policies = pytest.mark.parametrize("name", sorted(POLICIES))


def noise():
    values = np.random.default_rng(0).integers(0, 256, [32, 32, 3])
    return tf.constant(values, tf.uint8)


@pytest.fixture
def record_operations(monkeypatch):
    """Notes (number, argument) of each operation instead of applying it."""
    noted = []

    def note(image, number, argument, seed):
        noted.append((int(number), round(float(argument), 4)))
        return image

    monkeypatch.setattr(policy_operations, "apply", note)
    return noted


def distort(name, number):
    function = getattr(auto_augment, f"distort_{name}")
    return function(noise(), tf.constant([3, number], tf.int64))


@policies
def test_policy_has_25_pairs_of_known_operations(name):
    policy, arguments = POLICIES[name]
    assert [len(row) for row in policy] == [2] * 25
    for operation, probability, level in sum(policy, ()):
        assert operation in arguments
        assert 0 <= probability <= 1
        assert 0 <= level <= 10


@policies
def test_sub_policies_are_drawn_with_their_probabilities(
    name, record_operations
):
    policy, arguments = POLICIES[name]
    count = 1000
    for number in range(count):
        distort(name, number)
    pairs = list(
        zip(record_operations[::2], record_operations[1::2], strict=True)
    )
    for place in (0, 1):
        applied = np.mean([pair[place][0] >= 0 for pair in pairs])
        expected = np.mean([row[place][1] for row in policy])
        # Three standard deviations of a share of 1,000 draws.
        assert applied == pytest.approx(expected, abs=0.05)
    allowed = {
        tuple(
            (
                policy_operations.NAMES.index(operation),
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
    found = [distort("imagenet", number).numpy() for number in range(150)]
    assert any(image.tobytes() == inverted for image in found)


@policies
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
    _, arguments = POLICIES["cifar"]
    assert arguments[operation](level) == pytest.approx(argument)
