"""Normalisation with measured statistics of one of several paths."""

import keras
from keras import ops

from keras_elastic.layers import slicing


@keras.saving.register_keras_serializable(package="keras_elastic")
class RoutedNormalization(keras.layers.Layer):
    """Batch normalisation whose frozen statistics depend on the path.

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

    def __init__(self, routes, **kwargs):
        # `call` casts the inputs; factors stay float32.
        super().__init__(autocast=False, **kwargs)
        slicing.check_positive(routes=routes)
        self.routes = routes

    def build(self, input_shape):
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

    def call(self, inputs, route):
        slicing.check_input_channels(self.name, inputs, self.channels, "sliced")
        live = slicing.live_channels(inputs)
        scale, shift = (
            slicing.first(self._of(route, weight), live)
            for weight in (self.scale, self.shift)
        )
        outputs = ops.cast(inputs, "float32") * scale + shift
        return ops.cast(outputs, self.compute_dtype)

    def affine(self, route):
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

    def set_route(self, route, gamma, beta, mean, variance, epsilon):
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

    def get_config(self):
        return {**super().get_config(), "routes": self.routes}
