"""A depthwise convolution that can shrink in width and kernel."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticDepthwiseConv2D(keras.layers.Layer):
    """A depthwise 2D convolution whose channels and kernel can shrink.

    The live channels are those of the input (mode "sliced") or the non-zero
    ones (mode "masked"): a channel that is zero stays zero. See
    `ElasticConv2D` for the two modes.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 4.1: a 3x3 kernel is the center of
      the 5x5 kernel.
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: it is a learned linear
      map of that center, one matrix for all channels.

    Args:
        kernel_size: Integer. The largest height and width of the kernel, odd.
        strides: Integer. Defaults to 1.
        kernel_transform: Boolean. Whether a smaller kernel is a learned map of
            the center of the next larger one, which starts as the identity.
        padding: As `ElasticConv2D`. Defaults to `"same"`.
        depthwise_initializer: Initializer of the whole kernel.
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live channels.
        kernel_size: Integer or scalar tensor, odd. Defaults to the largest.
        affine: As `ElasticConv2D`, of shape (largest channels,).

    Input shape:
        (batch, height, width, channels)

    Output shape:
        (batch, ceil(height / strides), ceil(width / strides), channels)

    Example:

    >>> layer = ElasticDepthwiseConv2D(kernel_size=5)
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((1, 8, 8, 16)), kernel_size=3).shape
    TensorShape([1, 8, 8, 16])
    """

    def __init__(
        self,
        kernel_size: int,
        strides: int = 1,
        kernel_transform: bool = False,
        padding: str = "same",
        depthwise_initializer: str | keras.Initializer = "he_normal",
        mode: str = "sliced",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(kernel_size=kernel_size, strides=strides)
        self.kernel_size = slicing.check_kernel_size(kernel_size, kernel_size)
        self.strides = checks.plain(strides)
        checks.boolean(kernel_transform=kernel_transform)
        self.kernel_transform = kernel_transform
        self.padding = slicing.check_padding(padding)
        self.depthwise_initializer = slicing.check_initializer(
            depthwise_initializer=depthwise_initializer
        )
        self.mode = slicing.check_mode(mode)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the kernel for the largest sizes.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                channels.
        """
        slicing.image_axes()
        self.channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, self.channels, 1),
            initializer=self._initialize_kernel,
        )
        # From the largest to the smallest: 7 to 5, then 5 to 3.
        self.transforms = {}
        if self.kernel_transform:
            for size in range(self.kernel_size - 2, 1, -2):
                self.transforms[size] = self.add_weight(
                    name=f"transform_{size + 2}_to_{size}",
                    shape=(size**2, size**2),
                    initializer="identity",
                )

    def _initialize_kernel(self, shape, dtype=None):
        # Initializers take the last axis but one for the fan-in, which is
        # right for a kernel of one input channel: (size, size, 1, channels).
        size, _, channels, _ = shape
        kernel = self.depthwise_initializer(
            (size, size, 1, channels), dtype=dtype
        )
        return ops.transpose(kernel, (0, 1, 3, 2))

    def call(
        self,
        inputs: Any,
        kernel_size: Any = None,
        affine: tuple[Any, Any] | None = None,
    ) -> Any:
        slicing.check_input_channels(
            self.name, inputs, self.channels, self.mode
        )
        kernel_size = slicing.check_kernel_size(kernel_size, self.kernel_size)
        kernel = slicing.kernel_part(
            _transformed(
                ops.convert_to_tensor(self.kernel),
                [ops.convert_to_tensor(m) for m in self.transforms.values()],
                kernel_size,
            ),
            kernel_size,
            self.kernel_size,
            self.mode,
        )
        live = slicing.live_channels(inputs)
        if self.mode == "sliced":
            kernel = slicing.first(kernel, live, 1)
        shift = None
        if affine is not None:
            scale, shift = (slicing.first(part, live) for part in affine)
            kernel = kernel * ops.expand_dims(scale, -1)
        inputs, padding = slicing.pad(
            inputs, self.padding, kernel_size, self.kernel_size, self.mode
        )
        outputs = ops.depthwise_conv(
            inputs, kernel, strides=self.strides, padding=padding
        )
        return outputs if shift is None else kernels.add_bias(outputs, shift)

    def sliced_weights(self, channels: int, kernel_size: int) -> list[Any]:
        """Weights of the stock `DepthwiseConv2D` that a choice stands for.

        Returns:
            List of one NumPy array, for `DepthwiseConv2D.set_weights`.
        """
        return self.slice_weights(self.get_weights(), channels, kernel_size)

    @staticmethod
    def slice_weights(
        weights: Sequence[Any], channels: int, kernel_size: int
    ) -> list[Any]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        kernel, *matrices = weights
        if matrices:
            kernel = _transformed(kernel, matrices, kernel_size)
            kernel = ops.convert_to_numpy(kernel)
        kernel = slicing.crop_kernel(kernel, kernel_size, kernel.shape[0])
        return [kernel[:, :, :channels]]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "kernel_transform": self.kernel_transform,
            "padding": self.padding,
            "depthwise_initializer": keras.initializers.serialize(
                self.depthwise_initializer
            ),
            "mode": self.mode,
        }


def _transformed(kernel, matrices, kernel_size):
    """A kernel of the largest size whose center is that of a choice."""
    largest, channels = kernel.shape[0], kernel.shape[2]
    chosen = part = kernel
    # In the order in which the layer creates them, from 7 to 5, then to 3.
    for index, matrix in enumerate(matrices):
        size = largest - 2 * (index + 1)
        part = slicing.crop_kernel(part, size, part.shape[0])
        flat = ops.reshape(part, (size**2, channels))
        flat = ops.matmul(matrix, flat)
        part = ops.reshape(flat, (size, size, channels, 1))
        margin = (largest - size) // 2
        padded = ops.pad(part, [[margin, margin]] * 2 + [[0, 0]] * 2)
        chosen = ops.where(kernel_size <= size, padded, chosen)
    return chosen
