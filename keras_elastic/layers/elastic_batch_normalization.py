"""Batch normalization that can shrink in width and keeps no statistics."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticBatchNormalization(keras.layers.Layer):
    """Batch normalization with shared gamma and beta and no running mean.

    The statistics of a channel differ between subnets, so a running average
    over subnets would be wrong for each of them. This layer normalizes with
    the statistics of the batch, or with statistics that are given for one
    subnet at one resolution. See `ElasticConv2D` for the two modes; in mode
    "masked" the channels that are not live are set to zero again, because
    beta would leak into them.

    Reference:
    - Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 3.2;
      BigNAS (Yu et al., ECCV 2020), section 3.1: statistics are calibrated
      after training.

    Args:
        epsilon: Float added to the variance. Defaults to 1e-3.
        gamma_initializer: Initializer of gamma. `"zeros"` for the last
            normalization of a residual block.
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live channels.
        channels: Integer or scalar tensor, the live channels. Needed in mode
            "masked", where it defaults to the largest; in mode "sliced" it
            spares asking inputs of unknown shape.
        statistics: Tensor of shape (2, largest number of channels) that holds
            means and variances, or `None` for those of the batch.
        return_statistics: Boolean. Whether to return those of the batch too.

    Input shape:
        (batch, height, width, channels)

    Output shape:
        That of the input. With `return_statistics`, a pair of the output and
        the batch's statistics, of shape (2, largest number of channels) and
        zero for channels that are not live.

    Example:

    >>> layer = ElasticBatchNormalization()
    >>> layer.build((None, None, None, 32))
    >>> layer(np.ones((4, 8, 8, 16))).shape
    TensorShape([4, 8, 8, 16])
    """

    def __init__(
        self,
        epsilon: float = 1e-3,
        gamma_initializer: str | keras.Initializer = "ones",
        mode: str = "sliced",
        **kwargs: Any,
    ):
        # `call` casts the inputs; given statistics stay float32.
        super().__init__(autocast=False, **kwargs)
        checks.positive_number(epsilon=epsilon)
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
        # Not autocast: a normalization in half precision loses its meaning.
        self.gamma = self.add_weight(
            name="gamma",
            shape=(self.channels,),
            initializer=self.gamma_initializer,
            autocast=False,
        )
        self.beta = self.add_weight(
            name="beta",
            shape=(self.channels,),
            initializer="zeros",
            autocast=False,
        )

    def call(
        self,
        inputs: Any,
        channels: Any = None,
        statistics: Any = None,
        return_statistics: bool = False,
    ) -> Any:
        checks.boolean(return_statistics=return_statistics)
        slicing.check_input_channels(
            self.name, inputs, self.channels, self.mode
        )
        live = slicing.live_channels(inputs, channels)
        channels = slicing.check_size("channels", channels, self.channels)
        inputs = ops.cast(inputs, self.compute_dtype)
        gamma = slicing.first(ops.convert_to_tensor(self.gamma), live)
        beta = slicing.first(ops.convert_to_tensor(self.beta), live)
        if statistics is None:
            outputs = kernels.batch_normalize(
                inputs, gamma, beta, self.epsilon, return_statistics
            )
            if return_statistics:
                outputs, mean, variance = outputs
        else:
            statistics = self._checked(statistics)
            mean, variance = ops.unstack(slicing.first(statistics, live))
            outputs = kernels.normalize(
                inputs, gamma, beta, mean, variance, self.epsilon
            )
        if self.mode == "masked":
            outputs = slicing.mask_channels(outputs, channels, self.channels)
        if return_statistics:
            return outputs, self._pad(ops.stack([mean, variance]), live)
        return outputs

    def affine(self, statistics: Any) -> tuple[Any, Any]:
        """The scale and the shift that given statistics stand for.

        Args:
            statistics: Tensor of shape (2, largest number of channels).

        Returns:
            Two float32 tensors of shape (largest number of channels,), for a
            convolution to fold in.
        """
        mean, variance = ops.unstack(self._checked(statistics))
        return kernels.affine(
            ops.convert_to_tensor(self.gamma),
            ops.convert_to_tensor(self.beta),
            mean,
            variance,
            self.epsilon,
        )

    def _checked(self, statistics):
        shape = tuple(getattr(statistics, "shape", ()))
        if shape != (2, self.channels):
            raise ValueError(
                f"`statistics` must have shape (2, {self.channels}): means and "
                f"variances. Received: statistics of shape {shape}."
            )
        return ops.cast(statistics, "float32")

    def _pad(self, statistics, live):
        # One shape for every choice, so that branches and traces agree.
        padded = ops.pad(statistics, [[0, 0], [0, self.channels - live]])
        return ops.reshape(padded, (2, self.channels))

    def sliced_weights(
        self, channels: int, statistics: Any = None
    ) -> list[Any]:
        """Weights of the stock `BatchNormalization` of a choice.

        Args:
            channels: Integer. The live channels.
            statistics: Array of shape (2, largest number of channels), or
                `None` for a stock layer's initial mean 0 and variance 1.

        Returns:
            List of NumPy arrays: gamma, beta, mean and variance.
        """
        return self.slice_weights(self.get_weights(), channels, statistics)

    @staticmethod
    def slice_weights(
        weights: Sequence[Any], channels: int, statistics: Any = None
    ) -> list[Any]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        gamma, beta = (values[:channels] for values in weights)
        if statistics is None:
            return [gamma, beta, 0 * gamma, 0 * gamma + 1]
        mean, variance = ops.convert_to_numpy(statistics)[:, :channels]
        return [gamma, beta, mean, variance]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "gamma_initializer": keras.initializers.serialize(
                self.gamma_initializer
            ),
            "mode": self.mode,
        }
