"""The shortcut of a residual block whose widths can differ."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import slicing
from keras_elastic.layers.elastic_conv2d import ElasticConv2D

# A variance of one over the input channels. He's has twice that, for a relu.
PROJECTION_INITIALIZER = "lecun_normal"


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticShortcut(keras.layers.Layer):
    """The residual path: average pooling, then a 1x1 convolution if needed.

    Where the block is strided, the input is pooled (2x2 for a stride of 2).
    Where its width differs from the block's output, a 1x1 convolution without
    normalization or activation changes it. Whether it differs is decided by
    the live widths, so an identity in the child is an identity here. See
    `ElasticConv2D` for the two modes.

    The projection begins with a gain of 1: no activation follows it that would
    halve the variance, and none of its kind may make the trunk grow.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.1, initialization: residual
      blocks keep the variance; the release of AttentiveNAS for the order and
      the plain convolution.

    Args:
        filters: Integer. The largest number of output channels.
        strides: Integer. Defaults to 1.
        use_projection: Boolean. Whether the widths can ever differ. Without,
            the layer has no weights. Defaults to `True`.
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live channels.
        filters: Integer or scalar tensor. Defaults to the largest.
        project: Boolean or scalar boolean tensor: whether the live widths
            differ. Defaults to `use_projection`.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        (batch, ceil(height / strides), ceil(width / strides), filters), with
        the largest number of filters in mode "masked".

    Example:

    >>> layer = ElasticShortcut(48, strides=2)
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((1, 8, 8, 16)), filters=40).shape
    TensorShape([1, 4, 4, 40])
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        use_projection: bool = True,
        mode: str = "sliced",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(filters=filters, strides=strides)
        self.filters = checks.plain(filters)
        self.strides = checks.plain(strides)
        checks.boolean(use_projection=use_projection)
        self.use_projection = use_projection
        self.mode = slicing.check_mode(mode)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the projection for the largest sizes.

        Args:
            input_shape: Tuple whose last entry is the largest number of input
                channels.
        """
        slicing.image_axes()
        self.in_channels = input_shape[-1]
        self.projection = None
        if not self.use_projection:
            return
        self.projection = ElasticConv2D(
            self.filters,
            kernel_size=1,
            kernel_initializer=PROJECTION_INITIALIZER,
            mode=self.mode,
            dtype=self.dtype_policy,
            name="projection",
        )
        self.projection.build(input_shape)

    def call(
        self, inputs: Any, filters: Any = None, project: Any = None
    ) -> Any:
        slicing.check_input_channels(
            self.name, inputs, self.in_channels, self.mode
        )
        project = self.use_projection if project is None else project
        if self.projection is None and project is not False:
            raise ValueError(
                "`project` must be `False` in a layer that was made with "
                f"`use_projection=False`. Received: project={project}."
            )
        filters = slicing.check_size("filters", filters, self.filters)
        if self.strides > 1:
            inputs = ops.average_pool(
                inputs, self.strides, strides=self.strides, padding="same"
            )
        if isinstance(project, bool):
            return self._take(inputs, filters, project)
        if self.mode == "masked":
            return ops.where(
                project,
                self._take(inputs, filters, True),
                self._take(inputs, filters, False),
            )
        return ops.cond(
            project,
            lambda: self._take(inputs, filters, True),
            lambda: self._take(inputs, filters, False),
        )

    def _take(self, inputs, filters, project):
        if project:
            return self.projection(inputs, filters=filters)
        if self.mode == "masked":
            return self._resize_channels(inputs)
        return inputs

    def _resize_channels(self, inputs):
        # An identity between layers of different largest widths: the live
        # channels are equal in number, so only zeros are added or dropped.
        missing = self.filters - self.in_channels
        if missing > 0:
            return ops.pad(inputs, [[0, 0], [0, 0], [0, 0], [0, missing]])
        return inputs[..., : self.filters]

    def sliced_weights(self, in_channels: int, filters: int) -> list[Any]:
        """Weights of the stock 1x1 `Conv2D` that a choice stands for.

        Returns:
            List of one NumPy array, for `Conv2D.set_weights`.
        """
        return self.slice_weights(self.get_weights(), in_channels, filters)

    @staticmethod
    def slice_weights(
        weights: Sequence[Any], in_channels: int, filters: int
    ) -> list[Any]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        return ElasticConv2D.slice_weights(weights, in_channels, filters, 1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "use_projection": self.use_projection,
            "mode": self.mode,
        }
