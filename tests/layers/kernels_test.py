import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.layers import kernels

SIZES = [(12, 8), (8, 12), (9, 4), (5, 13)]


def smooth_images(size):
    """Images whose bicubic interpolation stays within 0..255."""
    return contracts.random_images(2, size) / 2 + 64


@pytest.mark.parametrize("size,target", SIZES)
def test_resize_equals_tensorflow(size, target):
    images = contracts.random_images(2, size)
    resized = kernels.resize(images, target)
    np.testing.assert_allclose(
        resized, contracts.resize(images, target), atol=1e-4
    )


@pytest.mark.parametrize("size,target", SIZES)
def test_resize_equals_keras(size, target):
    images = smooth_images(size)
    expected = keras.ops.image.resize(
        images, (target, target), interpolation="bicubic", antialias=True
    )
    np.testing.assert_allclose(
        kernels.resize(images, target), expected, atol=1e-3
    )


@pytest.mark.parametrize("size,target", SIZES)
def test_known_and_unknown_sizes_agree(size, target):
    images = contracts.random_images(2, size)
    np.testing.assert_allclose(
        kernels.resize(images, target),
        kernels.resize(images, tf.constant(target)),
        atol=1e-3,
    )


@pytest.mark.parametrize("target", [5, 8, 13])
def test_images_may_be_oblong(target):
    images = contracts.random_images(2, 12)[:, :7]
    expected = tf.image.resize(
        images, (target, target), "bicubic", antialias=True
    )
    np.testing.assert_allclose(
        kernels.resize(images, target), np.clip(expected, 0, 255), atol=1e-3
    )


def test_known_sizes_need_no_kernel_of_tensorflow(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("resized by TensorFlow")

    monkeypatch.setattr(tf.image, "resize", refuse)
    images = smooth_images(9)
    assert kernels.resize(images, 6).shape == (2, 6, 6, 3)
    with pytest.raises(AssertionError, match="by TensorFlow"):
        kernels.resize(images, tf.constant(6))


@pytest.mark.parametrize("size,target", SIZES[1:3])
def test_known_sizes_compile_under_xla(size, target):
    images = contracts.random_images(2, size)

    @tf.function(jit_compile=True)
    def resize(images):
        return kernels.resize(images, target)

    np.testing.assert_allclose(
        resize(images), kernels.resize(images, target), atol=1e-3
    )


def test_gradients_of_a_resized_image():
    images = tf.Variable(smooth_images(6))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(kernels.resize(images, 3))
    # Where nothing is clipped every pixel counts, a quarter on average.
    gradient = tape.gradient(total, images)
    assert np.mean(gradient) == pytest.approx(0.25, rel=1e-3)


def test_resize_to_the_same_size_changes_nothing():
    images = contracts.random_images(2, 11)
    np.testing.assert_allclose(kernels.resize(images, 11), images, atol=1e-4)


@pytest.mark.parametrize("target", [5, 16, 31])
def test_resize_keeps_constant_images(target):
    images = np.full((1, 9, 9, 3), 77.0, "float32")
    np.testing.assert_allclose(kernels.resize(images, target), 77, atol=1e-3)


def test_resize_does_not_overshoot():
    images = np.zeros((1, 8, 8, 3), "float32")
    images[:, :, 4:] = 255
    plain = tf.image.resize(images, (16, 16), "bicubic", antialias=True)
    assert np.min(plain) < -1 and np.max(plain) > 256
    resized = kernels.resize(images, 16)
    assert np.min(resized) == 0 and np.max(resized) == 255


def test_one_trace_resizes_to_every_size():
    traces = []

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 3)),
            tf.TensorSpec((), "int32"),
        ]
    )
    def resize(images, size):
        traces.append(1)
        return kernels.resize(images, size)

    images = contracts.random_images(2, 10)
    for size in (7, 10, 14):
        np.testing.assert_allclose(
            resize(images, size), kernels.resize(images, size), atol=1e-4
        )
    assert len(traces) == 1


def test_silu_is_that_of_keras():
    inputs = np.linspace(-20, 20, 101).astype("float32")
    np.testing.assert_allclose(
        kernels.silu(inputs), keras.activations.silu(inputs), atol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("traces", [False, True])
def test_trained_silu_is_that_of_keras_to_the_bit(dtype, traces):
    inputs = tf.constant(np.linspace(-20, 20, 101), dtype)
    cotangent = tf.cast(tf.sin(tf.range(101.0)), dtype)

    def outputs_and_gradient(function):
        def run():
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = function(inputs)
            return outputs, tape.gradient(outputs, inputs, cotangent)

        return (tf.function(run) if traces else run)()

    found = outputs_and_gradient(kernels.trained_silu)
    expected = outputs_and_gradient(keras.activations.silu)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, b)


def test_trained_silu_on_another_backend(monkeypatch):
    inputs = np.linspace(-20, 20, 101).astype("float32")
    expected = kernels.trained_silu(inputs)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    np.testing.assert_array_equal(kernels.trained_silu(inputs), expected)


def test_add_bias():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 3, 3, 4)).astype("float32")
    bias = rng.normal(size=4).astype("float32")
    np.testing.assert_array_equal(kernels.add_bias(inputs, bias), inputs + bias)


def test_normalize():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 3, 3, 4)).astype("float32")
    gamma, beta, mean = rng.normal(size=(3, 4)).astype("float32")
    variance = rng.uniform(0.5, 2.0, 4).astype("float32")
    expected = gamma * (inputs - mean) / np.sqrt(variance + 0.1) + beta
    outputs = kernels.normalize(inputs, gamma, beta, mean, variance, 0.1)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_an_outlined_function_is_one_node():
    weight = tf.Variable(2.0)
    outlined = kernels.outlined(
        lambda a, b: tf.exp(weight * a) + b,
        ((None, 3), "float32"),
        ((None, 3), "float32"),
    )
    a, b = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")

    @tf.function(input_signature=[tf.TensorSpec((None, 3))] * 2)
    def run(a, b):
        return outlined(a, b)

    np.testing.assert_allclose(run(a, b), np.exp(2 * a) + b, rtol=1e-6)
    weight.assign(3.0)
    np.testing.assert_allclose(run(a, b), np.exp(3 * a) + b, rtol=1e-6)
    graph = run.get_concrete_function().graph
    calls = [o for o in graph.get_operations() if "PartitionedCall" in o.type]
    assert len(calls) == 1
    assert not [o for o in graph.get_operations() if o.type == "Exp"]


@pytest.mark.parametrize("size,target", SIZES)
def test_bilinear_resizing_aligns_corners(size, target):
    images = contracts.random_images(2, size)
    expected = tf.compat.v1.image.resize_bilinear(
        images, (target, target), align_corners=True
    )
    for wanted in (target, tf.constant(target)):
        resized = kernels.resize(images, wanted, "bilinear")
        np.testing.assert_allclose(resized, expected, atol=1e-3)
    np.testing.assert_allclose(
        kernels.resize(images, size, "bilinear"), images, atol=1e-3
    )
