"""Tests of `conditional/basisnet/layers.py`, too."""

import numpy as np
import pytest

from keras_elastic.conditional import BasisExit
from keras_elastic.conditional.basisnet.layers import confidence

LIGHT = np.log([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]]).astype("float32")
LOGITS = np.array([[1, 2], [3, 4], [5, 6]], "float32")


@pytest.mark.parametrize(
    "threshold, exits",
    [(None, []), (1.0, []), (0.85, [2]), (0.7, [1, 2]), (0.0, [0, 1, 2])],
)
def test_confident_images_keep_the_first_answer(threshold, exits):
    outputs = np.asarray(BasisExit(threshold)(LIGHT, LOGITS))
    expected = LOGITS.copy()
    expected[exits] = LIGHT[exits]
    np.testing.assert_array_equal(outputs, expected)


def test_nothing_exits_in_training():
    outputs = BasisExit(0.0)(LIGHT, LOGITS, training=True)
    np.testing.assert_array_equal(outputs, LOGITS)


def test_confidence_is_the_largest_probability():
    np.testing.assert_allclose(confidence(LIGHT), [0.5, 0.8, 0.9], atol=1e-6)


def test_config():
    layer = BasisExit(0.25, name="exit")
    again = BasisExit.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.threshold == 0.25
    assert layer.compute_output_shape((3, 2), (3, 2)) == (3, 2)


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(ValueError, match="`threshold` must be.*Received"):
        BasisExit(threshold)
