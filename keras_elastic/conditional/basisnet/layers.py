"""The first and the last step of a BasisNet: preview and early exit.

A cascade, whose networks are asked in turn, has the same steps.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import kernels


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

    def __init__(self, size: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        checks.positive_integer(size=size)
        self.size = size

    def call(self, inputs: Any) -> Any:
        if tuple(inputs.shape[1:3]) == (self.size, self.size):
            return inputs
        return kernels.resize(ops.cast(inputs, "float32"), self.size)

    def compute_output_shape(
        self, input_shape: Sequence[Any]
    ) -> tuple[Any, ...]:
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="keras_elastic")
class BasisExit(keras.layers.Layer):
    """Takes the light network's logits for the images that it is sure of.

    An image is decided if its largest probability exceeds the threshold. This
    layer chooses between logits that are both there; `BasisNet` asks `decides`
    to compute the others for undecided images only.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 4.6, early termination.

    Args:
        threshold: Float in 0..1, or `None` for no image to be decided.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        light_logits: Tensor of the first stage.
        logits: Tensor of the second stage.
        training: Boolean. In training no image is decided.

    Input shape:
        Two of (batch, classes).

    Output shape:
        (batch, classes)

    Raises:
        ValueError: The threshold is not in 0..1.

    Example:

    >>> layer = BasisExit(threshold=0.9)
    >>> layer(np.array([[9.0, 0], [1, 0]]), np.array([[0.0, 5], [0, 5]]))
    <tf.Tensor: shape=(2, 2), dtype=float32, numpy=
    array([[9., 0.],
           [0., 5.]], dtype=float32)>
    """

    def __init__(self, threshold: float | None = None, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if threshold is not None and not checks.FRACTION.fits(threshold):
            raise ValueError(
                "`threshold` must be a probability in 0..1, or None for no "
                f"early exit. Received: threshold={threshold!r}."
            )
        self.threshold = threshold

    def call(
        self, light_logits: Any, logits: Any, training: bool = False
    ) -> Any:
        if self.threshold is None or training:
            return logits
        decided = self.decides(light_logits)[:, None]
        return ops.where(decided, light_logits, logits)

    def decides(self, light_logits: Any) -> Any:
        """Returns booleans of shape (batch,): whether an image exits."""
        return confidence(light_logits) > self.threshold

    def compute_output_shape(
        self, light_logits_shape: Any, logits_shape: Any
    ) -> tuple[Any, ...]:
        return logits_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


def confidence(logits):
    """Returns the largest probability of each image, of shape (batch,)."""
    logits = ops.cast(logits, "float32")
    return ops.max(ops.softmax(logits, axis=-1), axis=-1)
