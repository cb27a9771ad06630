"""The gate of DS-Net: channel attention that also chooses a width."""

import keras
from keras import ops

from keras_elastic.layers import slicing
from keras_elastic.layers.elastic_dense import ElasticDense

ATTENTIONS = ("sigmoid", "one_plus_tanh")


@keras.saving.register_keras_serializable(package="keras_elastic")
class SlimmingGate(keras.layers.Layer):
    """Channel attention with a second head that chooses a width.

    The mean over height and width is narrowed to a few features. From these
    the attention head makes a factor for each channel, and the slimming head
    a logit for each choice. With noise from the Gumbel distribution the choice
    is a sample whose gradient is that of its softmax at temperature 1, though
    its value is exactly 0 or 1 (straight-through); without noise it is the
    most likely choice, and has no gradient. A call draws nothing itself, so a
    step can be repeated exactly.

    It may be called with fewer channels than it was built for: the first ones.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section 3.3, the
      double-headed gate. The release draws noise in inference too, which is
      left out here.

    Args:
        choices: Integer. Number of widths to choose from.
        reduced: Integer. Number of features that both heads read.
        activation: Name of the features' activation. Defaults to `"relu"`.
        attention: `"sigmoid"`, as in the release, or `"one_plus_tanh"`, as in
            the paper, whose head starts at zero and so as the identity.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor, with all channels or the first ones.
        noise: Tensor of shape (batch, choices) of Gumbel noise, or `None`.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        Three tensors: the inputs times their attention; the choice, one-hot,
        (batch, choices); its logits, (batch, choices). The last two are
        float32 whatever the inputs.

    Raises:
        ValueError: `attention` is unknown, or a size is not positive.

    Example:

    >>> gate = SlimmingGate(choices=4, reduced=8)
    >>> outputs, choice, logits = gate(np.ones((2, 7, 7, 32)))
    >>> outputs.shape, choice.shape
    (TensorShape([2, 7, 7, 32]), TensorShape([2, 4]))
    """

    def __init__(
        self,
        choices,
        reduced,
        activation="relu",
        attention="sigmoid",
        **kwargs,
    ):
        super().__init__(**kwargs)
        slicing.check_positive(choices=choices, reduced=reduced)
        if attention not in ATTENTIONS:
            raise ValueError(
                f"`attention` must be one of {ATTENTIONS}. "
                f"Received: attention={attention!r}."
            )
        self.choices = choices
        self.reduced = reduced
        self.activation = keras.activations.get(activation)
        self.attention = attention

    def build(self, input_shape):
        """Creates the shared layer and the two heads.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                channels.
        """
        self._axes = slicing.image_axes()
        self.channels = input_shape[-1]
        self.reduce = ElasticDense(
            self.reduced,
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            name="reduce",
        )
        self.reduce.build((None, self.channels))
        zero = self.attention == "one_plus_tanh"
        self.expand = ElasticDense(
            self.channels,
            kernel_initializer="zeros" if zero else "glorot_uniform",
            dtype=self.dtype_policy,
            name="expand",
        )
        self.expand.build((None, self.reduced))
        # In float32: near ties must not be decided by rounding.
        self.slimming = keras.layers.Dense(
            self.choices, use_bias=False, dtype="float32", name="slimming"
        )
        self.slimming.build((None, self.reduced))

    def call(self, inputs, noise=None):
        factors, choice, logits = self.decide(inputs, noise)
        return inputs * factors[:, None, None, :], choice, logits

    def decide(self, inputs, noise=None):
        """Returns what both heads make of the inputs.

        Args:
            inputs: As `call`.
            noise: As `call`.

        Returns:
            The factors of the channels, (batch, channels), the choice and its
            logits.
        """
        slicing.check_input_channels(self.name, inputs, self.channels, "sliced")
        live = slicing.live_channels(inputs)
        features = ops.mean(inputs, axis=self._axes)
        features = self.activation(self.reduce(features))
        factors = self.expand(features, units=live)
        if self.attention == "sigmoid":
            factors = ops.sigmoid(factors)
        else:
            factors = 1 + ops.tanh(factors)
        logits = self.slimming(ops.cast(features, "float32"))
        return factors, choose(logits, noise), logits

    def get_config(self):
        return {
            **super().get_config(),
            "choices": self.choices,
            "reduced": self.reduced,
            "activation": keras.activations.serialize(self.activation),
            "attention": self.attention,
        }


def choose(logits, noise=None):
    """Chooses by logits, with the gradient of a softmax if there is noise.

    Args:
        logits: float32 tensor of shape (batch, choices).
        noise: Tensor of Gumbel noise of this shape, or `None`.

    Returns:
        One-hot float32 tensor of shape (batch, choices).
    """
    if noise is None:
        return one_hot(logits)
    noisy = logits + ops.cast(noise, "float32")
    soft = ops.softmax(noisy)
    # What is added is exactly zero, and so the sum exactly zeros and ones.
    return one_hot(noisy) + (soft - ops.stop_gradient(soft))


def one_hot(logits):
    """The largest of each row as a one-hot row, without a gradient."""
    best = ops.argmax(ops.stop_gradient(logits), axis=-1)
    return ops.one_hot(best, logits.shape[-1], dtype="float32")
