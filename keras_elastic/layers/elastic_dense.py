"""A fully connected layer that can shrink in width."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class ElasticDense(keras.layers.Layer):
    """A fully connected layer whose inputs and units can shrink.

    A smaller layer is made of the first inputs and the first units. See
    `ElasticConv2D` for the two modes.

    Reference:
    - Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 3.

    Args:
        units: Integer. The largest number of outputs.
        use_bias: Boolean. Defaults to `True`.
        kernel_initializer: Initializer of the whole kernel.
        mode: `"sliced"` or `"masked"`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor. In mode "sliced" it has the live features.
        units: Integer or scalar tensor. Defaults to the largest.

    Input shape:
        (batch, features)

    Output shape:
        (batch, units), with the largest number of units in mode "masked".

    Example:

    >>> layer = ElasticDense(10)
    >>> layer.build((None, 32))
    >>> layer(np.ones((1, 16)), units=5).shape
    TensorShape([1, 5])
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        kernel_initializer: str | keras.Initializer = "glorot_uniform",
        mode: str = "sliced",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(units=units)
        self.units = checks.plain(units)
        checks.boolean(use_bias=use_bias)
        self.use_bias = use_bias
        self.kernel_initializer = slicing.check_initializer(
            kernel_initializer=kernel_initializer
        )
        self.mode = slicing.check_mode(mode)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Creates the weights for the largest sizes.

        Args:
            input_shape: Tuple whose last entry is the largest number of
                features.
        """
        self.in_features = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.in_features, self.units),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer="zeros"
            )

    def call(self, inputs: Any, units: Any = None) -> Any:
        slicing.check_input_channels(
            self.name, inputs, self.in_features, self.mode
        )
        units = slicing.check_size("units", units, self.units)
        kernel = ops.convert_to_tensor(self.kernel)
        bias = self.bias
        if self.mode == "sliced":
            in_features = slicing.live_channels(inputs)
            kernel = slicing.first(kernel, in_features, units)
            if bias is not None:
                bias = slicing.first(ops.convert_to_tensor(bias), units)
        outputs = ops.matmul(inputs, kernel)
        if bias is not None:
            outputs = outputs + bias
        if self.mode == "masked":
            outputs = slicing.mask_channels(outputs, units, self.units)
        return outputs

    def sliced_weights(self, in_features: int, units: int) -> list[Any]:
        """Weights of the stock `Dense` that a choice stands for.

        Returns:
            List of NumPy arrays, in the order of `Dense.set_weights`.
        """
        return self.slice_weights(self.get_weights(), in_features, units)

    @staticmethod
    def slice_weights(
        weights: Sequence[Any], in_features: int, units: int
    ) -> list[Any]:
        """As `sliced_weights`, of what `get_weights` of a layer returned."""
        kernel, *bias = weights
        kernel = kernel[:in_features, :units]
        return [kernel, *(values[:units] for values in bias)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "mode": self.mode,
        }
