"""The layers of a dynamic slimmable network: gates, and routed statistics."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.families.table import ATTENTIONS
from keras_elastic.layers import slicing
from keras_elastic.layers.elastic_squeeze_excite import ONE_PLUS_TANH
from keras_elastic.layers.elastic_squeeze_excite import attention_layers
from keras_elastic.layers.elastic_squeeze_excite import one_plus_tanh

if TYPE_CHECKING:
    import numpy as np


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
        choices: int,
        reduced: int,
        activation: str | Callable[[Any], Any] = "relu",
        attention: str = "sigmoid",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(choices=choices, reduced=reduced)
        checks.one_of(ATTENTIONS, attention=attention)
        self.choices = choices
        self.reduced = reduced
        self.activation = slicing.check_activation(activation=activation)
        self.attention = attention

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the shared layer and the two heads.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                channels.
        """
        self._axes = slicing.image_axes()
        self.channels = input_shape[-1]
        self.reduce, self.expand = attention_layers(
            self, self.attention == ONE_PLUS_TANH
        )
        # In float32: near ties must not be decided by rounding.
        self.slimming = keras.layers.Dense(
            self.choices, use_bias=False, dtype="float32", name="slimming"
        )
        self.slimming.build((None, self.reduced))

    def call(self, inputs: Any, noise: Any = None) -> Any:
        factors, choice, logits = self.decide(inputs, noise)
        return inputs * factors[:, None, None, :], choice, logits

    def decide(self, inputs: Any, noise: Any = None) -> tuple[Any, Any, Any]:
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
        is_sigmoid = self.attention == "sigmoid"
        factors = (ops.sigmoid if is_sigmoid else one_plus_tanh)(factors)
        logits = self.slimming(ops.cast(features, "float32"))
        return factors, choose(logits, noise), logits

    def get_config(self) -> dict[str, Any]:
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


@keras.saving.register_keras_serializable(package="keras_elastic")
class RoutedNormalization(keras.layers.Layer):
    """Batch normalization whose frozen statistics depend on the path.

    Each path through a network that decides image by image has statistics of
    its own. They are held together with gamma and beta, as a factor and a
    summand for each path and channel. A channel that a path does not have has
    both zero, and so is zero after the layer: what masks a path's channels.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), and its release:
      separate statistics of each width, with shared gamma and beta.

    Args:
        routes: Integer. Number of paths.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor, with all channels or the first ones.
        route: Integer, the path of all images; or a tensor of shape
            (batch, routes) with a one-hot row for each image, which may have
            gradients.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        That of the input.

    Example:

    >>> layer = RoutedNormalization(routes=3)
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((4, 8, 8, 16)), route=1).shape
    TensorShape([4, 8, 8, 16])
    """

    def __init__(self, routes: int, **kwargs: Any):
        # `call` casts the inputs; factors stay float32.
        super().__init__(autocast=False, **kwargs)
        checks.positive_integer(routes=routes)
        self.routes = routes

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the factors, ones, and the summands, zeros.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                channels.
        """
        slicing.image_axes()
        self.channels = input_shape[-1]
        shape = (self.routes, self.channels)
        self.scale, self.shift = (
            self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                trainable=False,
                autocast=False,
            )
            for name, initializer in (("scale", "ones"), ("shift", "zeros"))
        )

    def call(self, inputs: Any, route: Any) -> Any:
        slicing.check_input_channels(self.name, inputs, self.channels, "sliced")
        live = slicing.live_channels(inputs)
        scale, shift = (
            slicing.first(self._of(route, weight), live)
            for weight in (self.scale, self.shift)
        )
        outputs = ops.cast(inputs, "float32") * scale + shift
        return ops.cast(outputs, self.compute_dtype)

    def affine(self, route: int) -> tuple[Any, Any]:
        """The factors and summands of a path, for a convolution to fold in.

        Args:
            route: Integer.

        Returns:
            Two float32 tensors of shape (largest number of channels,).
        """
        return self._of(route, self.scale), self._of(route, self.shift)

    def _of(self, route, weight):
        weight = ops.convert_to_tensor(weight)
        if isinstance(route, int):
            return weight[route]
        return ops.matmul(route, weight)[:, None, None, :]

    def set_route(
        self,
        route: int,
        gamma: "np.ndarray",
        beta: "np.ndarray",
        mean: "np.ndarray",
        variance: "np.ndarray",
        epsilon: float,
    ) -> None:
        """Sets the factors and summands of a path.

        Args:
            route: Integer.
            gamma: Array of shape (channels,) of the channels that it has.
            beta: Array of this shape.
            mean: Array of this shape.
            variance: Array of this shape.
            epsilon: Float, added to the variance.
        """
        scale = gamma / (variance + epsilon) ** 0.5
        rows = ((self.scale, scale), (self.shift, beta - mean * scale))
        for weight, row in rows:
            table = ops.convert_to_numpy(weight).copy()
            table[route] = 0.0
            table[route, : len(row)] = row
            weight.assign(table)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "routes": self.routes}
