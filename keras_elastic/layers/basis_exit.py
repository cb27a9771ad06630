"""Where a BasisNet takes the answer of its first stage."""

import keras
from keras import ops


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

    def __init__(self, threshold=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(
                "`threshold` must be a probability in 0..1, or None for no "
                f"early exit. Received: threshold={threshold!r}."
            )
        self.threshold = threshold

    def call(self, light_logits, logits, training=False):
        if self.threshold is None or training:
            return logits
        decided = self.decides(light_logits)[:, None]
        return ops.where(decided, light_logits, logits)

    def decides(self, light_logits):
        """Returns booleans of shape (batch,): whether an image exits."""
        return confidence(light_logits) > self.threshold

    def compute_output_shape(self, light_logits_shape, logits_shape):
        return logits_shape

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def confidence(logits):
    """Returns the largest probability of each image, of shape (batch,)."""
    logits = ops.cast(logits, "float32")
    return ops.max(ops.softmax(logits, axis=-1), axis=-1)
