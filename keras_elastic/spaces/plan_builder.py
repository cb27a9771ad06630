"""Writes a plan, one operation after the other."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from keras_elastic import checks
from keras_elastic.spaces.arithmetic import where
from keras_elastic.spaces.plan import PIXEL_OFFSET
from keras_elastic.spaces.plan import PIXEL_SCALE
from keras_elastic.spaces.plan import Activation
from keras_elastic.spaces.plan import AveragePooling
from keras_elastic.spaces.plan import Block
from keras_elastic.spaces.plan import Convolution
from keras_elastic.spaces.plan import Dense
from keras_elastic.spaces.plan import DepthwiseConvolution
from keras_elastic.spaces.plan import Dropout
from keras_elastic.spaces.plan import GlobalPooling
from keras_elastic.spaces.plan import MaxPooling
from keras_elastic.spaces.plan import Normalization
from keras_elastic.spaces.plan import Plan
from keras_elastic.spaces.plan import Shortcut
from keras_elastic.spaces.plan import SqueezeExcite
from keras_elastic.spaces.plan import out_size


class PlanBuilder:
    """Writes a plan while it follows the channels and the size.

    Args:
        resolution: Input resolution in pixels.
        channels: Channels of the input image.
        scale: As `Plan`.
        offset: As `Plan`.

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

    @checks.arguments(
        resolution=checks.SIZE,
        channels=checks.SIZE,
        scale=checks.NUMBERS,
        offset=checks.NUMBERS,
    )
    def __init__(
        self,
        resolution: Any,
        channels: Any = 3,
        scale: float | tuple[float, ...] = PIXEL_SCALE,
        offset: float | tuple[float, ...] = PIXEL_OFFSET,
    ):
        self.resolution = resolution
        self._pixels = (scale, offset)
        self.size = resolution
        self.channels = channels
        self._blocks: list[Block] = []
        self._operations: list[Any] = []
        self._prefix = ""

    @contextlib.contextmanager
    def block(
        self,
        name: str,
        live: Any = True,
        shortcut: str | Callable[[], None] | None = None,
        strides: int = 1,
        activation: str | None = None,
    ) -> Iterator[None]:
        """Opens a block; what is added inside belongs to it.

        Args:
            name: String, prefix of the names of the block's operations.
            live: Whether the architecture has this block.
            shortcut: What is added to the block's output:

                - `None`: nothing;
                - `"identity"`: the input;
                - `"elastic"`: the input, pooled where the block is strided,
                  through a 1x1 convolution where the widths differ (BigNAS);
                - `"projected"`: the same, with the convolution everywhere;
                - `"projection"`: the input through a strided 1x1 convolution
                  and a normalization (ResNet);
                - `"pooled_projection"`: the same, but pooled and not strided
                  (ResNet-D);
                - a function that adds any operations to this builder.
            strides: The block's strides, for its shortcut.
            activation: Name of an activation that follows the addition.
        """
        self._prefix, self._operations = name, []
        in_channels, in_size = self.channels, self.size
        yield
        operations, self._operations = tuple(self._operations), []
        added = None
        if shortcut is not None:
            added = self._shortcut(shortcut, in_channels, in_size, strides)
        if activation is not None:
            self.activation("after", activation)
        self._blocks.append(
            Block(
                name,
                live,
                operations,
                added,
                tuple(self._operations),
                in_channels,
                self.channels,
                in_size,
                self.size,
            )
        )
        self.channels = where(live, self.channels, in_channels)
        self.size = where(live, self.size, in_size)

    def _shortcut(self, kind, in_channels, in_size, strides):
        if kind in ("elastic", "projected"):
            project = kind == "projected"
            return (
                self._elastic_shortcut(in_channels, in_size, strides, project),
            )
        out_channels, out_size = self.channels, self.size
        self.channels, self.size = in_channels, in_size
        if kind == "pooled_projection" and strides > 1:
            self.average_pooling("shortcut_pool", strides)
            strides = 1
        if callable(kind):
            kind()
        elif kind != "identity":
            self.convolution("shortcut", out_channels, strides=strides)
            self.normalization("shortcut_norm")
        self.channels, self.size = out_channels, out_size
        operations, self._operations = tuple(self._operations), []
        return operations

    def _elastic_shortcut(self, in_channels, size, strides, project):
        if not project:
            # Widths that are one object are one gene: no choice parts them.
            same = in_channels is self.channels
            project = False if same else in_channels != self.channels
        return Shortcut(
            name=f"{self._prefix}_shortcut",
            in_channels=in_channels,
            filters=self.channels,
            strides=strides,
            project=project,
            size=size,
        )

    @checks.arguments(
        name=checks.STRING,
        filters=checks.SIZE,
        kernel_size=checks.SIZE,
        strides=checks.POSITIVE_INTEGER,
        use_bias=checks.BOOLEAN,
        padding=checks.choice(("same", "valid", "symmetric")),
    )
    def convolution(
        self,
        name: str,
        filters: Any,
        kernel_size: Any = 1,
        strides: int = 1,
        use_bias: bool = False,
        padding: str = "same",
    ) -> None:
        """Adds a convolution, with the padding of `Convolution`."""
        self._add(
            Convolution,
            name,
            in_channels=self.channels,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            use_bias=use_bias,
            padding=padding,
            size=self.size,
        )
        self.channels = filters
        self.size = out_size(self._operations[-1])

    @checks.arguments(
        name=checks.STRING,
        kernel_size=checks.SIZE,
        strides=checks.POSITIVE_INTEGER,
        kernel_transform=checks.BOOLEAN,
        padding=checks.choice(("same", "valid", "symmetric")),
    )
    def depthwise_convolution(
        self,
        name: str,
        kernel_size: Any,
        strides: int = 1,
        kernel_transform: bool = False,
        padding: str = "same",
    ) -> None:
        """Adds a depthwise convolution."""
        self._add(
            DepthwiseConvolution,
            name,
            channels=self.channels,
            kernel_size=kernel_size,
            strides=strides,
            kernel_transform=kernel_transform,
            size=self.size,
            padding=padding,
        )
        self.size = out_size(self._operations[-1])

    @checks.arguments(
        name=checks.STRING,
        pool_size=checks.POSITIVE_INTEGER,
        strides=checks.POSITIVE_INTEGER,
        padding=checks.choice(("same", "valid", "symmetric")),
    )
    def max_pooling(
        self, name: str, pool_size: int, strides: int, padding: str = "same"
    ) -> None:
        """Adds max pooling."""
        self._add_pooling(
            MaxPooling,
            name,
            pool_size=pool_size,
            strides=strides,
            padding=padding,
        )

    @checks.arguments(
        name=checks.STRING,
        strides=checks.POSITIVE_INTEGER,
        padding=checks.choice(("same", "valid", "symmetric")),
    )
    def average_pooling(
        self, name: str, strides: int, padding: str = "same"
    ) -> None:
        """Adds average pooling of squares as large as the strides."""
        self._add_pooling(
            AveragePooling, name, strides=strides, padding=padding
        )

    def _add_pooling(self, kind, name, **values):
        self._add(kind, name, channels=self.channels, size=self.size, **values)
        self.size = out_size(self._operations[-1])

    @checks.arguments(
        name=checks.STRING, epsilon=checks.POSITIVE, zero_gamma=checks.BOOLEAN
    )
    def normalization(
        self, name: str, epsilon: float = 1e-3, zero_gamma: bool = False
    ) -> None:
        """Adds a batch normalization."""
        self._add(
            Normalization,
            name,
            channels=self.channels,
            epsilon=epsilon,
            zero_gamma=zero_gamma,
        )

    @checks.arguments(name=checks.STRING, function=checks.STRING)
    def activation(self, name: str, function: str) -> None:
        """Adds an activation."""
        self._add(Activation, name, function=function)

    @checks.arguments(
        name=checks.STRING,
        reduced=checks.SIZE,
        activation=checks.STRING,
        gate=checks.STRING,
    )
    def squeeze_excite(
        self, name: str, reduced: Any, activation: str, gate: str
    ) -> None:
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

    @checks.arguments(name=checks.STRING)
    def global_pooling(self, name: str) -> None:
        """Adds the mean over height and width."""
        self._add(GlobalPooling, name)
        self.size = 1

    @checks.arguments(name=checks.STRING, rate=checks.FRACTION)
    def dropout(self, name: str, rate: float) -> None:
        """Adds dropout."""
        self._add(Dropout, name, channels=self.channels, rate=rate)

    @checks.arguments(
        name=checks.STRING, units=checks.SIZE, use_bias=checks.BOOLEAN
    )
    def dense(self, name: str, units: Any, use_bias: bool = True) -> None:
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
        return Plan(self.resolution, tuple(self._blocks), *self._pixels)
