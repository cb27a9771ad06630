"""A depthwise convolution whose kernel is a sum of bases, image by image."""

import keras
from keras import ops

from keras_elastic.layers.basis_convolution import BasisConvolution


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

    def __init__(
        self,
        kernel_size,
        num_bases,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            num_bases,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )

    def build(self, inputs_shape, coefficients_shape=None):
        channels = inputs_shape[-1]
        size = self.kernel_size
        self._add_weights((size, size, channels, 1), channels, channels)

    def compute_output_shape(self, inputs_shape, coefficients_shape=None):
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
