import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.conditional import RoutedNormalization

CHANNELS, LIVE, EPSILON = 6, (2, 4, 6), 1e-3


def weights(route):
    rng = np.random.default_rng(route)
    gamma, beta, mean = rng.normal(size=(3, LIVE[route])).astype("float32")
    return gamma, beta, mean, rng.uniform(0.5, 2, LIVE[route]).astype("float32")


@pytest.fixture
def layer():
    layer = RoutedNormalization(len(LIVE))
    layer.build((None, None, None, CHANNELS))
    for route in range(len(LIVE)):
        layer.set_route(route, *weights(route), EPSILON)
    return layer


def inputs(channels=CHANNELS, batch=3):
    rng = np.random.default_rng(9)
    return rng.normal(size=(batch, 2, 2, channels)).astype("float32")


def stock(route, images):
    layer = keras.layers.BatchNormalization(epsilon=EPSILON)
    layer.build(images.shape)
    layer.set_weights(weights(route))
    return np.asarray(layer(images, training=False))


@pytest.mark.parametrize("route", range(3))
def test_a_route_is_its_stock_layer(layer, route):
    images = inputs(LIVE[route])
    got = layer(images, route=route)
    np.testing.assert_allclose(got, stock(route, images), atol=1e-5)


def test_images_take_routes_of_their_own(layer):
    images = inputs()
    got = np.asarray(layer(images, route=tf.eye(3)))
    for route, live in enumerate(LIVE):
        expected = stock(route, images[route : route + 1, ..., :live])
        np.testing.assert_allclose(
            got[[route], ..., :live], expected, atol=1e-5
        )
        assert not got[route, ..., live:].any()


def test_a_gradient_reaches_the_route(layer):
    route = tf.eye(3)
    with tf.GradientTape() as tape:
        tape.watch(route)
        outputs = tf.reduce_sum(layer(inputs(), route=route) ** 2)
    assert (np.abs(tape.gradient(outputs, route)) > 1e-4).all()


def test_affine_is_what_it_does(layer):
    scale, shift = layer.affine(1)
    images = inputs()
    np.testing.assert_allclose(
        layer(images, route=1), images * scale + shift, atol=1e-6
    )


def test_nothing_of_it_is_trained(layer):
    assert layer.trainable_variables == []
    assert len(layer.non_trainable_variables) == 2


def test_half_precision():
    layer = RoutedNormalization(2, dtype="mixed_float16")
    layer.build((None, None, None, CHANNELS))
    assert layer(inputs(), route=0).dtype == "float16"
    assert all(v.dtype == "float32" for v in layer.variables)


def test_config(layer):
    config = keras.saving.serialize_keras_object(layer)
    loaded = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(config))
    )
    assert loaded.get_config() == layer.get_config()


def test_errors(layer):
    with pytest.raises(ValueError, match="`routes` must be a positive"):
        RoutedNormalization(0)
    with pytest.raises(ValueError, match="at most 6 channels"):
        layer(inputs(7), route=0)
