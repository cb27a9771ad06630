import colors
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic.evaluation import activation_map


@pytest.fixture(scope="module")
def model():
    return colors.model()


@pytest.fixture
def image():
    """Green on the left, black on the right."""
    image = np.zeros((colors.SIZE, colors.SIZE, 3), "uint8")
    image[:, :2, 1] = 200
    return image


def test_the_map_is_that_of_zhou(model, image):
    values, label = activation_map(model, image)
    assert label == 1
    # The kernel of the classifier is the identity.
    np.testing.assert_allclose(values, image[..., 1] / 100, atol=1e-6)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_its_mean_and_the_bias_are_the_logit(model, image, label):
    values, found = activation_map(model, image, label)
    logits = model(image[None].astype("float32")).numpy()
    bias = model.get_layer("classifier").bias.numpy()
    assert found == label
    assert values.mean() + bias[label] == pytest.approx(
        logits[0, label], abs=1e-5
    )


def test_an_image_of_another_size(model, image):
    large = np.pad(
        np.kron(image, np.ones((5, 5, 1), "uint8")), [(3, 3), *2 * [(0, 0)]]
    )
    values, label = activation_map(model, large)
    assert values.shape == (colors.SIZE, colors.SIZE) and label == 1
    assert values[:, 0].min() > values[:, -1].max()


def test_layers_between_the_pooling_and_the_classifier(image):
    inputs = keras.Input((colors.SIZE, colors.SIZE, 3))
    x = keras.layers.Conv2D(3, 1, kernel_initializer="ones")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4, activation="relu", kernel_initializer="ones")(x)
    x = keras.layers.Dense(2, kernel_initializer="ones")(x)
    values, _ = activation_map(keras.Model(inputs, x), image, 1)
    assert values[:, :2].min() > 0
    np.testing.assert_allclose(values[:, 2:], 0, atol=1e-4)


def test_refuses_what_has_no_map(image):
    inputs = keras.Input((colors.SIZE, colors.SIZE, 3))
    x = keras.layers.Dense(2)(keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match="no convolution"):
        activation_map(keras.Model(inputs, x), image)
    x = keras.layers.Conv2D(2, 4)(inputs)
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))
    with pytest.raises(ValueError, match="one pixel"):
        activation_map(keras.Model(inputs, x), image)


@pytest.mark.parametrize("label", [3, -1, 0.5])
def test_refuses_a_label_of_no_class(model, image, label):
    with pytest.raises(ValueError, match="`label`"):
        activation_map(model, image, label)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (1, 4, 4, 3)])
def test_refuses_what_is_no_image(model, shape):
    with pytest.raises(ValueError, match="`image`"):
        activation_map(model, np.zeros(shape))


def test_a_child():
    child = keras_elastic.load("bignas_digits", flops=3e5)
    size = child.input_shape[1]
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3))
    values, label = activation_map(child, image)
    logits = child(image[None].astype("float32"), training=False).numpy()
    bias = child.get_layer("head_classifier").bias.numpy()
    assert values.mean() + bias[label] == pytest.approx(logits.max(), abs=1e-3)
