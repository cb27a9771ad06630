"""What every layer, supernet and child must prove, written once.

Call `check_elastic_layer`, `check_supernet` and `check_child` with what is
particular to the one under test.
"""

import dataclasses
import inspect
import json
import math
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.models import Supernet
from keras_elastic.spaces import costs

# Elastic layers


@dataclasses.dataclass(frozen=True)
class Choice:
    """One choice of an elastic layer.

    Args:
        live: Integer. Live channels of the input.
        out: Integer. Live channels of the output.
        arguments: Call arguments, integers and booleans by name.
        sliced: Positional arguments of `sliced_weights`, or `None` where the
            choice has no weights.
    """

    live: int
    out: int
    arguments: dict
    sliced: tuple | None


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """An elastic layer and its choices.

    Args:
        make: Function from keyword arguments (`mode`, `dtype`) to a new layer.
        shape: Shape of one input at the largest choice.
        choices: The choices to check.
        stock: Function from a built layer and a choice to the stock Keras
            layer, with weights, that the choice stands for.
        training: Whether the stock layer is called in training mode.
    """

    make: Callable
    shape: tuple
    choices: list
    stock: Callable
    training: bool = False

    @property
    def channels(self):
        return self.shape[-1]

    def build(self, seed=0, **arguments):
        """A layer with weights that differ from each other and from zero."""
        layer = self.make(**arguments)
        layer.build((None, *self.shape))
        randomize(layer, seed)
        return layer

    def inputs(self, choice, batch=3, seed=1):
        shape = (batch, *self.shape[:-1], choice.live)
        rng = np.random.default_rng(seed)
        return rng.normal(size=shape).astype("float32")

    def padded(self, inputs):
        return pad_channels(inputs, self.channels)


def randomize(model, seed=0):
    """Sets every weight to a random number, also those that start at zero."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        if variable.name == "gamma":
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            value = rng.normal(0, 0.5, shape)
        else:
            value = rng.normal(0, math.sqrt(2 / _fan_in(shape)), shape)
        variable.assign(value)


def sample(space, count, seed=0):
    """Random architectures of a space."""
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def _fan_in(shape):
    depthwise = len(shape) == 4 and shape[-1] == 1
    return math.prod(shape[:-2] if depthwise else shape[:-1])


def pad_channels(array, channels):
    """Adds zero channels, to be what a masked layer takes and gives."""
    array = np.asarray(array)
    missing = channels - array.shape[-1]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])


def padded_stock(layer, stock):
    """A stock convolution, behind the padding that Keras has no word for."""
    if layer.padding != "symmetric":
        return stock
    margin = stock.kernel_size[0] // 2
    return keras.Sequential([keras.layers.ZeroPadding2D(margin), stock])


def check_elastic_layer(case):
    """Runs the contract of elastic layers."""
    check_config(case)
    check_modes_agree(case)
    check_gradients(case)
    check_one_trace(case)
    check_xla(case)
    check_mixed_precision(case)
    check_errors(case)


def check_config(case):
    for mode in ("sliced", "masked"):
        layer = case.make(mode=mode, name="elastic", dtype="mixed_float16")
        config = layer.get_config()
        assert constructor_arguments(layer) <= set(config)
        again = type(layer).from_config(json.loads(json.dumps(config)))
        assert again.get_config() == config
        serialized = json.loads(
            json.dumps(keras.saving.serialize_keras_object(layer))
        )
        assert serialized["registered_name"].startswith("keras_elastic>")
        loaded = keras.saving.deserialize_keras_object(serialized)
        assert loaded.get_config() == config
        assert (loaded.mode, loaded.name) == (mode, "elastic")


def constructor_arguments(instance):
    """Names that the constructor takes, apart from those of the base."""
    parameters = inspect.signature(type(instance).__init__).parameters
    return set(parameters) - {"self", "kwargs"}


def check_modes_agree(case):
    """Masked, sliced and stock are equal; what is not live is zero."""
    sliced = case.build(mode="sliced")
    masked = case.build(mode="masked")
    for choice in case.choices:
        inputs = case.inputs(choice)
        stock = case.stock(sliced, choice)
        expected = np.asarray(stock(inputs, training=case.training))
        got = np.asarray(sliced(inputs, **choice.arguments))
        full = np.asarray(masked(case.padded(inputs), **choice.arguments))
        assert got.shape == expected.shape
        assert got.shape[-1] == choice.out
        np.testing.assert_allclose(got, expected, atol=1e-5)
        np.testing.assert_allclose(full[..., : choice.out], expected, atol=1e-5)
        assert not full[..., choice.out :].any()


def check_gradients(case):
    """Inactive weights get a gradient of exactly zero, and active ones not."""
    for mode in ("sliced", "masked"):
        layer = case.build(mode=mode)
        for choice in case.choices:
            active = active_weights(layer, choice)
            gradients = _gradients(case, layer, choice)
            for live, gradient in zip(active, gradients, strict=True):
                assert np.isfinite(gradient).all()
                assert not gradient[~live].any(), (mode, choice)
                assert not live.any() or gradient[live].any(), (mode, choice)


def _gradients(case, layer, choice):
    inputs = case.inputs(choice)
    if layer.mode == "masked":
        inputs = case.padded(inputs)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, **choice.arguments)
        loss = tf.reduce_sum(outputs * cotangent(outputs))
    variables = layer.trainable_variables
    gradients = tape.gradient(loss, variables)
    return [
        # An unused variable has no gradient, which is as good as zero.
        np.zeros(variable.shape)
        if gradient is None
        else tf.convert_to_tensor(gradient).numpy()
        for variable, gradient in zip(variables, gradients, strict=True)
    ]


def cotangent(outputs):
    """Weights of a loss, so that no gradient is zero by symmetry."""
    size = np.prod(outputs.shape)
    return np.sin(np.arange(size) + 1.0).reshape(outputs.shape).astype("f")


def active_weights(layer, choice):
    """Boolean arrays, one a variable: what `sliced_weights` takes."""
    variables = layer.trainable_variables
    before = [variable.numpy() for variable in variables]
    # Every weight gets a number of its own. Statistics may be 0 and 1.
    start, numbered = 2, []
    for variable in variables:
        stop = start + math.prod(variable.shape)
        numbered.append(np.arange(start, stop).reshape(variable.shape))
        variable.assign(numbered[-1])
        start = stop
    taken = [] if choice.sliced is None else _flat(layer, choice)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return [np.isin(numbers, taken) for numbers in numbered]


def _flat(layer, choice):
    weights = keras.tree.flatten(layer.sliced_weights(*choice.sliced))
    return np.concatenate([np.ravel(weight) for weight in weights])


def check_one_trace(case):
    """Sizes as tensors: one trace serves every choice."""
    layer = case.build(mode="sliced")
    traces = []

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *case.shape[:-1], None)),
            _size_specs(case),
        ],
        # As in a training: nothing branches on a tensor in Python.
        autograph=False,
    )
    def run(inputs, sizes):
        traces.append(1)
        return layer(inputs, **sizes)

    for choice in case.choices:
        inputs = case.inputs(choice)
        np.testing.assert_allclose(
            run(inputs, _tensors(choice)),
            layer(inputs, **choice.arguments),
            atol=1e-5,
        )
    assert len(traces) == 1


def _size_specs(case):
    return {
        name: tf.TensorSpec((), _type_of(value))
        for name, value in case.choices[0].arguments.items()
    }


def _tensors(choice):
    return {
        name: tf.constant(value, _type_of(value))
        for name, value in choice.arguments.items()
    }


def _type_of(value):
    return "bool" if isinstance(value, bool) else "int32"


def check_xla(case):
    """In mode "masked" one XLA program serves every choice, gradient too."""
    layer = case.build(mode="masked")
    sliced = case.build(mode="sliced")
    traces = []

    @tf.function(jit_compile=True, autograph=False)
    def run(inputs, sizes):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, **sizes)
            loss = tf.reduce_sum(outputs * cotangent(outputs))
        return outputs, tape.gradient(loss, inputs)

    for choice in case.choices:
        inputs = case.inputs(choice)
        padded = tf.constant(case.padded(inputs))
        outputs, gradient = run(padded, _tensors(choice))
        expected = pad_channels(
            sliced(inputs, **choice.arguments), outputs.shape[-1]
        )
        np.testing.assert_allclose(outputs, expected, atol=1e-4)
        assert np.isfinite(gradient).all()
    assert len(traces) == 1


def check_mixed_precision(case):
    """float16 outputs near those of float32, and float32 variables."""
    for mode in ("sliced", "masked"):
        exact = case.build(mode=mode)
        mixed = case.build(mode=mode, dtype="mixed_float16")
        for choice in case.choices[:2]:
            inputs = case.inputs(choice)
            if mode == "masked":
                inputs = case.padded(inputs)
            got = mixed(inputs, **choice.arguments)
            assert got.dtype == "float16"
            np.testing.assert_allclose(
                got, exact(inputs, **choice.arguments), rtol=0.02, atol=0.02
            )
        assert all(v.dtype == "float32" for v in mixed.variables)


def check_errors(case):
    """The errors that all elastic layers share."""
    with pytest.raises(ValueError, match="`mode` must be one of .*sliced"):
        case.make(mode="dynamic")
    _check_channel_errors(case)
    for mode in ("sliced", "masked"):
        _check_size_errors(case, case.build(mode=mode))
    if len(case.shape) == 3:
        _check_channels_first_error(case)


def _check_channel_errors(case):
    sliced, masked = case.build(mode="sliced"), case.build(mode="masked")
    more = np.ones((1, *case.shape[:-1], case.channels + 1), "float32")
    fewer = more[..., : case.channels - 1]
    with pytest.raises(ValueError, match=f"at most {case.channels} channels"):
        sliced(more)
    for inputs in (more, fewer):
        with pytest.raises(
            ValueError, match=rf"expects inputs of {case.channels} channels"
        ):
            masked(inputs)


def _check_size_errors(case, layer):
    inputs = np.ones((1, *case.shape), "float32")
    for name, value in case.choices[0].arguments.items():
        if isinstance(value, bool):
            continue
        largest = getattr(layer, name)
        for size in (0, -1, largest + 1):
            with pytest.raises(
                ValueError, match=rf"`{name}` must be in 1..{largest}.*{size}"
            ):
                layer(inputs, **{name: size})


def _check_channels_first_error(case):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels_last"):
            case.build()
    finally:
        keras.config.set_image_data_format("channels_last")


# Supernets


@dataclasses.dataclass(frozen=True)
class Pair:
    """A supernet in both modes, with the same weights.

    `run` is the sliced one in a `tf.function` over encoded architectures, and
    `traces` grows by one entry for each of its traces.
    """

    sliced: Supernet
    masked: Supernet
    run: Callable
    traces: list

    @property
    def space(self):
        return self.sliced.space


def make_pair(family, classes):
    """Makes a `Pair` with random weights."""
    sliced = Supernet(family, classes)
    randomize(sliced)
    masked = Supernet(family, classes, mode="masked")
    masked.set_weights(sliced.get_weights())
    traces = []

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 3)),
            tf.TensorSpec((len(sliced.space.genes),), "int32"),
        ],
        autograph=False,
    )
    def run(images, arch):
        traces.append(1)
        return sliced(images, arch, return_statistics=True)

    return Pair(sliced, masked, run, traces)


def random_images(count, size, seed=0):
    """Smooth noise, whose means differ from image to image."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(40, 215, (count, 1, 1, 3))
    noise = rng.normal(0, 30, (count, size, size, 3))
    return np.clip(base + noise, 0, 255).astype("float32")


def check_supernet(pair, archs, images, atol=1e-4):
    """Every way to run an architecture gives the same logits."""
    for arch in archs:
        encoded = pair.space.encode(arch)
        logits, statistics = pair.sliced(images, arch, return_statistics=True)
        dynamic, dynamic_statistics = pair.run(images, encoded)
        np.testing.assert_allclose(dynamic, logits, atol=atol)
        masked, masked_statistics = pair.masked(
            images, arch, return_statistics=True
        )
        np.testing.assert_allclose(masked, logits, atol=atol)
        np.testing.assert_allclose(
            pair.masked(images, encoded), logits, atol=atol
        )
        _check_statistics(statistics, dynamic_statistics)
        _check_statistics(statistics, masked_statistics)
        _check_child_of(pair.sliced, arch, statistics, images, logits, atol)
    assert len(pair.traces) == 1


def _check_statistics(expected, got):
    assert set(got) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, atol=1e-3, rtol=1e-4)


def _check_child_of(supernet, arch, statistics, images, logits, atol):
    """A child equals its subnet, in training and with given statistics."""
    child = supernet.child(arch, statistics)
    at_size = resize(images, arch.resolution)
    # In inference it uses the statistics of this batch, which it was given.
    np.testing.assert_allclose(
        child(at_size, training=False), logits, atol=atol
    )
    np.testing.assert_allclose(
        supernet(images, arch, statistics=statistics), logits, atol=atol
    )
    for layer in child.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    np.testing.assert_allclose(child(at_size, training=True), logits, atol=atol)


def resize(images, size):
    """What a supernet does to images, written a second time."""
    resized = tf.image.resize(images, (size, size), "bicubic", antialias=True)
    return np.clip(resized, 0, 255)


# Children


def check_child(child, plan, folder):
    """A child is stock, costs what the cost model says, and can be saved.

    Args:
        child: `keras.Model`, with weights that are not zero.
        plan: The plan over integers that it was built from.
        folder: `pathlib.Path` to write to.
    """
    check_stock(child)
    expected = costs(plan)
    assert count_params(child) == expected.params
    assert count_flops(child) == expected.flops
    check_no_dead_weights(child)
    check_saving(child, folder)


def check_stock(model):
    """Only layers that plain Keras can load."""
    for layer in model.layers:
        assert type(layer).__module__.startswith("keras."), layer
    config = json.dumps(keras.saving.serialize_keras_object(model))
    assert "keras_elastic" not in config


def count_params(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def count_flops(model):
    """Multiply-adds of one image, from the built layers alone."""
    return sum(_layer_flops(layer) for layer in model.layers)


def _layer_flops(layer):
    if isinstance(layer, keras.layers.Dense):
        return math.prod(layer.kernel.shape)
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        _, height, width, _ = layer.output.shape
        return math.prod(layer.kernel.shape) * height * width
    return 0


def check_no_dead_weights(child):
    """Every variable has an influence on the logits."""
    images = random_images(4, child.input_shape[1], seed=5)
    with tf.GradientTape() as tape:
        logits = child(images, training=False)
        loss = tf.reduce_sum(logits * cotangent(logits))
    variables = child.trainable_variables
    gradients = tape.gradient(loss, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.any(gradient), variable.path


def check_saving(child, folder):
    """A saved child answers alike after it is loaded."""
    path = folder / "child.keras"
    child.save(path)
    loaded = keras.saving.load_model(path)
    images = random_images(2, child.input_shape[1])
    np.testing.assert_allclose(
        loaded(images, training=False),
        child(images, training=False),
        atol=1e-6,
    )
