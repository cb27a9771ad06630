"""What both convolutions of bases must prove.

Tests of `conditional/basisnet/conv2d.py`, too.
"""

import inspect
import json

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.conditional import BasisConv2D
from keras_elastic.conditional import BasisDepthwiseConv2D
from keras_elastic.conditional.basisnet import convolution as basis_convolution

BASES = 3
CHANNELS = 4


def conv(**arguments):
    return BasisConv2D(
        5, arguments.pop("kernel_size", 1), num_bases=BASES, **arguments
    )


def depthwise(**arguments):
    return BasisDepthwiseConv2D(
        arguments.pop("kernel_size", 3), num_bases=BASES, **arguments
    )


CASES = [
    (make, arguments)
    for make in (conv, depthwise)
    for arguments in (
        {},
        {"kernel_size": 3, "strides": 2, "use_bias": True},
        {"kernel_size": 5, "strides": 2},
        {"kernel_size": 3, "padding": "valid"},
        {"kernel_size": 2, "strides": 3, "padding": "valid"},
        {"kernel_size": 1, "strides": 2},
    )
]
every_case = pytest.mark.parametrize("make, arguments", CASES)
both = pytest.mark.parametrize("make", [conv, depthwise])


def build(make, seed=0, **arguments):
    layer = make(**arguments)
    layer.build((None, None, None, CHANNELS))
    contracts.randomize(layer, seed)
    return layer


def with_method(layer, method):
    """The same layer, computed in another way."""
    again = type(layer).from_config({**layer.get_config(), "method": method})
    again.build((None, None, None, CHANNELS))
    again.set_weights(layer.get_weights())
    return again


def draw(batch=4, height=7, width=6, seed=1):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(batch, height, width, CHANNELS))
    coefficients = rng.normal(size=(batch, BASES))
    return inputs.astype("float32"), coefficients.astype("float32")


def stock(layer, coefficients):
    """The stock layer of an image's coefficients."""
    arguments = {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": layer.padding,
        "use_bias": layer.use_bias,
    }
    if isinstance(layer, BasisConv2D):
        found = keras.layers.Conv2D(layer.filters, **arguments)
    else:
        found = keras.layers.DepthwiseConv2D(**arguments)
    found.build((None, None, None, CHANNELS))
    found.set_weights(layer.synthesized_weights(coefficients))
    return found


def by_stock(layer, inputs, coefficients):
    rows = [
        stock(layer, row)(image[None])
        for image, row in zip(inputs, coefficients, strict=True)
    ]
    return np.concatenate(rows)


@every_case
@pytest.mark.parametrize("method", ["auto", "per_image", "sum"])
def test_each_image_is_as_in_its_stock_layer(make, arguments, method):
    layer = build(make, method=method, **arguments)
    inputs, coefficients = draw()
    outputs = layer(inputs, coefficients)
    expected = by_stock(layer, inputs, coefficients)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert layer.compute_output_shape(inputs.shape) == expected.shape


@every_case
@pytest.mark.parametrize("method", ["auto", "synthesize"])
def test_one_image_is_as_in_its_stock_layer(make, arguments, method):
    layer = build(make, method=method, **arguments)
    inputs, coefficients = draw(batch=1)
    np.testing.assert_allclose(
        layer(inputs, coefficients),
        by_stock(layer, inputs, coefficients),
        atol=1e-5,
    )


def gradients(layer, inputs, coefficients):
    inputs, coefficients = map(tf.convert_to_tensor, (inputs, coefficients))
    with tf.GradientTape() as tape:
        tape.watch([inputs, coefficients])
        outputs = layer(inputs, coefficients)
        loss = tf.reduce_sum(outputs**2)
    variables = [v.value for v in layer.trainable_variables]
    return tape.gradient(loss, [inputs, coefficients, *variables])


@every_case
@pytest.mark.parametrize("batch, others", [(4, "per_image"), (1, "synthesize")])
def test_gradients_agree(make, arguments, batch, others):
    layer = build(make, method="sum", **arguments)
    inputs = draw(batch)
    expected = gradients(layer, *inputs)
    got = gradients(with_method(layer, others), *inputs)
    assert len(expected) == 3 + layer.use_bias
    for one, other in zip(expected, got, strict=True):
        assert np.any(one)
        np.testing.assert_allclose(one, other, atol=1e-4)


@both
def test_a_batch_whose_size_is_known_at_run_time_only(make):
    layer = build(make, kernel_size=3, strides=2)
    traces = []

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, CHANNELS)),
            tf.TensorSpec((None, BASES)),
        ]
    )
    def run(inputs, coefficients):
        traces.append(1)
        return layer(inputs, coefficients), gradients(
            layer, inputs, coefficients
        )

    for batch, height in ((1, 7), (3, 8)):
        inputs, coefficients = draw(batch, height)
        outputs, found = run(inputs, coefficients)
        expected = by_stock(layer, inputs, coefficients)
        np.testing.assert_allclose(outputs, expected, atol=1e-5)
        for one, other in zip(
            gradients(layer, inputs, coefficients), found, strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-4)
    assert len(traces) == 1


@both
def test_auto_takes_the_method_for_the_batch(make, monkeypatch):
    layer = build(make)
    taken = []
    for method in ("_synthesize", "_per_image", "_sum_of_convolutions"):

        def note(*inputs, method=method):
            taken.append(method)
            return getattr(type(layer), method)(layer, *inputs)

        monkeypatch.setattr(layer, method, note)
    layer(*draw(batch=1))
    layer(*draw(batch=2))
    assert taken == ["_synthesize", "_per_image"]


@both
def test_a_synthesized_kernel_is_for_one_image(make):
    layer = build(make, method="synthesize")
    with pytest.raises(ValueError, match="`method=.synthesize.`.*of 2"):
        layer(*draw(batch=2))

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 7, 6, CHANNELS)),
            tf.TensorSpec((None, BASES)),
        ]
    )
    def run(inputs, coefficients):
        return layer(inputs, coefficients)

    run(*draw(batch=1))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(*draw(batch=2))


@both
def test_bases_start_independently(make):
    for initializer in (
        "he_normal",
        keras.initializers.HeNormal(seed=3),
        keras.initializers.HeNormal(seed=keras.random.SeedGenerator(3)),
    ):
        layer = make(kernel_size=3, kernel_initializer=initializer)
        layer.build((None, 7, 7, CHANNELS))
        kernel = np.asarray(layer.kernel)
        for one in range(BASES):
            for other in range(one):
                assert not np.allclose(kernel[one], kernel[other])


def test_a_basis_starts_as_a_kernel_of_the_stock_layer():
    basis = BasisConv2D(64, 3, num_bases=8)
    basis.build((None, 7, 7, 64))
    deviation = np.asarray(basis.kernel).std(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(deviation, np.sqrt(2 / (9 * 64)), rtol=0.05)
    basis = BasisDepthwiseConv2D(3, num_bases=8)
    basis.build((None, 7, 7, 64))
    stock_layer = keras.layers.DepthwiseConv2D(3)
    stock_layer.build((None, 7, 7, 64))
    np.testing.assert_allclose(
        np.asarray(basis.kernel).std(axis=(1, 2, 3, 4)),
        np.asarray(stock_layer.kernel).std(),
        rtol=0.15,
    )


def test_initializers_without_a_seed():
    for initializer in (keras.initializers.Ones(), keras.initializers.Zeros()):
        again = basis_convolution.independent(initializer, 2)
        assert type(again) is type(initializer)


@both
def test_routing_makes_coefficients_of_the_input(make):
    layer = build(make, routing="sigmoid")
    inputs, _ = draw()
    pooled = inputs.mean(axis=(1, 2))
    logits = pooled @ np.asarray(layer.routing_kernel)
    expected = 1 / (1 + np.exp(-logits - np.asarray(layer.routing_bias)))
    np.testing.assert_allclose(
        layer(inputs), layer(inputs, expected.astype("float32")), atol=1e-5
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs) ** 2)
    found = tape.gradient(loss, [v.value for v in layer.trainable_variables])
    assert all(np.any(gradient) for gradient in found)


@both
def test_config(make):
    layer = make(
        kernel_size=3,
        strides=2,
        padding="valid",
        use_bias=True,
        routing="sigmoid",
        method="sum",
        kernel_initializer="ones",
        name="basis",
        dtype="mixed_float16",
    )
    config = layer.get_config()
    base = basis_convolution.BasisConvolution
    names = set(inspect.signature(base).parameters) - {"kwargs"}
    own = contracts.constructor_arguments(layer) - {"args"}
    assert names | own <= set(config)
    serialized = json.loads(
        json.dumps(keras.saving.serialize_keras_object(layer))
    )
    assert serialized["registered_name"].startswith("keras_elastic>")
    loaded = keras.saving.deserialize_keras_object(serialized)
    assert loaded.get_config() == config


@both
@pytest.mark.parametrize("method", ["per_image", "sum"])
def test_mixed_precision(make, method):
    exact = build(make, method=method)
    mixed = build(make, method=method, dtype="mixed_float16")
    inputs, coefficients = draw()
    got = mixed(inputs, coefficients)
    assert got.dtype == "float16"
    assert all(v.dtype == "float32" for v in mixed.variables)
    np.testing.assert_allclose(
        got, exact(inputs, coefficients), rtol=0.02, atol=0.02
    )


@both
def test_compiles_under_xla(make):
    layer = build(make, kernel_size=3)
    run = tf.function(layer, jit_compile=True)
    for batch in (1, 3):
        inputs, coefficients = draw(batch)
        np.testing.assert_allclose(
            run(inputs, coefficients), layer(inputs, coefficients), atol=1e-4
        )


@both
def test_errors(make):
    with pytest.raises(ValueError, match="`num_bases` must be a positive"):
        BasisConv2D(3, 1, num_bases=0)
    with pytest.raises(ValueError, match="`filters` must be a positive"):
        BasisConv2D(0, 1, num_bases=2)
    with pytest.raises(ValueError, match="`method` must be one of.*'sum'"):
        make(method="magic")
    with pytest.raises(ValueError, match="`padding` must be one of.*'valid'"):
        make(padding="causal")
    layer = build(make)
    inputs, coefficients = draw()
    with pytest.raises(ValueError, match="needs `coefficients`.*routing"):
        layer(inputs)
    for wrong in (
        coefficients[:, 1:],
        coefficients[:2],
        coefficients[:, None],
        coefficients[0],
    ):
        with pytest.raises(ValueError, match=r"\(batch, 3\).*Received"):
            layer(inputs, wrong)


@both
def test_channels_first_is_refused(make):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels_last"):
            build(make)
    finally:
        keras.config.set_image_data_format("channels_last")
