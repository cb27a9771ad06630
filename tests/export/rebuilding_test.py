"""A child on the older Keras computes what the child computes."""

import keras
import numpy as np
import pytest
import tiny_child

import keras_elastic
from keras_elastic import families
from keras_elastic.export import quantization
from keras_elastic.export import rebuilding
from keras_elastic.models.child import build_child

tf_keras = quantization.tf_keras


def assert_rebuilt(child):
    images = np.random.default_rng(0).uniform(
        0, 255, (2, *child.input_shape[1:])
    )
    images = images.astype("float32")
    expected = np.asarray(child(images, training=False))
    assert np.ptp(expected) > 1e-3
    before = [weight.numpy().copy() for weight in child.weights]
    for fold in (False, True):
        model = rebuilding.rebuild(child, tf_keras, fold)
        assert isinstance(model, tf_keras.Model)
        assert model.name == child.name
        assert model.input_shape == child.input_shape
        actual = model(images, training=False).numpy()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)
        kinds = [type(layer) for layer in model.layers]
        assert (tf_keras.layers.BatchNormalization in kinds) == (not fold)
    for weight, kept in zip(child.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), kept)


@pytest.mark.parametrize(
    ("activation", "gate"),
    [("relu", "hard_sigmoid"), ("silu", "sigmoid"), ("hard_silu", "sigmoid")],
)
def test_activations_and_gates(activation, gate):
    assert_rebuilt(tiny_child.build(activation=activation, gate=gate))


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
def test_children_of_families(family, changes):
    family = families.get(family, **changes)
    child = build_child(family.plan(family.space.smallest, 10))
    images = np.random.default_rng(0).uniform(
        0, 255, (4, *child.input_shape[1:])
    )
    # As after a training: neither gammas of zero nor statistics of a new layer.
    for layer in child.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.full(layer.gamma.shape, 0.7))
            layer.beta.assign(np.full(layer.beta.shape, 0.1))
    assert_rebuilt(keras_elastic.calibrate(child, images))


def test_a_trained_child_and_one_with_a_new_head():
    options = {"flops": 200e3, "resolution": 8}
    assert_rebuilt(keras_elastic.load("bignas_digits", **options))
    assert_rebuilt(keras_elastic.load("bignas_digits", **options, classes=3))


# Refusals: each with words of the message.


def assert_refused(words, model):
    with pytest.raises(ValueError) as error:
        rebuilding.rebuild(model, tf_keras)
    for word in ("`model` must", "Received: ", "keras_elastic.load", *words):
        assert word in str(error.value)


def end(features):
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.layers.Dense(2)(features)


@keras.saving.register_keras_serializable(package="rebuilding_test")
class Doubling(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def test_refuses_custom_layers_by_name():
    inputs = keras.Input((8, 8, 3))
    outputs = end(Doubling(name="twice")(inputs))
    model = keras.Model(inputs, outputs, name="odd")
    assert_refused(("model='odd'", "Doubling 'twice'"), model)


def test_refuses_activations_that_no_child_has():
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, activation="gelu", name="c")(inputs)
    model = keras.Model(inputs, end(features))
    assert_refused(("'gelu' of the layer 'c'", "hard_silu"), model)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_refuses_layers_used_twice_or_in_half_precision(dtype):
    inputs = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(3, 3, padding="same", dtype=dtype)
    features = layer(inputs)
    if dtype == "float32":
        features = layer(features)
    model = keras.Model(inputs, end(features))
    assert_refused(("used twice, or not in float32",), model)


def test_refuses_what_has_no_layers():
    assert_refused(("model='bignas'",), "bignas")
