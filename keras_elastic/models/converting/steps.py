"""How each Keras layer is read: as steps, each an operation of a plan."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic.models.converting.graph import Node


@dataclasses.dataclass(eq=False)
class Step:
    """An operation of the plan to be.

    Args:
        kind: Name of a method of `PlanBuilder`; or "affine", "flatten" and
            "pad", which become part of other steps.
        name: Name of the Keras layer.
        arguments: Arguments of the method, apart from name and filters.
        weights: Arrays by the names that the supernet's layer gives them.
        filters: Number of output channels, or `None` for those of the input.
        group: The channels of the output, see `Channels`.
        begins_head: Boolean. Whether no map is left behind it.
        described: Kind and name of the layer, for messages.
    """

    kind: str
    name: str
    arguments: dict
    weights: dict = dataclasses.field(default_factory=dict)
    filters: int | None = None
    group: Any = None
    begins_head: bool = False
    described: str = ""

    @property
    def strides(self):
        """Strides of the operation."""
        return self.arguments.get("strides", 1)

    @property
    def window(self):
        """Height of what the operation reads at once."""
        of_pooling = self.arguments.get("pool_size", self.strides)
        return self.arguments.get("kernel_size", of_pooling)


def refuse(read, why, fix="Leave it out, or write it with other layers."):
    """Raises the `ValueError` of a layer that cannot be read."""
    raise ValueError(
        f"`model` must have layers that a supernet can hold: {why}. "
        f"Received: {read.described}. {fix}"
    )


def read_steps(node: Node) -> list[Step]:
    """Reads an operation of one input.

    Args:
        node: `Node`.

    Returns:
        List of steps, empty for a layer that does nothing at inference.

    Raises:
        ValueError: The operation has no reader, or arguments that have none.
    """
    kind = type(node.operation)
    name = kind.__name__
    if not kind.__module__.startswith("keras."):
        refuse(node, "layers of one's own have no reader")
    if getattr(node.operation, "data_format", None) == "channels_first":
        refuse(
            node,
            "channels come last",
            "Build the model with `data_format='channels_last'`.",
        )
    if name in _NOTHING:
        return []
    if name not in _READERS:
        refuse(node, f"layers of the kind {name} have no reader")
    steps = _READERS[name](node)
    for step in steps:
        step.described = node.described
    return steps


# What changes training only, or the shape of what has one pixel.
_NOTHING = (
    "ActivityRegularization",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "SpatialDropout2D",
)


def _square(node, value, what):
    value = (value, value) if isinstance(value, int) else tuple(value)
    if value[0] != value[1]:
        refuse(node, f"its {what} must be square")
    return value[0]


def _numbers(variable):
    return ops.convert_to_numpy(variable).astype("float32")


def _activation(name, function, node):
    """The step of an activation, or none for the linear."""
    function = function or keras.activations.linear
    identifier = keras.activations.serialize(function)
    if identifier == "linear":
        return []
    if not isinstance(identifier, str):
        refuse(node, "an activation must be one of `keras.activations`")
    return [Step("activation", name, {"function": identifier})]


def _with_activation(steps, node):
    layer = node.operation
    name = f"{layer.name}_activation"
    return [*steps, *_activation(name, layer.activation, node)]


def _bias(layer, filters):
    """The bias of a layer, which is zero where it has none."""
    bias = _numbers(layer.bias) if layer.use_bias else np.zeros(filters, "f")
    return {"bias": bias}


def _check_convolution(node):
    layer = node.operation
    if getattr(layer, "groups", 1) != 1:
        refuse(node, f"grouped convolutions have no reader ({layer.groups})")
    if set(layer.dilation_rate) != {1}:
        refuse(node, "dilated convolutions have no reader")
    if getattr(layer, "depth_multiplier", 1) != 1:
        refuse(node, "`depth_multiplier` must be 1")
    if layer.padding not in ("same", "valid"):
        refuse(node, "its padding must be 'same' or 'valid'")


def _convolution(node):
    _check_convolution(node)
    layer = node.operation
    arguments = {
        "kernel_size": _square(node, layer.kernel_size, "kernel"),
        "strides": _square(node, layer.strides, "strides"),
        "padding": layer.padding,
        "use_bias": bool(layer.use_bias),
    }
    weights = {"kernel": _numbers(layer.kernel)}
    if layer.use_bias:
        weights["bias"] = _numbers(layer.bias)
    step = Step("convolution", layer.name, arguments, weights, layer.filters)
    return _with_activation([step], node)


def _depthwise(node, kernel_name="kernel", **weights):
    _check_convolution(node)
    layer = node.operation
    arguments = {
        "kernel_size": _square(node, layer.kernel_size, "kernel"),
        "strides": _square(node, layer.strides, "strides"),
        "padding": layer.padding,
    }
    weights["kernel"] = _numbers(getattr(layer, kernel_name))
    return Step("depthwise_convolution", layer.name, arguments, weights)


def _depthwise_convolution(node):
    layer = node.operation
    # A bias, until the normalization that follows takes it.
    bias = {"bias": _numbers(layer.bias)} if layer.use_bias else {}
    return _with_activation([_depthwise(node, **bias)], node)


def _separable_convolution(node):
    layer = node.operation
    first = _depthwise(node, "depthwise_kernel")
    first.name = f"{layer.name}_depthwise"
    arguments = {"kernel_size": 1, "use_bias": bool(layer.use_bias)}
    weights = {"kernel": _numbers(layer.pointwise_kernel)}
    if layer.use_bias:
        weights["bias"] = _numbers(layer.bias)
    second = Step(
        "convolution",
        f"{layer.name}_pointwise",
        {**arguments, "strides": 1, "padding": "same"},
        weights,
        layer.filters,
    )
    return _with_activation([first, second], node)


def _normalization(node):
    layer = node.operation
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    shape = layer.input.shape
    if axis % len(shape) != len(shape) - 1:
        refuse(node, "channels come last, and normalization is of them")
    channels = shape[-1]
    mean, variance = map(_numbers, (layer.moving_mean, layer.moving_variance))
    gamma = _numbers(layer.gamma) if layer.scale else np.ones(channels, "f")
    beta = _numbers(layer.beta) if layer.center else np.zeros(channels, "f")
    weights = {
        "gamma": gamma,
        "beta": beta,
        "statistics": np.stack([mean, variance]),
    }
    arguments = {"epsilon": float(layer.epsilon)}
    return [Step("normalization", layer.name, arguments, weights)]


def _relu(node):
    layer = node.operation
    most, slope, threshold = (
        None if value is None else float(value)
        for value in (layer.max_value, layer.negative_slope, layer.threshold)
    )
    names = {None: "relu", 6.0: "relu6"}
    if most not in names or slope or threshold:
        refuse(node, "a ReLU has no slope, and 6 or nothing as its maximum")
    return [Step("activation", layer.name, {"function": names[most]})]


def _leaky_relu(node):
    if abs(float(node.operation.negative_slope) - 0.2) > 1e-9:
        refuse(node, "a leaky ReLU must have the slope 0.2")
    function = {"function": "leaky_relu"}
    return [Step("activation", node.name, function)]


def _activation_layer(node):
    return _activation(node.name, node.operation.activation, node)


def _dense(node):
    layer = node.operation
    if getattr(layer, "lora_enabled", False):
        refuse(node, "layers with LoRA have no reader")
    weights = {"kernel": _numbers(layer.kernel)}
    if layer.use_bias:
        weights["bias"] = _numbers(layer.bias)
    arguments = {"use_bias": bool(layer.use_bias)}
    step = Step("dense", layer.name, arguments, weights, layer.units)
    return _with_activation([step], node)


def _pooling(kind):
    def read(node):
        layer = node.operation
        size = _square(node, layer.pool_size, "window")
        strides = _square(node, layer.strides, "strides")
        arguments = {"strides": strides, "padding": layer.padding}
        if kind == "max_pooling":
            arguments["pool_size"] = size
        elif size != strides:
            refuse(node, "an average pooling is of squares like its strides")
        return [Step(kind, layer.name, arguments)]

    return read


def _global_pooling(node):
    return [Step("global_pooling", node.name, {})]


def _dropout(node):
    return [Step("dropout", node.name, {"rate": float(node.operation.rate)})]


def _padding(node):
    (top, bottom), (left, right) = node.operation.padding
    if (top, bottom) != (left, right):
        refuse(node, "height and width must be padded alike")
    return [Step("pad", node.name, {"pad": (top, bottom)})]


def _flatten(node):
    return [Step("flatten", node.name, {"shape": None})]


def _reshape(node):
    shape = tuple(node.operation.target_shape)
    return [Step("flatten", node.name, {"shape": shape})]


def _rescaling(node):
    layer = node.operation
    return [_affine(node, np.array(layer.scale), np.array(layer.offset))]


def _input_normalization(node):
    layer = node.operation
    mean = np.ravel(ops.convert_to_numpy(layer.mean)).astype("float64")
    variance = np.ravel(ops.convert_to_numpy(layer.variance))
    deviation = np.maximum(
        np.sqrt(variance.astype("float64")), keras.config.epsilon()
    )
    if layer.invert:
        return [_affine(node, deviation, mean)]
    return [_affine(node, 1 / deviation, -mean / deviation)]


def _affine(node, scale, offset):
    values = {"scale": np.asarray(scale), "offset": np.asarray(offset)}
    return Step("affine", node.name, values)


def _arithmetic(node):
    """An addition or a product of a tensor and a number."""
    if len(node.constants) != 1:
        refuse(node, "arithmetic must be of one tensor and one number")
    (value,) = node.constants
    kind = type(node.operation).__name__
    if node.number_first and kind not in ("Add", "Multiply"):
        refuse(node, "a number minus, or divided by, a tensor has no reader")
    if kind in ("Divide", "TrueDivide"):
        return [_affine(node, 1 / value, 0.0)]
    if kind == "Multiply":
        return [_affine(node, value, 0.0)]
    return [_affine(node, 1.0, -value if kind == "Subtract" else value)]


_READERS = {
    "Activation": _activation_layer,
    "Add": _arithmetic,
    "AveragePooling2D": _pooling("average_pooling"),
    "BatchNormalization": _normalization,
    "Conv2D": _convolution,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise_convolution,
    "Divide": _arithmetic,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_pooling,
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": _pooling("max_pooling"),
    "Multiply": _arithmetic,
    "Normalization": _input_normalization,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "SeparableConv2D": _separable_convolution,
    "Softmax": lambda node: [
        Step("activation", node.name, {"function": "softmax"})
    ],
    "Subtract": _arithmetic,
    "TrueDivide": _arithmetic,
    "ZeroPadding2D": _padding,
}
