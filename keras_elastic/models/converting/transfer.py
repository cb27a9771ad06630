"""The weights of a Keras model for a network of the same architecture.

Both are written as plans, and the two plans are read side by side: what one
computes the other must, step by step. How the model pads, where a bottleneck
strides, whether a convolution has a bias and what epsilon is, is the model's.
"""

import dataclasses
import functools
import itertools
import math

import keras
import numpy as np

from keras_elastic.models import class_names
from keras_elastic.models.converting.elastic import convert
from keras_elastic.models.converting.elastic import load_model
from keras_elastic.models.converting.named import pixels_of
from keras_elastic.spaces import ceil_divide
from keras_elastic.spaces import plan as primitives

# The functions of keras.applications that build networks of this package.
APPLICATIONS = {
    "efficientnet_b0": "EfficientNetB0",
    "mobilenet_v1": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_large": "MobileNetV3Large",
    "mobilenet_v3_small": "MobileNetV3Small",
    "resnet50": "ResNet50",
    "vgg16": "VGG16",
}
PIXELS = ("scale", "offset", "channel_order")
# What no step of the other plan stands for: it has no weights, and does
# nothing at inference, or its place says nothing.
_LEFT_OUT = (primitives.Dropout, primitives.GlobalPooling)
# Fields that say what a step computes, beside its kind.
_SIZES = (
    "in_channels",
    "channels",
    "filters",
    "units",
    "reduced",
    "kernel_size",
    "pool_size",
)


class Source:
    """A model that gives its weights to a network of the same architecture.

    Args:
        name: String. The network's name.
        model: `keras.Model`, or the path of a `.keras` file.
        **pixels: `scale`, `offset` and `channel_order` of
            `keras_elastic.elastic`. Default to what the model's own layers
            do, or, where it has none, to what `preprocess_input` beside the
            network of keras.applications does.

    Raises:
        ValueError: The model cannot be read.
    """

    def __init__(self, name, model, **pixels):
        try:
            model = load_model(model)
            family, self._weights, self.classes = _read(name, model, pixels)
        except ValueError as error:
            raise ValueError(
                f"`weights` must be a model like '{name}'. Received: one that "
                f"cannot be read. {error}"
            ) from error
        self._name = name
        self._plan = family.plan(family.space.largest, self.classes)
        self.resolution = self._plan.resolution
        self.class_names = class_names.find(model)

    def plan_like(self, plan):
        """A plan of the names of another, as the model computes it.

        Args:
            plan: `Plan` over integers.

        Raises:
            ValueError: The model is of another architecture.
        """
        plan = _with_plain_shortcuts(plan)
        ours, theirs = list(_steps(plan)), list(_steps(self._plan))
        for mine, other in zip(ours, theirs, strict=False):
            if _key(mine) != _key(other):
                self._refuse(f"{_described(mine)} here, {_described(other)}")
        if len(ours) != len(theirs):
            self._refuse(f"{len(ours)} steps here, {len(theirs)} steps")
        named = {
            mine.name: (mine, other)
            for mine, other in zip(ours, theirs, strict=True)
            if not isinstance(mine, str)
        }
        self._check_strides(plan, named)
        self._names = {n: other.name for n, (_, other) in named.items()}

        def changed(operation):
            if operation.name not in named:
                return operation
            return dataclasses.replace(
                named[operation.name][1], name=operation.name
            )

        return dataclasses.replace(
            plan.map_operations(changed),
            scale=self._plan.scale,
            offset=self._plan.offset,
        )

    def _check_strides(self, plan, named):
        """Bottlenecks may stride at another place, and no block otherwise."""
        for block in plan.blocks:
            for chain in (block.operations, block.shortcut or ()):
                pairs = [named[o.name] for o in chain if o.name in named]
                mine = _strides(ours for ours, _ in pairs)
                others = _strides(theirs for _, theirs in pairs)
                if mine != others:
                    self._refuse(
                        f"strides of {mine} in '{block.name}' here, of {others}"
                    )

    def _refuse(self, difference):
        raise ValueError(
            f"`weights` must be a model of the architecture of '{self._name}'. "
            f"Received: another one; the first difference is {difference} "
            "there. Build it with the network's own arguments, or make a "
            "supernet of it with `keras_elastic.elastic`."
        )

    def give(self, plan, model):
        """Sets the weights of a model that was built of `plan_like`."""
        for block in plan.blocks:
            for operation in block.every_operation:
                read = self._weights.get(self._names.get(operation.name))
                if read:
                    _assign(operation, model, read)


def _read(name, model, pixels):
    whole = {"width": (1.0,), "hidden": (1.0,), "depth": 1, "kernel_size": 99}
    size = model.input_shape[1]
    whole["resolution"] = None if size is None else (size,)
    if not pixels and name in APPLICATIONS:
        family, *_ = convert(model, **whole)
        if (family.scale, family.offset) == (1.0, 0.0):
            build = getattr(keras.applications, APPLICATIONS[name])
            pixels = pixels_of(build)
    return convert(model, **whole, **pixels)


def _with_plain_shortcuts(plan):
    """A plan over integers whose shortcuts are the operations they stand for.

    The layers of its child have the same names.
    """
    blocks = [
        dataclasses.replace(
            block,
            shortcut=block.shortcut
            and tuple(itertools.chain(*map(_plain_shortcut, block.shortcut))),
        )
        for block in plan.blocks
    ]
    return dataclasses.replace(plan, blocks=tuple(blocks))


def _plain_shortcut(operation):
    if not isinstance(operation, primitives.Shortcut):
        yield operation
        return
    name, strides = operation.name, operation.strides
    channels, size = operation.in_channels, operation.size
    if strides > 1:
        yield primitives.AveragePooling(f"{name}_pool", channels, strides, size)
    if operation.project:
        size = ceil_divide(size, strides)
        yield primitives.Convolution(
            name, channels, operation.filters, 1, 1, False, "same", size
        )


def _steps(plan):
    """The operations of a plan, and where paths part and meet, in order."""
    for block in plan.blocks:
        if not block.live:
            continue
        yield from _kept(block.operations)
        if block.shortcut is not None:
            yield "a shortcut"
            yield from _kept(block.shortcut)
            yield "an addition"
        yield from _kept(block.after)


def _kept(operations):
    return [o for o in operations if not isinstance(o, _LEFT_OUT)]


def _key(step):
    """What must be equal in both plans."""
    if isinstance(step, str):
        return step
    functions = [
        keras.activations.get(getattr(step, field))
        for field in ("function", "activation", "gate")
        if hasattr(step, field)
    ]
    return type(step), _sizes(step), functions


def _sizes(step):
    return {n: getattr(step, n) for n in _SIZES if hasattr(step, n)}


def _strides(operations):
    return math.prod(getattr(o, "strides", 1) for o in operations)


def _described(step):
    if isinstance(step, str):
        return step
    sizes = ", ".join(f"{name}={size}" for name, size in _sizes(step).items())
    function = getattr(step, "function", "")
    return f"{type(step).__name__} '{step.name}' ({sizes or function})"


@functools.singledispatch
def _assign(operation, model, read):
    """Assigns the weights of an operation to the layers of a child."""
    values = [read["kernel"], *([read["bias"]] if "bias" in read else [])]
    model.get_layer(operation.name).set_weights(values)


@_assign.register
def _(operation: primitives.Normalization, model, read):
    values = [read["gamma"], read["beta"], *read["statistics"]]
    model.get_layer(operation.name).set_weights(values)


@_assign.register
def _(operation: primitives.SqueezeExcite, model, read):
    for part in ("reduce", "expand"):
        layer = model.get_layer(f"{operation.name}_{part}")
        kernel = read[part]["kernel"].reshape(layer.kernel.shape)
        bias = read[part].get("bias", np.zeros(kernel.shape[-1], "float32"))
        layer.set_weights([kernel, bias])
