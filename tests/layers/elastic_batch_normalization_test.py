import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.layers import ElasticBatchNormalization
from keras_elastic.layers import kernels

CHANNELS = 6


def choice(channels):
    return contracts.Choice(
        live=channels,
        out=channels,
        arguments={"channels": channels},
        sliced=(channels,),
    )


CHOICES = [choice(CHANNELS), choice(1), choice(4)]


def stock_normalization(layer, choice):
    stock = keras.layers.BatchNormalization(epsilon=layer.epsilon)
    stock.build((None, None, None, choice.live))
    stock.set_weights(layer.sliced_weights(*choice.sliced))
    return stock


def make_case(size=4, epsilon=1e-3):
    def make(**arguments):
        return ElasticBatchNormalization(epsilon=epsilon, **arguments)

    return contracts.LayerCase(
        make,
        (size, size, CHANNELS),
        CHOICES,
        stock_normalization,
        training=True,
    )


def random_inputs(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(3.0, 2.0, shape).astype("float32")


def random_statistics(seed=0):
    rng = np.random.default_rng(seed)
    mean = rng.normal(3.0, 1.0, CHANNELS)
    variance = rng.uniform(1.0, 5.0, CHANNELS)
    return np.stack([mean, variance]).astype("float32")


@pytest.mark.parametrize("size,epsilon", [(4, 1e-3), (1, 1e-5)])
def test_contract(size, epsilon):
    contracts.check_elastic_layer(make_case(size, epsilon))


def plain_batch_normalize(inputs, gamma, beta, epsilon, monkeypatch):
    """The `keras.ops` path, which other backends take."""
    with monkeypatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        return kernels.batch_normalize(inputs, gamma, beta, epsilon)


def outputs_and_gradients(normalize, arguments):
    arguments = [tf.constant(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs, mean, variance = normalize(*arguments)
        loss = tf.reduce_sum(outputs * contracts.cotangent(outputs))
    return outputs, mean, variance, tape.gradient(loss, arguments)


@pytest.mark.parametrize("shape", [(5, 4, 3, 6), (1, 3, 3, 6), (2, 1, 1, 6)])
def test_fused_path_equals_plain_path(shape, monkeypatch):
    gamma, beta = random_statistics(seed=1)
    arguments = (random_inputs(shape), gamma, beta)
    fused = outputs_and_gradients(
        lambda *args: kernels.batch_normalize(*args, 1e-3), arguments
    )
    plain = outputs_and_gradients(
        lambda *args: plain_batch_normalize(*args, 1e-3, monkeypatch),
        arguments,
    )
    for got, expected in zip(
        tf.nest.flatten(fused), tf.nest.flatten(plain), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-4, rtol=1e-4)


def test_paths_return_one_type_in_half_precision(monkeypatch):
    gamma, beta = random_statistics(seed=1)
    inputs = tf.cast(random_inputs((4, 3, 3, CHANNELS)), "float16")
    fused = kernels.batch_normalize(inputs, gamma, beta, 1e-3)
    plain = plain_batch_normalize(inputs, gamma, beta, 1e-3, monkeypatch)
    for got, expected in zip(fused, plain, strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, atol=0.02)


@pytest.mark.parametrize("mode", ["sliced", "masked"])
def test_returned_statistics_are_mean_and_biased_variance(mode):
    layer = make_case().build(mode=mode)
    inputs = random_inputs((2, 3, 3, 4))
    given = inputs
    if mode == "masked":
        given = contracts.pad_channels(inputs, CHANNELS)
    _, statistics = layer(given, channels=4, return_statistics=True)
    assert statistics.shape == (2, CHANNELS)
    np.testing.assert_allclose(
        statistics[0, :4], inputs.mean((0, 1, 2)), rtol=1e-5
    )
    np.testing.assert_allclose(
        statistics[1, :4], inputs.var((0, 1, 2)), rtol=1e-4
    )
    assert not np.any(statistics[:, 4:])


def test_one_pixel_of_one_image():
    layer = make_case().build()
    inputs = random_inputs((1, 1, 1, CHANNELS))
    outputs, statistics = layer(inputs, return_statistics=True)
    np.testing.assert_allclose(statistics[0], inputs[0, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(statistics[1], np.zeros(CHANNELS))
    np.testing.assert_allclose(outputs[0, 0, 0], layer.beta, atol=1e-5)


def test_batch_of_one():
    layer = make_case().build()
    outputs = np.asarray(layer(random_inputs((1, 5, 5, CHANNELS))))
    np.testing.assert_allclose(
        outputs.mean((0, 1, 2)), layer.beta.numpy(), atol=1e-5
    )


@pytest.mark.parametrize("mode", ["sliced", "masked"])
@pytest.mark.parametrize("channels", [CHANNELS, 4])
def test_given_statistics(mode, channels):
    layer = make_case().build(mode=mode)
    statistics = random_statistics()
    inputs = random_inputs((2, 3, 3, channels))
    stock = keras.layers.BatchNormalization(epsilon=layer.epsilon)
    stock.build(inputs.shape)
    stock.set_weights(layer.sliced_weights(channels, statistics))
    given = inputs
    if mode == "masked":
        given = contracts.pad_channels(inputs, CHANNELS)
    outputs = np.asarray(layer(given, channels=channels, statistics=statistics))
    np.testing.assert_allclose(
        outputs[..., :channels], stock(inputs, training=False), atol=1e-5
    )
    assert not outputs[..., channels:].any()


def test_given_statistics_come_back():
    layer = make_case().build()
    statistics = random_statistics()
    inputs = random_inputs((2, 3, 3, 4))
    _, seen = layer(inputs, statistics=statistics, return_statistics=True)
    np.testing.assert_array_equal(seen[:, :4], statistics[:, :4])
    assert not np.any(seen[:, 4:])


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_stay_float32_in_mixed_precision(dtype):
    layer = make_case().build(dtype=dtype)
    # A variance that float16 does not hold.
    statistics = np.stack([np.full(CHANNELS, 100.0), np.full(CHANNELS, 1e6)])
    inputs = random_inputs((2, 3, 3, CHANNELS)) * 1000
    exact = make_case().build()(inputs, statistics=statistics)
    outputs, seen = layer(inputs, statistics=statistics, return_statistics=True)
    assert (outputs.dtype, seen.dtype) == (layer.compute_dtype, "float32")
    np.testing.assert_array_equal(seen, statistics.astype("float32"))
    np.testing.assert_allclose(
        tf.cast(outputs, "float32"), exact, rtol=0.02, atol=0.05
    )


def test_measured_statistics_are_float32_in_mixed_precision():
    layer = make_case().build(dtype="mixed_float16")
    inputs = random_inputs((4, 5, 5, CHANNELS)) * 300
    _, statistics = layer(inputs, return_statistics=True)
    assert statistics.dtype == "float32"
    np.testing.assert_allclose(statistics[1], inputs.var((0, 1, 2)), rtol=0.01)


def test_beta_does_not_leak_into_masked_channels():
    layer = make_case().build(mode="masked")
    layer.beta.assign(np.ones(CHANNELS))
    outputs = np.asarray(layer(np.zeros((1, 2, 2, CHANNELS)), channels=2))
    assert outputs[..., :2].all()
    assert not outputs[..., 2:].any()


def test_keeps_no_statistics():
    layer = make_case().build()
    layer(random_inputs((2, 3, 3, CHANNELS)), training=True)
    assert {v.name for v in layer.variables} == {"gamma", "beta"}


def test_gamma_initializer():
    layer = ElasticBatchNormalization(gamma_initializer="zeros")
    layer.build((None, None, None, 3))
    assert not np.any(layer(random_inputs((2, 2, 2, 3))))
    gamma, beta, mean, variance = layer.sliced_weights(2)
    np.testing.assert_array_equal(gamma, [0, 0])
    np.testing.assert_array_equal(beta, [0, 0])
    np.testing.assert_array_equal(mean, [0, 0])
    np.testing.assert_array_equal(variance, [1, 1])
