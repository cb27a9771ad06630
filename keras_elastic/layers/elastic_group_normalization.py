"""Normalization of groups of channels that can shrink in width."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticGroupNormalization(keras.layers.Layer):
    """Group normalization whose groups are the same in every subnet.

    Each group of channels of each image has a mean and a variance of its own,
    so there are no statistics to keep, and nothing to calibrate. A group has a
    constant number of channels: what lies in it does not depend on the width,
    and widths are multiples of it. See `ElasticConv2D` for the two modes.

    Reference:
    - Group Normalization (Wu and He, ECCV 2018), section 3.1.
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section 3: a constant
      number of channels in each group, for widths at constant intervals.

    Args:
        group_size: Integer. Channels of a group.
        epsilon: Float added to the variance. Defaults to 1e-3.
        gamma_initializer: Initializer of gamma. `"zeros"` for the last
            normalization of a residual block.
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live channels.
        channels: Integer or scalar tensor, the live channels. Needed in mode
            "masked" only. Defaults to the largest.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        That of the input.

    Raises:
        ValueError: An argument is out of range, or the channels are not a
            multiple of `group_size`.

    Example:

    >>> layer = ElasticGroupNormalization(group_size=8)
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((4, 8, 8, 16))).shape
    TensorShape([4, 8, 8, 16])
    """

    def __init__(
        self,
        group_size: int,
        epsilon: float = 1e-3,
        gamma_initializer: str | keras.Initializer = "ones",
        mode: str = "sliced",
        **kwargs: Any,
    ):
        # `call` casts the inputs, and normalizes in float32.
        super().__init__(autocast=False, **kwargs)
        checks.positive_integer(group_size=group_size)
        checks.positive_number(epsilon=epsilon)
        self.group_size = group_size
        self.epsilon = epsilon
        self.gamma_initializer = slicing.check_initializer(
            gamma_initializer=gamma_initializer
        )
        self.mode = slicing.check_mode(mode)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates gamma and beta.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                channels.
        """
        slicing.image_axes()
        self.channels = input_shape[-1]
        self._check_groups(self.channels)
        self.gamma, self.beta = (
            self.add_weight(
                name=name,
                shape=(self.channels,),
                initializer=initializer,
                autocast=False,
            )
            for name, initializer in (
                ("gamma", self.gamma_initializer),
                ("beta", "zeros"),
            )
        )

    def _check_groups(self, channels):
        if isinstance(channels, int) and channels % self.group_size:
            raise ValueError(
                f"The layer '{self.name}' normalizes groups of "
                f"{self.group_size} channels, and needs a multiple of them. "
                f"Received: {channels} channels."
            )

    def call(self, inputs: Any, channels: Any = None) -> Any:
        slicing.check_input_channels(
            self.name, inputs, self.channels, self.mode
        )
        channels = slicing.check_size("channels", channels, self.channels)
        self._check_groups(channels)
        self._check_groups(inputs.shape[-1])
        live = slicing.live_channels(inputs)
        gamma = slicing.first(ops.convert_to_tensor(self.gamma), live)
        beta = slicing.first(ops.convert_to_tensor(self.beta), live)
        outputs = self._normalize(ops.cast(inputs, "float32")) * gamma + beta
        outputs = ops.cast(outputs, self.compute_dtype)
        if self.mode == "masked":
            outputs = slicing.mask_channels(outputs, channels, self.channels)
        return outputs

    def _normalize(self, inputs):
        shape = ops.shape(inputs)
        groups = (shape[0], shape[1] * shape[2], -1, self.group_size)
        features = ops.reshape(inputs, groups)
        mean, variance = ops.moments(features, axes=(1, 3), keepdims=True)
        features = (features - mean) * ops.rsqrt(variance + self.epsilon)
        return ops.reshape(features, shape)

    def sliced_weights(self, channels: int) -> list[Any]:
        """Weights of the stock `GroupNormalization` of a choice.

        Args:
            channels: Integer. The live channels.

        Returns:
            List of NumPy arrays: gamma and beta.
        """
        return self.slice_weights(self.get_weights(), channels)

    @staticmethod
    def slice_weights(weights: Sequence[Any], channels: int) -> list[Any]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        return [values[:channels] for values in weights]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "group_size": self.group_size,
            "epsilon": self.epsilon,
            "gamma_initializer": keras.initializers.serialize(
                self.gamma_initializer
            ),
            "mode": self.mode,
        }
