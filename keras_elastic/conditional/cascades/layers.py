"""How a cascade chooses between the answers of two networks."""

import keras
from keras import ops

from keras_elastic import checks


@keras.saving.register_keras_serializable(package="keras_elastic")
class CascadeExit(keras.layers.Layer):
    """Takes the earlier network's logits for the images that it is sure of.

    This layer chooses between logits that are both there; `Cascade` asks
    `decides`, to compute the later ones for undecided images only.

    Args:
        threshold: Float in 0..1. An image is decided if its largest
            probability exceeds it.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        logits: Tensor of the earlier network, divided by its temperature.
        later: Tensor of what comes after it.

    Input shape:
        Two of (batch, classes).

    Output shape:
        (batch, classes)

    Raises:
        ValueError: The threshold is not in 0..1.

    Example:

    >>> layer = CascadeExit(threshold=0.9)
    >>> layer(np.array([[9.0, 0], [1, 0]]), np.array([[0.0, 5], [0, 5]]))
    <tf.Tensor: shape=(2, 2), dtype=float32, numpy=
    array([[9., 0.],
           [0., 5.]], dtype=float32)>
    """

    def __init__(self, threshold, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        checks.fraction(threshold=threshold)
        self.threshold = float(threshold)

    def call(self, logits, later):
        return ops.where(self.decides(logits)[:, None], logits, later)

    def decides(self, logits):
        """Returns booleans of shape (batch,): whether an image exits."""
        probabilities = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        return ops.max(probabilities, axis=-1) > self.threshold

    def compute_output_shape(self, logits_shape, later_shape):
        return later_shape

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
