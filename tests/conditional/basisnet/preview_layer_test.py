import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.conditional import BasisPreview
from keras_elastic.layers import kernels


def test_resizes_as_the_supernet_does():
    images = np.random.default_rng(0).uniform(0, 255, (2, 9, 9, 3))
    images = images.astype("float32")
    outputs = BasisPreview(6)(images)
    np.testing.assert_array_equal(outputs, kernels.resize(images, 6))
    assert BasisPreview(6).compute_output_shape(images.shape) == (2, 6, 6, 3)


def test_an_image_of_its_size_stays():
    images = np.arange(48, dtype="float32").reshape(1, 4, 4, 3) - 7
    np.testing.assert_array_equal(BasisPreview(4)(images), images)


def test_pixels_stay_exact_in_mixed_precision():
    layer = BasisPreview(4, dtype="mixed_float16")
    images = tf.constant(np.full((1, 4, 4, 3), 200.123, "float32"))
    np.testing.assert_array_equal(layer(images), images)


def test_config():
    layer = BasisPreview(6, name="preview")
    again = BasisPreview.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.size, again.name) == (6, "preview")


def test_size_must_be_positive():
    with pytest.raises(ValueError, match="`size` must be a positive"):
        BasisPreview(0)
