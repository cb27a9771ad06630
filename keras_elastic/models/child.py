"""The child: an architecture as a model of stock Keras layers."""

import functools

import keras

from keras_elastic import checks
from keras_elastic.layers.elastic_shortcut import PROJECTION_INITIALIZER
from keras_elastic.layers.elastic_squeeze_excite import ONE_PLUS_TANH
from keras_elastic.models import class_names
from keras_elastic.spaces import Plan
from keras_elastic.spaces import plan as primitives


@checks.arguments(plan=checks.PLAN, name=checks.STRING | checks.NONE)
def build_child(plan: Plan, name: str | None = None) -> keras.Model:
    """Builds a plan over integers from stock layers, with new weights.

    Args:
        plan: `Plan` of an `Architecture`.
        name: String. Name of the model.

    Returns:
        A functional model from pixels in 0..255 of shape
        (batch, resolution, resolution, 3) to logits of shape (batch, classes).
    """
    layers = keras.layers
    inputs = keras.Input((plan.resolution, plan.resolution, 3), name="images")
    features = rescale(plan, inputs, layers)
    for block in plan.blocks:
        if block.live:
            features = build_block(block, features, layers)
    # Logits in float32, whatever the precision of the layers.
    logits = class_names.NamedClasses("linear", dtype="float32", name="logits")
    return class_names.Child(inputs, logits(features), name=name)


def rescale(plan, images, layers):
    """Makes of pixels in 0..255 what the first block of a plan reads."""
    layer = layers.Rescaling(plan.scale, plan.offset, name="rescaling")
    return layer(images)


def build_block(block, inputs, layers):
    """Builds a block of a plan on some inputs with stock layers.

    Args:
        block: `Block` of a plan over integers.
        inputs: Symbolic tensor.
        layers: The module `keras.layers`.

    Returns:
        Symbolic tensor.
    """

    def build(operations, features):
        for operation in operations:
            features = _build(operation, features, layers)
        return features

    features = build(block.operations, inputs)
    if block.shortcut is not None:
        shortcut = build(block.shortcut, inputs)
        add = layers.Add(name=f"{block.name}_add")
        features = add([features, shortcut])
    return build(block.after, features)


@functools.singledispatch
def _build(operation, inputs, layers):
    """Adds the stock layers of an operation."""
    raise NotImplementedError(type(operation).__name__)


def _pad(operation, window, inputs, layers):
    """Inputs and padding of the stock layer of an operation."""
    if operation.padding != "symmetric":
        return inputs, operation.padding
    # Where nothing is to be added, a layer would only cost time.
    if window > 1:
        pad = layers.ZeroPadding2D(window // 2, name=f"{operation.name}_pad")
        inputs = pad(inputs)
    return inputs, "valid"


@_build.register
def _(operation: primitives.Convolution, inputs, layers):
    inputs, padding = _pad(operation, operation.kernel_size, inputs, layers)
    return layers.Conv2D(
        operation.filters,
        operation.kernel_size,
        strides=operation.strides,
        padding=padding,
        use_bias=operation.use_bias,
        kernel_initializer="he_normal",
        name=operation.name,
    )(inputs)


@_build.register
def _(operation: primitives.DepthwiseConvolution, inputs, layers):
    inputs, padding = _pad(operation, operation.kernel_size, inputs, layers)
    return layers.DepthwiseConv2D(
        operation.kernel_size,
        strides=operation.strides,
        padding=padding,
        use_bias=False,
        name=operation.name,
    )(inputs)


@_build.register
def _(operation: primitives.Normalization, inputs, layers):
    return layers.BatchNormalization(
        epsilon=operation.epsilon, name=operation.name
    )(inputs)


@_build.register
def _(operation: primitives.GroupNormalization, inputs, layers):
    return layers.GroupNormalization(
        operation.channels // operation.group_size,
        epsilon=operation.epsilon,
        name=operation.name,
    )(inputs)


@_build.register
def _(operation: primitives.Activation, inputs, layers):
    return layers.Activation(operation.function, name=operation.name)(inputs)


@_build.register
def _(operation: primitives.SqueezeExcite, inputs, layers):
    name = operation.name
    pooled = layers.GlobalAveragePooling2D(
        keepdims=True, name=f"{name}_squeeze"
    )(inputs)
    narrow = layers.Conv2D(
        operation.reduced,
        1,
        activation=operation.activation,
        name=f"{name}_reduce",
    )(pooled)
    if operation.gate == ONE_PLUS_TANH:
        return _attend_by_tanh(operation, inputs, narrow, layers)
    gate = layers.Conv2D(
        operation.channels,
        1,
        activation=operation.gate,
        name=f"{name}_expand",
    )(narrow)
    return layers.Multiply(name=f"{name}_excite")([inputs, gate])


def _attend_by_tanh(operation, inputs, narrow, layers):
    """Multiplies by 1 + tanh z, of what every export knows: 2 sigmoid(2 z)."""
    name = operation.name
    gate = layers.Conv2D(
        operation.channels,
        1,
        kernel_initializer="zeros",
        name=f"{name}_expand",
    )(narrow)
    gate = layers.Rescaling(2.0, name=f"{name}_steeper")(gate)
    gate = layers.Activation("sigmoid", name=f"{name}_gate")(gate)
    gate = layers.Rescaling(2.0, name=f"{name}_factor")(gate)
    return layers.Multiply(name=f"{name}_excite")([inputs, gate])


@_build.register
def _(operation: primitives.MaxPooling, inputs, layers):
    inputs, padding = _pad(operation, operation.pool_size, inputs, layers)
    return layers.MaxPooling2D(
        operation.pool_size,
        strides=operation.strides,
        padding=padding,
        name=operation.name,
    )(inputs)


@_build.register
def _(operation: primitives.AveragePooling, inputs, layers):
    return layers.AveragePooling2D(
        operation.strides, padding=operation.padding, name=operation.name
    )(inputs)


@_build.register
def _(operation: primitives.GlobalPooling, inputs, layers):
    return layers.GlobalAveragePooling2D(name=operation.name)(inputs)


@_build.register
def _(operation: primitives.Dropout, inputs, layers):
    return layers.Dropout(operation.rate, name=operation.name)(inputs)


@_build.register
def _(operation: primitives.Dense, inputs, layers):
    return layers.Dense(
        operation.units, use_bias=operation.use_bias, name=operation.name
    )(inputs)


@_build.register
def _(operation: primitives.Shortcut, inputs, layers):
    features = inputs
    if operation.strides > 1:
        features = layers.AveragePooling2D(
            operation.strides, padding="same", name=f"{operation.name}_pool"
        )(features)
    if operation.project:
        features = layers.Conv2D(
            operation.filters,
            1,
            use_bias=False,
            kernel_initializer=PROJECTION_INITIALIZER,
            name=operation.name,
        )(features)
    return features
