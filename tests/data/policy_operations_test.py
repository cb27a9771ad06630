import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import image_operations
from keras_elastic.data.policy_operations import ARGUMENTS
from keras_elastic.data.policy_operations import NAMES
from keras_elastic.data.policy_operations import apply

SIGNED = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
PLAIN = ("autocontrast", "equalize", "invert")


def noise(height=20, width=30):
    values = np.random.default_rng(0).integers(0, 256, [height, width, 3])
    return tf.constant(values, tf.uint8)


def results(name, level, count):
    argument = tf.constant(ARGUMENTS[name](level))
    index = tf.constant(NAMES.index(name))
    return [
        apply(noise(), index, argument, [5, number]).numpy()
        for number in range(count)
    ]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {*SIGNED, "cutout"}))
def test_name_stands_for_its_operation(name):
    operation = getattr(image_operations, name)
    arguments = [] if name in PLAIN else [tf.constant(ARGUMENTS[name](7))]
    expected = operation(noise(), *arguments)
    for found in results(name, 7, 3):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", SIGNED)
def test_movement_goes_either_way(name):
    # Lengths are shares of the side that the movement goes along.
    side = {"translate_x": 30, "translate_y": 20}.get(name, 1)
    operation = getattr(image_operations, name)
    argument = ARGUMENTS[name](9) * side
    ways = {
        operation(noise(), tf.constant(sign * argument)).numpy().tobytes()
        for sign in (1, -1)
    }
    assert {found.tobytes() for found in results(name, 9, 20)} == ways


def test_cut_out_lies_anywhere():
    centers = set()
    for found in results("cutout", 9, 12):
        rows, columns, _ = np.nonzero(found != noise())
        assert np.ptp(rows) < 10 and np.ptp(columns) < 10
        centers.add((rows.mean().round(), columns.mean().round()))
    assert len(centers) > 8


@pytest.mark.parametrize("number", [-1, len(NAMES)])
def test_another_number_leaves_the_image(number):
    found = apply(noise(), tf.constant(number), tf.constant(0.5), [5, 1])
    np.testing.assert_array_equal(found, noise())


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
