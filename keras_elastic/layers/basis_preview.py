"""The image as the lightweight network of a BasisNet sees it."""

import keras
from keras import ops

from keras_elastic.layers import kernels
from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class BasisPreview(keras.layers.Layer):
    """Resizes square images by antialiased bicubic interpolation.

    It computes in float32 and clips to 0..255, as the supernet does.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 3: the lightweight model sees a smaller image.

    Args:
        size: Integer. Height and width of the result in pixels.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of pixels in 0..255.

    Input shape:
        (batch, height, width, 3)

    Output shape:
        (batch, size, size, 3)

    Example:

    >>> BasisPreview(size=4)(np.ones((2, 8, 8, 3))).shape
    TensorShape([2, 4, 4, 3])
    """

    def __init__(self, size, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        slicing.check_positive(size=size)
        self.size = size

    def call(self, inputs):
        if tuple(inputs.shape[1:3]) == (self.size, self.size):
            return inputs
        return kernels.resize(ops.cast(inputs, "float32"), self.size)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}
