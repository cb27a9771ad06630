"""The plan: the blocks of primitives that one architecture stands for.

A family writes its plan with a `PlanBuilder`. Every number in a plan may be an
integer (one architecture), a NumPy array (many architectures) or a tensor (an
architecture that is known at run time only); readers take what they need.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

from keras_elastic.spaces.arithmetic import ceil_divide
from keras_elastic.spaces.arithmetic import where


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution with "same" padding. `size` is its input's height."""

    name: str
    in_channels: Any
    filters: Any
    kernel_size: Any
    strides: int
    use_bias: bool
    size: Any


@dataclasses.dataclass(frozen=True)
class DepthwiseConvolution:
    """A depthwise convolution with "same" padding and no bias."""

    name: str
    channels: Any
    kernel_size: Any
    strides: int
    size: Any


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Batch normalisation. `zero_gamma`: gamma starts at zero."""

    name: str
    channels: Any
    epsilon: float
    zero_gamma: bool


@dataclasses.dataclass(frozen=True)
class Activation:
    """An activation, by the name that Keras gives it."""

    name: str
    function: str


@dataclasses.dataclass(frozen=True)
class SqueezeExcite:
    """Channel attention: pool, reduce, activation, expand, gate, multiply."""

    name: str
    channels: Any
    reduced: Any
    activation: str
    gate: str
    size: Any


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
    """Operations that are skipped together where `live` does not hold."""

    name: str
    live: Any
    operations: tuple
    shortcut: Shortcut | None
    out_channels: Any


@dataclasses.dataclass(frozen=True)
class Plan:
    """The network of an architecture: a chain of blocks."""

    resolution: Any
    blocks: tuple[Block, ...]

    @property
    def classifier(self) -> str:
        """Name of the last operation, which makes the logits."""
        return self.blocks[-1].operations[-1].name


class PlanBuilder:
    """Writes a plan while it follows the channels and the size.

    Args:
        resolution: Input resolution in pixels.
        channels: Channels of the input image.

    Example:

    ```python
    builder = PlanBuilder(genes.resolution)
    with builder.block("stem"):
        builder.convolution("conv", genes.width[0], kernel_size=3, strides=2)
        builder.normalization("norm")
        builder.activation("swish")
    plan = builder.plan()
    ```
    """

    def __init__(self, resolution, channels=3):
        self.resolution = resolution
        self.size = resolution
        self.channels = channels
        self._blocks = []
        self._operations = []
        self._prefix = ""

    @contextlib.contextmanager
    def block(
        self, name: str, live: Any = True, shortcut_strides: int | None = None
    ) -> Iterator[None]:
        """Opens a block; what is added inside belongs to it.

        Args:
            name: String, prefix of the names of the block's operations.
            live: Whether the architecture has this block.
            shortcut_strides: The block's strides, for a residual block.
        """
        self._prefix, self._operations = name, []
        in_channels, in_size = self.channels, self.size
        yield
        shortcut = None
        if shortcut_strides is not None:
            shortcut = self._shortcut(in_channels, in_size, shortcut_strides)
        self._blocks.append(
            Block(name, live, tuple(self._operations), shortcut, self.channels)
        )
        self.channels = where(live, self.channels, in_channels)
        self.size = where(live, self.size, in_size)

    def _shortcut(self, in_channels, size, strides):
        # Widths that are one object are one gene: no choice can part them.
        same = in_channels is self.channels
        return Shortcut(
            name=f"{self._prefix}_shortcut",
            in_channels=in_channels,
            filters=self.channels,
            strides=strides,
            project=False if same else in_channels != self.channels,
            size=size,
        )

    def convolution(
        self, name, filters, kernel_size=1, strides=1, use_bias=False
    ):
        """Adds a convolution."""
        self._add(
            Convolution,
            name,
            in_channels=self.channels,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            use_bias=use_bias,
            size=self.size,
        )
        self.channels = filters
        self.size = ceil_divide(self.size, strides)

    def depthwise_convolution(self, name, kernel_size, strides=1):
        """Adds a depthwise convolution."""
        self._add(
            DepthwiseConvolution,
            name,
            channels=self.channels,
            kernel_size=kernel_size,
            strides=strides,
            size=self.size,
        )
        self.size = ceil_divide(self.size, strides)

    def normalization(self, name, epsilon=1e-3, zero_gamma=False):
        """Adds a batch normalisation."""
        self._add(
            Normalization,
            name,
            channels=self.channels,
            epsilon=epsilon,
            zero_gamma=zero_gamma,
        )

    def activation(self, name, function):
        """Adds an activation."""
        self._add(Activation, name, function=function)

    def squeeze_excite(self, name, reduced, activation, gate):
        """Adds squeeze-excite with `reduced` channels in the middle."""
        self._add(
            SqueezeExcite,
            name,
            channels=self.channels,
            reduced=reduced,
            activation=activation,
            gate=gate,
            size=self.size,
        )

    def global_pooling(self, name):
        """Adds the mean over height and width."""
        self._add(GlobalPooling, name)
        self.size = 1

    def dropout(self, name, rate):
        """Adds dropout."""
        self._add(Dropout, name, channels=self.channels, rate=rate)

    def dense(self, name, units, use_bias=True):
        """Adds a fully connected layer."""
        self._add(
            Dense,
            name,
            in_channels=self.channels,
            units=units,
            use_bias=use_bias,
        )
        self.channels = units

    def _add(self, kind, name, **values):
        self._operations.append(kind(f"{self._prefix}_{name}", **values))

    def plan(self) -> Plan:
        """Returns the finished plan."""
        return Plan(self.resolution, tuple(self._blocks))
