"""A layer with a part of a kernel computes what the stock layer does."""

import types

import contracts
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic.export import shared_products
from keras_elastic.export.folding import FoldedChild
from keras_elastic.export.shared_weights import part

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


def built(layer, *input_shape):
    """A stock layer with random weights, within a functional model."""
    inputs = keras.Input(input_shape)
    model = keras.Model(inputs, layer(inputs))
    model.set_weights([draw(*weight.shape) for weight in model.weights])
    return layer


def product_of(layer, whole_shape, scale=None):
    """The layer as a product, and its kernel hidden in a larger one."""
    whole = draw(*whole_shape)
    kernel = np.asarray(layer.kernel)
    whole[part(kernel.shape, whole.shape)] = kernel
    bias = np.asarray(layer.bias) if layer.use_bias else None
    product = shared_products.SharedProduct(layer, whole.shape, scale, bias)
    product.whole.assign(whole)
    return product


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_a_convolution(size, padding, strides, kernel_size):
    layer = keras.layers.Conv2D(
        6, kernel_size, strides, padding, activation="relu"
    )
    built(layer, size, size, 4)
    product = product_of(layer, (kernel_size + 2, kernel_size + 2, 5, 8))
    images = draw(2, size, size, 4)
    expected = layer(images)
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(product(images), expected, atol=1e-4)
    assert product.compute_output_shape(images.shape) == expected.shape


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_dense_layer(use_bias):
    layer = built(keras.layers.Dense(3, use_bias=use_bias), 6)
    product = product_of(layer, (9, 3))
    features = draw(4, 6)
    np.testing.assert_allclose(product(features), layer(features), atol=1e-5)


def test_the_scale_is_that_of_the_kernel():
    layer = built(keras.layers.Conv2D(6, 1), 5, 5, 4)
    scale = draw(6)
    product = product_of(layer, (1, 1, 4, 6), scale)
    images = draw(2, 5, 5, 4)
    layer.kernel.assign(layer.kernel * scale)
    np.testing.assert_allclose(product(images), layer(images), atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "size", "expected"),
    [
        (lambda: keras.layers.Conv2D(2, 1), 8, True),
        (lambda: keras.layers.Conv2D(2, 3), 8, True),
        # Few channels, many positions.
        (lambda: keras.layers.Conv2D(2, 1), 33, False),
        (lambda: keras.layers.DepthwiseConv2D(3), 8, False),
        (lambda: keras.layers.Conv2D(8, 1, groups=2), 8, False),
        (lambda: keras.layers.Conv2D(2, 3, dilation_rate=2), 8, False),
        # Applied to every position.
        (lambda: keras.layers.Dense(2), 8, False),
        (lambda: keras.layers.ReLU(), 8, False),
    ],
)
def test_which_layers_are_products(layer, size, expected):
    assert shared_products.is_product(built(layer(), size, size, 128)) == (
        expected
    )


def child_of(**kernels):
    """What is asked of a `FoldedChild`, of dense layers in a row."""
    inputs = x = keras.Input((len(next(iter(kernels.values()))),))
    for name, kernel in kernels.items():
        x = keras.layers.Dense(kernel.shape[1], name=name)(x)
    weights = {f"{name}/kernel": kernel for name, kernel in kernels.items()}
    return types.SimpleNamespace(model=keras.Model(inputs, x), weights=weights)


def test_kernels_that_are_shared():
    first, second, third = draw(4, 6), draw(6, 6), draw(6, 6)
    children = {
        "a": child_of(first=first, second=second, third=third),
        "b": child_of(first=first[:3], second=second + 1),
    }
    kernels = shared_products.shared_kernels(children)
    # The second kernels differ, and only one child has the third.
    assert kernels.keys() == {"first"}
    np.testing.assert_array_equal(kernels["first"], first)


def test_a_child_with_products_equals_it():
    supernet = keras_elastic.Supernet("bignas_digits", classes=4)
    contracts.randomize(supernet)
    statistics = {
        name: np.stack([draw(channels), np.abs(draw(channels)) + 0.5])
        for name, channels in supernet.normalizations.items()
    }
    space = supernet.space
    children = {
        arch: supernet.child(arch, statistics, name="c")
        for arch in (space.smallest, space.largest)
    }
    folded = {arch: FoldedChild(child) for arch, child in children.items()}
    kernels = shared_products.shared_kernels(folded)
    assert len(kernels) > 5
    for arch, child in children.items():
        model = shared_products.with_products(folded[arch], kernels)
        found = 0
        for layer in model.layers:
            if isinstance(layer, shared_products.SharedProduct):
                layer.whole.assign(kernels[layer.name])
                found += 1
        assert found > 5
        images = RNG.uniform(0, 255, (2, *child.input_shape[1:]))
        np.testing.assert_allclose(
            model(images), child(images), rtol=1e-4, atol=1e-4
        )
