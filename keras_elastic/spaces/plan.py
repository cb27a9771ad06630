"""The plan: the blocks of primitives that one architecture stands for.

A family writes it with the `PlanBuilder` of `plan_builder.py`. Every number in
a plan may be an integer (one architecture), a NumPy array (many architectures)
or a tensor (an architecture that is known at run time only); readers take what
they need.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras_elastic.spaces.arithmetic import ceil_divide


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution. `size` is its input's height.

    `padding`: "same" and "valid" as in Keras; "symmetric" adds half of the
    kernel in zeros on each side, which other libraries call padding k // 2.
    """

    name: str
    in_channels: Any
    filters: Any
    kernel_size: Any
    strides: int
    use_bias: bool
    padding: str
    size: Any


@dataclasses.dataclass(frozen=True)
class DepthwiseConvolution:
    """A depthwise convolution without bias.

    `kernel_transform`: smaller kernels are learned linear maps of the center
    of larger ones (OFA), and not the center itself. `padding`: as that of
    `Convolution`.
    """

    name: str
    channels: Any
    kernel_size: Any
    strides: int
    kernel_transform: bool
    size: Any
    padding: str = "same"


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Batch normalization. `zero_gamma`: gamma starts at zero."""

    name: str
    channels: Any
    epsilon: float
    zero_gamma: bool


@dataclasses.dataclass(frozen=True)
class GroupNormalization:
    """Normalization of groups of `group_size` channels, image by image."""

    name: str
    channels: Any
    group_size: int
    epsilon: float
    zero_gamma: bool


@dataclasses.dataclass(frozen=True)
class Activation:
    """An activation, by the name that Keras gives it."""

    name: str
    function: str


@dataclasses.dataclass(frozen=True)
class SqueezeExcite:
    """Channel attention: pool, reduce, activation, expand, gate, multiply.

    `gate`: name of an activation, or "one_plus_tanh".
    """

    name: str
    channels: Any
    reduced: Any
    activation: str
    gate: str
    size: Any


@dataclasses.dataclass(frozen=True)
class MaxPooling:
    """Max pooling. `padding`: as `Convolution`; "symmetric" pads zeros."""

    name: str
    channels: Any
    pool_size: int
    strides: int
    size: Any
    padding: str = "same"


@dataclasses.dataclass(frozen=True)
class AveragePooling:
    """Average pooling of squares as large as the strides.

    `padding`: "same" or "valid".
    """

    name: str
    channels: Any
    strides: int
    size: Any
    padding: str = "same"


@dataclasses.dataclass(frozen=True)
class GlobalPooling:
    """The mean over height and width."""

    name: str


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Dropout of features. The supernet drops for the largest subnet only."""

    name: str
    channels: Any
    rate: float


@dataclasses.dataclass(frozen=True)
class Dense:
    """A fully connected layer."""

    name: str
    in_channels: Any
    units: Any
    use_bias: bool


@dataclasses.dataclass(frozen=True)
class Shortcut:
    """The residual path: average pool if strided, 1x1 where widths differ.

    `project` says whether the widths differ: a `bool`, an array or a tensor.
    """

    name: str
    in_channels: Any
    filters: Any
    strides: int
    project: Any
    size: Any


@dataclasses.dataclass(frozen=True)
class Block:
    """Operations that are skipped together where `live` does not hold.

    `operations` make the residual path, or all there is. `shortcut` makes what
    is added to it from the block's input: `()` for the input itself, `None`
    for no addition. `after` follows the addition.
    """

    name: str
    live: Any
    operations: tuple
    shortcut: tuple | None
    after: tuple
    in_channels: Any
    out_channels: Any
    size: Any
    out_size: Any

    @property
    def every_operation(self) -> tuple:
        """All operations, of the residual path, the shortcut and after."""
        return (*self.operations, *(self.shortcut or ()), *self.after)


# Pixels in 0..255 become numbers in -1..1, unless a family says otherwise.
PIXEL_SCALE = 1 / 127.5
PIXEL_OFFSET = -1.0
# How images are brought to a resolution.
RESIZES = ("bicubic", "bilinear")


@dataclasses.dataclass(frozen=True)
class Plan:
    """The network of an architecture: a chain of blocks.

    The first block reads `pixels * scale + offset`, of pixels in 0..255; each
    is a number, or a tuple with one for each channel. Images of another size
    are resized first, by the interpolation `resize`: "bicubic" or "bilinear".
    """

    resolution: Any
    blocks: tuple[Block, ...]
    scale: float | tuple[float, ...] = PIXEL_SCALE
    offset: float | tuple[float, ...] = PIXEL_OFFSET
    resize: str = "bicubic"

    @property
    def classifier(self) -> str:
        """Name of the last operation, which makes the logits."""
        return self.blocks[-1].operations[-1].name

    def map_operations(self, function: Callable) -> "Plan":
        """Returns the plan of what a function makes of each operation."""

        def mapped(operations):
            return operations and tuple(map(function, operations))

        blocks = tuple(
            dataclasses.replace(
                block,
                operations=mapped(block.operations),
                shortcut=mapped(block.shortcut),
                after=mapped(block.after),
            )
            for block in self.blocks
        )
        return dataclasses.replace(self, blocks=blocks)


def out_size(operation) -> Any:
    """Height of the output of a strided operation."""
    size = operation.size
    if getattr(operation, "padding", "same") == "valid":
        size = size - _window(operation) + 1
    # Symmetric padding of an odd window leaves the size of "same". Without
    # strides it is the same object: readers see that it does not change.
    if operation.strides == 1:
        return size
    return ceil_divide(size, operation.strides)


def _window(operation):
    """Height of what a strided operation reads at once."""
    if isinstance(operation, MaxPooling):
        return operation.pool_size
    if isinstance(operation, AveragePooling):
        return operation.strides
    return operation.kernel_size
