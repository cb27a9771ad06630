"""A convolution that can shrink in width and kernel."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticConv2D(keras.layers.Layer):
    """A 2D convolution whose filters, inputs and kernel can shrink.

    A narrower convolution is made of the first filters, the first input
    channels and the center of the kernel. In mode "sliced" only that part is
    computed: the input has the live channels only, and sizes may be tensors,
    so that one trace serves every choice. In mode "masked" every shape is the
    largest, live channels come first and the others are exactly zero, which
    XLA and backends without dynamic shapes need.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3; BigNAS (Yu et al.,
      ECCV 2020), section 3.1: lowest-index channels, center of the kernel.

    Args:
        filters: Integer. The largest number of output channels.
        kernel_size: Integer. The largest height and width of the kernel, odd
            unless the padding is `"valid"`.
        strides: Integer. Defaults to 1.
        padding: `"same"`, `"valid"`, or `"symmetric"`: half of the kernel in
            zeros on each side. In mode "masked" a smaller kernel is the
            largest with zeros around, so `"valid"` needs one kernel size.
        use_bias: Boolean. Defaults to `False`: a normalization follows.
        kernel_initializer: Initializer of the whole kernel.
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live input channels.
        filters: Integer or scalar tensor. Defaults to the largest.
        kernel_size: Integer or scalar tensor, odd. Defaults to the largest.
        affine: Pair of tensors of shape (largest filters,), a scale and a
            shift of the outputs that are folded into kernel and bias, or
            `None`. In mode "sliced" only. See
            `ElasticBatchNormalization.affine`.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        (batch, ceil(height / strides), ceil(width / strides), filters), with
        the largest number of filters in mode "masked".

    Example:

    >>> layer = ElasticConv2D(64, kernel_size=5)
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((1, 8, 8, 16)), filters=48, kernel_size=3).shape
    TensorShape([1, 8, 8, 48])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        padding: str = "same",
        use_bias: bool = False,
        kernel_initializer: str | keras.Initializer = "he_normal",
        mode: str = "sliced",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(
            filters=filters, kernel_size=kernel_size, strides=strides
        )
        self.filters = checks.plain(filters)
        self.padding = slicing.check_padding(padding)
        self.kernel_size = self._check_kernel_size(kernel_size, kernel_size)
        self.strides = checks.plain(strides)
        checks.boolean(use_bias=use_bias)
        self.use_bias = use_bias
        self.kernel_initializer = slicing.check_initializer(
            kernel_initializer=kernel_initializer
        )
        self.mode = slicing.check_mode(mode)

    def _check_kernel_size(self, value, largest):
        if self.padding == "valid":
            # It has one size, which needs no center.
            return slicing.check_size("kernel_size", value, largest)
        return slicing.check_kernel_size(value, largest)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the weights for the largest sizes.

        Args:
            input_shape: Tuple whose last entry is the largest number of input
                channels.
        """
        slicing.image_axes()
        self.in_channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(
                self.kernel_size,
                self.kernel_size,
                self.in_channels,
                self.filters,
            ),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer="zeros"
            )

    def call(
        self,
        inputs: Any,
        filters: Any = None,
        kernel_size: Any = None,
        affine: tuple[Any, Any] | None = None,
    ) -> Any:
        slicing.check_input_channels(
            self.name, inputs, self.in_channels, self.mode
        )
        filters = slicing.check_size("filters", filters, self.filters)
        kernel_size = self._check_kernel_size(kernel_size, self.kernel_size)
        kernel = slicing.kernel_part(
            ops.convert_to_tensor(self.kernel),
            kernel_size,
            self.kernel_size,
            self.mode,
        )
        bias = self.bias
        if self.mode == "sliced":
            in_channels = slicing.live_channels(inputs)
            kernel = slicing.first(kernel, in_channels, filters)
            if bias is not None:
                bias = slicing.first(ops.convert_to_tensor(bias), filters)
        if affine is not None:
            kernel, bias = _fold(kernel, bias, affine, filters)
        inputs, padding = slicing.pad(
            inputs, self.padding, kernel_size, self.kernel_size, self.mode
        )
        outputs = ops.conv(
            inputs, kernel, strides=self.strides, padding=padding
        )
        if bias is not None:
            outputs = kernels.add_bias(outputs, bias)
        if self.mode == "masked":
            outputs = slicing.mask_channels(outputs, filters, self.filters)
        return outputs

    def sliced_weights(
        self, in_channels: int, filters: int, kernel_size: int
    ) -> list[Any]:
        """Weights of the stock `Conv2D` that a choice stands for.

        Returns:
            List of NumPy arrays, in the order of `Conv2D.set_weights`.
        """
        return self.slice_weights(
            self.get_weights(), in_channels, filters, kernel_size
        )

    @staticmethod
    def slice_weights(
        weights: Sequence[Any], in_channels: int, filters: int, kernel_size: int
    ) -> list[Any]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        kernel, *bias = weights
        kernel = slicing.crop_kernel(kernel, kernel_size, kernel.shape[0])
        kernel = kernel[:, :, :in_channels, :filters]
        return [kernel, *(values[:filters] for values in bias)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "mode": self.mode,
        }


def _fold(kernel, bias, affine, filters):
    """Kernel and bias of a convolution with what follows it."""
    scale, shift = (slicing.first(part, filters) for part in affine)
    if bias is not None:
        shift = shift + bias * scale
    return kernel * scale, shift
