"""Squeeze-excite that can shrink in width."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import slicing
from keras_elastic.layers.elastic_dense import ElasticDense

# A gate that begins as the identity: its last layer is zero at first.
ONE_PLUS_TANH = "one_plus_tanh"


def one_plus_tanh(inputs):
    """1 + tanh, a factor between 0 and 2."""
    return 1 + ops.tanh(inputs)


def attention_layers(layer, is_identity_first, **arguments):
    """Makes the two fully connected layers of an attention.

    Args:
        layer: Layer with the largest numbers `channels` and `reduced`.
        is_identity_first: Boolean. Whether the second is zero at first.
        **arguments: Further arguments of `ElasticDense`.

    Returns:
        The layer that narrows `channels`, and the one that widens them again.
    """
    arguments["dtype"] = layer.dtype_policy
    last = "zeros" if is_identity_first else "glorot_uniform"
    reduce = ElasticDense(
        layer.reduced,
        kernel_initializer="he_normal",
        name="reduce",
        **arguments,
    )
    expand = ElasticDense(
        layer.channels, kernel_initializer=last, name="expand", **arguments
    )
    reduce.build((None, layer.channels))
    expand.build((None, layer.reduced))
    return reduce, expand


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticSqueezeExcite(keras.layers.Layer):
    """Channel attention whose outer and inner widths can shrink.

    The mean over height and width goes through two fully connected layers and
    a gate, which scales the channels. See `ElasticConv2D` for the two modes.

    Reference:
    - Squeeze-and-Excitation Networks (Hu et al., CVPR 2018), section 3.

    Args:
        reduced: Integer. The largest number of inner channels.
        activation: Name of the inner activation. Defaults to `"relu"`.
        gate: Name of the gate's activation. Defaults to `"sigmoid"`.
            `"one_plus_tanh"` begins as the identity, with a last layer of
            zeros (DS-Net, section A of the supplement).
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live channels.
        reduced: Integer or scalar tensor. Defaults to the largest.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        That of the input.

    Example:

    >>> layer = ElasticSqueezeExcite(reduced=8)
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((1, 8, 8, 16)), reduced=4).shape
    TensorShape([1, 8, 8, 16])
    """

    def __init__(
        self,
        reduced: int,
        activation: str | Callable[[Any], Any] = "relu",
        gate: str | Callable[[Any], Any] = "sigmoid",
        mode: str = "sliced",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(reduced=reduced)
        self.reduced = checks.plain(reduced)
        self.activation = slicing.check_activation(activation=activation)
        is_name = isinstance(gate, str)
        self.is_identity_first = is_name and gate == ONE_PLUS_TANH
        self.gate = (
            one_plus_tanh
            if self.is_identity_first
            else slicing.check_activation(gate=gate)
        )
        self.mode = slicing.check_mode(mode)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the two layers for the largest sizes.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                channels.
        """
        self._axes = slicing.image_axes()
        self.channels = input_shape[-1]
        self.reduce, self.expand = attention_layers(
            self, self.is_identity_first, mode=self.mode
        )

    def call(self, inputs: Any, reduced: Any = None) -> Any:
        slicing.check_input_channels(
            self.name, inputs, self.channels, self.mode
        )
        reduced = slicing.check_size("reduced", reduced, self.reduced)
        pooled = ops.mean(inputs, axis=self._axes)
        narrow = self.activation(self.reduce(pooled, units=reduced))
        if self.mode == "masked":
            # Some activations are not zero at zero.
            narrow = slicing.mask_channels(narrow, reduced, self.reduced)
        live = slicing.live_channels(inputs)
        gate = self.gate(self.expand(narrow, units=live))
        return inputs * gate[:, None, None, :]

    def sliced_weights(
        self, channels: int, reduced: int
    ) -> tuple[list[Any], ...]:
        """Weights of the two stock 1x1 convolutions of a choice.

        Returns:
            Two lists of NumPy arrays, in the order of `Conv2D.set_weights`.
        """
        return self.slice_weights(self.get_weights(), channels, reduced)

    @staticmethod
    def slice_weights(
        weights: Sequence[Any], channels: int, reduced: int
    ) -> tuple[list[Any], ...]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        reduce, expand = weights[:2], weights[2:]
        return tuple(
            [kernel[None, None], bias]
            for kernel, bias in (
                ElasticDense.slice_weights(reduce, channels, reduced),
                ElasticDense.slice_weights(expand, reduced, channels),
            )
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "reduced": self.reduced,
            "activation": keras.activations.serialize(self.activation),
            "gate": (
                ONE_PLUS_TANH
                if self.is_identity_first
                else keras.activations.serialize(self.gate)
            ),
            "mode": self.mode,
        }
