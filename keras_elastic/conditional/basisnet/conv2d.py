"""Convolutions whose kernels are sums of bases, image by image."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.conditional.basisnet.convolution import BasisConvolution


@keras.saving.register_keras_serializable(package="keras_elastic")
class BasisConv2D(BasisConvolution):
    """A 2D convolution with a kernel for each image, mixed from bases.

    The kernel of an image is the sum of `num_bases` kernels, each times a
    coefficient of the image. There are three ways with one result:

    - `"synthesize"` mixes one kernel and runs a plain convolution: for a batch
      of one image, as on a device;
    - `"per_image"` mixes a kernel for each image and multiplies matrices in a
      batch;
    - `"sum"` runs the convolutions of all bases and sums what they give. Cost
      grows with the bases; it is there to compare with.

    `"auto"` takes the first for one image and else the second, also where the
    size of the batch is known at run time only.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 3: the coefficients come from another network.
    - CondConv: Conditionally Parameterized Convolutions for Efficient
      Inference (Yang et al., NeurIPS 2019), section 3: they come from the
      layer's own input, by global average pooling, a dense layer and a
      sigmoid.

    Args:
        filters: Integer. Output channels.
        kernel_size: Integer. Height and width of the kernels.
        num_bases: Integer. Number of kernels.
        strides: Integer. Defaults to 1.
        padding: `"same"` or `"valid"`.
        use_bias: Boolean. The bias is one for all bases.
        routing: Name of an activation, `"sigmoid"` in CondConv: the layer then
            makes coefficients of its own input where it is given none. `None`
            makes a layer that must be given them.
        kernel_initializer: Initializer of one basis. The bases are drawn
            independently.
        method: `"auto"`, `"synthesize"`, `"per_image"` or `"sum"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.
        coefficients: Tensor of shape (batch, num_bases).
        training: Boolean. In training a batch whose size is not known is taken
            for more than one image.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        (batch, out_height, out_width, filters), as `keras.layers.Conv2D`.

    Raises:
        ValueError: An argument is out of range, or the coefficients are
            missing or not of their shape.

    Example:

    >>> layer = BasisConv2D(filters=8, kernel_size=1, num_bases=4)
    >>> coefficients = np.full((2, 4), 0.25)
    >>> layer(np.ones((2, 6, 6, 3)), coefficients).shape
    TensorShape([2, 6, 6, 8])
    """

    def __init__(
        self, filters: int, kernel_size: int, num_bases: int, **kwargs: Any
    ):
        super().__init__(kernel_size, num_bases, **kwargs)
        checks.positive_integer(filters=filters)
        self.filters = filters

    def build(
        self, inputs_shape: Sequence[Any], coefficients_shape: Any = None
    ) -> None:
        channels = inputs_shape[-1]
        size = self.kernel_size
        self._add_weights(
            (size, size, channels, self.filters), channels, self.filters
        )

    def compute_output_shape(
        self, inputs_shape: Sequence[Any], coefficients_shape: Any = None
    ) -> tuple[Any, ...]:
        return self._output_shape(inputs_shape, self.filters)

    def _convolve(self, inputs, kernel):
        return ops.conv(
            inputs, kernel, strides=self.strides, padding=self.padding
        )

    def _convolve_each(self, inputs, kernels):
        patches = self._patches(inputs)
        _, height, width, length = patches.shape
        if height is None or width is None:
            height, width = ops.shape(patches)[1:3]
        # The rows of a matrix are the pixels: one product for each image.
        rows = ops.reshape(patches, (-1, height * width, length))
        matrices = ops.reshape(kernels, (-1, length, self.filters))
        outputs = ops.matmul(rows, matrices)
        return ops.reshape(outputs, (-1, height, width, self.filters))

    def _patches(self, inputs):
        """What the kernel sees of each output pixel, as its channels."""
        if self.kernel_size == 1:
            return inputs[:, :: self.strides, :: self.strides]
        _, height, width, _ = inputs.shape
        if height is None or width is None:
            height, width = ops.shape(inputs)[1:3]
        out_height, out_width = self._out_size(height), self._out_size(width)
        if self.padding == "same":
            inputs = ops.pad(
                inputs,
                [
                    [0, 0],
                    self._margins(height, out_height),
                    self._margins(width, out_width),
                    [0, 0],
                ],
            )
        rows = self.strides * (out_height - 1) + 1
        columns = self.strides * (out_width - 1) + 1
        shifted = [
            inputs[
                :, y : y + rows : self.strides, x : x + columns : self.strides
            ]
            for y in range(self.kernel_size)
            for x in range(self.kernel_size)
        ]
        return ops.concatenate(shifted, axis=-1)

    def _margins(self, size, out_size):
        # As TensorFlow pads: what is odd comes last.
        total = self.strides * (out_size - 1) + self.kernel_size - size
        total = (
            max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
        )
        return [total // 2, total - total // 2]

    def _sum_of_convolutions(self, inputs, coefficients):
        # The bases side by side, as channels of one convolution.
        kernel = ops.moveaxis(self.kernel, 0, -2)
        size, _, channels = kernel.shape[:3]
        kernel = ops.reshape(kernel, (size, size, channels, -1))
        each = self._convolve(inputs, kernel)
        shape = (*ops.shape(each)[:3], self.num_bases, self.filters)
        return ops.einsum(
            "bhwnf,bn->bhwf", ops.reshape(each, shape), coefficients
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable(package="keras_elastic")
class BasisDepthwiseConv2D(BasisConvolution):
    """A depthwise 2D convolution with a kernel for each image.

    See `BasisConv2D`. With `method="per_image"` the images of a batch lie side
    by side as channels of one image, and one depthwise convolution, which has
    a kernel for each channel, serves them all.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 3; CondConv (Yang et al., NeurIPS 2019), section 3.

    Args:
        kernel_size: Integer. Height and width of the kernels.
        num_bases: Integer. Number of kernels.
        strides: Integer. Defaults to 1.
        padding: `"same"` or `"valid"`.
        use_bias: Boolean. The bias is one for all bases.
        routing: As `BasisConv2D`.
        kernel_initializer: Initializer of one basis, of shape (kernel_size,
            kernel_size, channels, 1). Defaults to that of the stock layer.
        method: `"auto"`, `"synthesize"`, `"per_image"` or `"sum"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.
        coefficients: Tensor of shape (batch, num_bases).
        training: Boolean. In training a batch whose size is not known is taken
            for more than one image.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        (batch, out_height, out_width, channels), as
        `keras.layers.DepthwiseConv2D`.

    Raises:
        ValueError: As `BasisConv2D`.

    Example:

    >>> layer = BasisDepthwiseConv2D(kernel_size=3, num_bases=4, strides=2)
    >>> coefficients = np.full((2, 4), 0.25)
    >>> layer(np.ones((2, 6, 6, 8)), coefficients).shape
    TensorShape([2, 3, 3, 8])
    """

    def __init__(self, kernel_size: int, num_bases: int, **kwargs: Any):
        kwargs.setdefault("kernel_initializer", "glorot_uniform")
        super().__init__(kernel_size, num_bases, **kwargs)

    def build(
        self, inputs_shape: Sequence[Any], coefficients_shape: Any = None
    ) -> None:
        channels = inputs_shape[-1]
        size = self.kernel_size
        self._add_weights((size, size, channels, 1), channels, channels)

    def compute_output_shape(
        self, inputs_shape: Sequence[Any], coefficients_shape: Any = None
    ) -> tuple[Any, ...]:
        return self._output_shape(inputs_shape, inputs_shape[-1])

    def _convolve(self, inputs, kernel):
        return ops.depthwise_conv(
            inputs, kernel, strides=self.strides, padding=self.padding
        )

    def _prefers_sum(self, inputs, training):
        # The gradient of a convolution of very many channels is slow where
        # the image is hardly larger than the kernel: up to fifty times as
        # slow as the convolution.
        sizes = [size for size in inputs.shape[1:3] if size is not None]
        is_small = bool(sizes) and min(sizes) < 2 * self.kernel_size - 2
        return (training and is_small) or super()._prefers_sum(inputs, training)

    def _convolve_each(self, inputs, kernels):
        size, _, channels, _ = self.kernel.shape[1:]
        batch, height, width, _ = ops.shape(inputs)
        side_by_side = ops.reshape(
            ops.transpose(inputs, (1, 2, 0, 3)),
            (1, height, width, batch * channels),
        )
        kernel = ops.transpose(kernels[..., 0], (1, 2, 0, 3))
        kernel = ops.reshape(kernel, (size, size, batch * channels, 1))
        outputs = self._convolve(side_by_side, kernel)
        height, width = ops.shape(outputs)[1:3]
        outputs = ops.reshape(outputs, (height, width, batch, channels))
        return ops.transpose(outputs, (2, 0, 1, 3))

    def _sum_of_convolutions(self, inputs, coefficients):
        channels = inputs.shape[-1]
        # A multiplier of the channels for each basis.
        kernel = ops.moveaxis(self.kernel[..., 0], 0, -1)
        each = self._convolve(inputs, kernel)
        shape = (*ops.shape(each)[:3], channels, self.num_bases)
        return ops.einsum(
            "bhwcn,bn->bhwc", ops.reshape(each, shape), coefficients
        )
