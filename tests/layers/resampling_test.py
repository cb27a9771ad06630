import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from keras_elastic.layers.resampling import resize_matrix

SIZES = st.integers(1, 40)
FEW = hypothesis.settings(deadline=None, max_examples=60)


def matrix(in_size, out_size):
    return np.array(resize_matrix(in_size, out_size))


@FEW
@hypothesis.given(SIZES, SIZES)
def test_equals_tensorflow(in_size, out_size):
    # The matrix is what becomes of one bright pixel after another.
    lines = np.eye(in_size, dtype="float32")[:, None, :, None]
    expected = tf.image.resize(
        lines, (1, out_size), method="bicubic", antialias=True
    )
    np.testing.assert_allclose(
        matrix(in_size, out_size), expected[:, 0, :, 0].numpy().T, atol=1e-5
    )


@FEW
@hypothesis.given(SIZES, SIZES)
def test_weights_of_a_pixel_sum_to_one(in_size, out_size):
    found = matrix(in_size, out_size)
    assert found.shape == (out_size, in_size)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


@FEW
@hypothesis.given(SIZES, SIZES)
def test_a_mirrored_line_is_resized_to_the_mirrored_result(in_size, out_size):
    found = matrix(in_size, out_size)
    np.testing.assert_allclose(found, found[::-1, ::-1], atol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 7, 224])
def test_the_same_size_is_the_identity(size):
    np.testing.assert_allclose(matrix(size, size), np.eye(size), atol=1e-12)


@pytest.mark.parametrize("in_size, out_size", [(32, 128), (128, 96)])
def test_a_ramp_stays_a_ramp(in_size, out_size):
    # Away from the ends, cubic interpolation is exact for lines.
    scale = in_size / out_size
    found = matrix(in_size, out_size) @ np.arange(in_size)
    expected = (np.arange(out_size) + 0.5) * scale - 0.5
    edge = 4 * max(1, round(1 / scale))
    inner = slice(edge, out_size - edge)
    tolerance = 1e-9 if scale < 1 else 0.02
    np.testing.assert_allclose(found[inner], expected[inner], atol=tolerance)


def test_rows_are_values_that_a_cache_may_share():
    assert resize_matrix(9, 4) is resize_matrix(9, 4)
    assert all(isinstance(row, tuple) for row in resize_matrix(9, 4))
