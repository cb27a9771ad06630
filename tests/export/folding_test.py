"""A folded child computes what the child computes, in fewer operations."""

import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.export.folding import FoldedChild
from keras_elastic.export.folding import fold
from keras_elastic.models.child import build_child


def draw_weights(model):
    """Weights as after a training: no gamma of zero, no mean of zero."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.moving_mean.shape
            if layer.scale:
                layer.gamma.assign(rng.uniform(0.5, 1.5, shape))
            if layer.center:
                layer.beta.assign(rng.normal(0, 0.3, shape))
            layer.moving_mean.assign(rng.normal(0, 0.3, shape))
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, shape))
    return model


def logits_of(folded, images):
    with keras.StatelessScope(state_mapping=folded.state(folded.value)):
        return folded.model(images, training=False)


def count(model, kind):
    return sum(isinstance(layer, kind) for layer in model.layers)


def assert_folded(child, left=0):
    images = np.random.default_rng(0).uniform(
        0, 255, (2, *child.input_shape[1:])
    )
    images = images.astype("float32")
    expected = np.asarray(child(images, training=False))
    before = [np.array(w) for w in child.get_weights()]
    folded = FoldedChild(child)
    assert count(child, keras.layers.BatchNormalization) > left
    assert count(folded.model, keras.layers.BatchNormalization) == left
    actual = np.asarray(logits_of(folded, images))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, atol=1e-4)
    assert np.ptp(expected) > 1e-3
    other = fold(child)
    assert count(other, keras.layers.BatchNormalization) == left
    alike = np.asarray(other(images, training=False))
    np.testing.assert_allclose(alike / scale, expected / scale, atol=1e-4)
    for weight, kept in zip(child.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.mark.parametrize(
    "family, changes",
    [
        ("bignas_digits", {}),
        pytest.param("mobilenet_v3_small", {}, marks=pytest.mark.exhaustive),
        # Two stages of four.
        (
            "slimmable_resnet50",
            {"resolution": (32,), "channels": (32, 64), "depth": (1, 2)},
        ),
        pytest.param("slimmable_resnet50", {}, marks=pytest.mark.exhaustive),
    ],
)
def test_children(family, changes):
    family = families.get(family, **changes)
    plan = family.plan(family.space.smallest, 10)
    assert_folded(draw_weights(build_child(plan)))


def convolution(**kwargs):
    return keras.layers.Conv2D(4, 3, padding="same", **kwargs)


def make(build):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    features = keras.layers.GlobalAveragePooling2D()(build(features))
    outputs = keras.layers.Dense(3)(features)
    return draw_weights(keras.Model(inputs, outputs))


def test_a_bias_before_the_normalization():
    def build(x):
        x = convolution(bias_initializer="ones")(x)
        return keras.layers.BatchNormalization()(x)

    assert_folded(make(build))


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolutions(multiplier):
    def build(x):
        x = keras.layers.DepthwiseConv2D(3, depth_multiplier=multiplier)(x)
        return keras.layers.BatchNormalization()(x)

    assert_folded(make(build))


def test_a_convolution_that_others_see_too_is_left():
    def build(x):
        x = convolution()(keras.layers.BatchNormalization()(convolution()(x)))
        normalized = keras.layers.BatchNormalization()(x)
        return keras.layers.Add()([x, normalized])

    assert_folded(make(build), left=1)


def test_an_activation_between_is_left():
    def build(x):
        x = keras.layers.BatchNormalization()(convolution()(x))
        x = convolution(activation="swish")(x)
        return keras.layers.BatchNormalization()(x)

    assert_folded(make(build), left=1)


@pytest.mark.parametrize("kwargs", [{"scale": False}, {"center": False}])
def test_normalizations_without_gamma_or_beta(kwargs):
    def build(x):
        x = keras.layers.BatchNormalization(**kwargs)(convolution()(x))
        return keras.layers.BatchNormalization()(convolution()(x))

    assert_folded(make(build))


def test_other_models_are_left_as_they_are():
    def nested(x):
        inner = keras.Sequential([convolution()])
        return keras.layers.BatchNormalization()(inner(x))

    def used_twice(x):
        twice = convolution()
        x = keras.layers.Conv2D(3, 1)(twice(x))
        return keras.layers.BatchNormalization()(twice(x))

    def half_precision(x):
        x = convolution(dtype="mixed_bfloat16")(x)
        return keras.layers.BatchNormalization()(x)

    for build in (nested, used_twice, half_precision):
        model = make(build)
        assert fold(model) is model
    subclass = keras.models.Sequential([keras.layers.Dense(3)])
    assert fold(subclass) is subclass
