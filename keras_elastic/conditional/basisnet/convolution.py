"""What the convolutions share whose kernel is a sum of bases.

With coefficients a and bases W, the kernel of image i is
`sum(a[i, n] * W[n] for n in bases)`. A convolution is linear in its kernel, so
there are three ways to its result; `METHODS` names them.
"""

from typing import TYPE_CHECKING
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import slicing

if TYPE_CHECKING:
    import numpy as np

METHODS = ("auto", "synthesize", "per_image", "sum")
PADDINGS = ("same", "valid")


class BasisConvolution(keras.layers.Layer):
    """Base of `BasisConv2D` and `BasisDepthwiseConv2D`.

    A subclass makes `self.kernel`, whose first axis is that of the bases, and
    has `_convolve`, `_convolve_each` and `_sum_of_convolutions`.

    Args:
        kernel_size: Integer. Height and width of the kernels.
        num_bases: Integer. Number of kernels.
        strides: Integer.
        padding: `"same"` or `"valid"`.
        use_bias: Boolean. The bias is one for all bases.
        routing: Name of an activation, `"sigmoid"` in CondConv: the layer then
            makes coefficients of its own input where it is given none. `None`
            makes a layer that must be given them.
        kernel_initializer: Initializer of one basis.
        method: One of `METHODS`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        kernel_size: int,
        num_bases: int,
        strides: int = 1,
        padding: str = "same",
        use_bias: bool = False,
        routing: str | None = None,
        kernel_initializer: str | keras.Initializer = "he_normal",
        method: str = "auto",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        checks.positive_integer(
            kernel_size=kernel_size, num_bases=num_bases, strides=strides
        )
        check_method(method)
        checks.one_of(PADDINGS, padding=padding)
        self.kernel_size = kernel_size
        self.num_bases = num_bases
        self.strides = strides
        self.padding = padding
        self.use_bias = use_bias
        self.routing = routing
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.method = method

    def _add_weights(self, kernel_shape, in_channels, filters):
        slicing.image_axes()
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.num_bases, *kernel_shape),
            initializer=self._initialize_bases,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(filters,), initializer="zeros"
            )
        if self.routing is not None:
            self.routing_kernel = self.add_weight(
                name="routing_kernel",
                shape=(in_channels, self.num_bases),
                initializer="glorot_uniform",
            )
            self.routing_bias = self.add_weight(
                name="routing_bias", shape=(self.num_bases,)
            )

    def _initialize_bases(self, shape, dtype=None):
        return ops.stack(
            [
                independent(self.kernel_initializer, basis)(
                    shape[1:], dtype=dtype
                )
                for basis in range(self.num_bases)
            ]
        )

    def call(
        self, inputs: Any, coefficients: Any = None, training: bool = False
    ) -> Any:
        if coefficients is None:
            coefficients = self._route(inputs)
        self._check_coefficients(inputs, coefficients)
        outputs = self._run(inputs, coefficients, training)
        return outputs if self.bias is None else outputs + self.bias

    def _route(self, inputs):
        if self.routing is None:
            raise ValueError(
                f"The layer '{self.name}' needs `coefficients` of shape "
                f"(batch, {self.num_bases}). Received: coefficients=None. "
                "Pass them, or make the layer with `routing='sigmoid'`."
            )
        pooled = ops.mean(inputs, axis=slicing.image_axes())
        routed = ops.matmul(pooled, self.routing_kernel) + self.routing_bias
        return keras.activations.get(self.routing)(routed)

    def _check_coefficients(self, inputs, coefficients):
        shape = tuple(coefficients.shape)
        batches = {inputs.shape[0], *shape[:1]} - {None}
        if len(shape) != 2 or shape[1] != self.num_bases or len(batches) > 1:
            raise ValueError(
                f"`coefficients` must have the shape (batch, "
                f"{self.num_bases}), one for each image and basis. Received: "
                f"coefficients.shape={shape}, inputs.shape="
                f"{tuple(inputs.shape)}."
            )

    def _run(self, inputs, coefficients, training):
        is_auto = self.method == "auto"
        if self.method == "sum" or (
            is_auto and self._prefers_sum(inputs, training)
        ):
            return self._sum_of_convolutions(inputs, coefficients)
        # Kernels of the images as rows of a matrix.
        bases = ops.reshape(self.kernel, (self.num_bases, -1))
        kernels = ops.matmul(coefficients, bases)
        if self.method == "synthesize":
            return self._convolve(inputs, self._only(kernels))
        batch = ops.shape(inputs)[0]
        known = isinstance(batch, int)
        if self.method == "auto" and known and batch == 1:
            return self._synthesize(inputs, kernels)
        # The gradient of a choice at run time takes long to trace.
        if self.method == "per_image" or known or training:
            return self._per_image(inputs, kernels)
        return ops.cond(
            ops.equal(batch, 1),
            lambda: self._synthesize(inputs, kernels),
            lambda: self._per_image(inputs, kernels),
        )

    def _prefers_sum(self, inputs, training):
        """Whether the sum of convolutions is the fastest way."""
        return self.num_bases == 1

    def _synthesize(self, inputs, kernels):
        # The first row and no reshaping of all: TensorFlow would conclude that
        # there is one, also where this branch is not taken.
        kernel = ops.reshape(kernels[0], self.kernel.shape[1:])
        return self._convolve(inputs, kernel)

    def _per_image(self, inputs, kernels):
        shape = (-1, *self.kernel.shape[1:])
        return self._convolve_each(inputs, ops.reshape(kernels, shape))

    def _only(self, kernels):
        if kernels.shape[0] not in (None, 1):
            raise ValueError(
                "`method='synthesize'` makes one kernel, for a batch of one "
                f"image. Received: a batch of {kernels.shape[0]}. Use "
                "`method='auto'`."
            )
        # Of a larger batch that was not known, this fails.
        return ops.reshape(kernels, self.kernel.shape[1:])

    def synthesized_weights(self, coefficients: Any) -> "list[np.ndarray]":
        """Weights of the stock layer that some coefficients stand for.

        Args:
            coefficients: Array of shape (num_bases,).

        Returns:
            List of NumPy arrays, for `set_weights` of the stock layer.
        """
        kernel = ops.tensordot(
            ops.cast(coefficients, self.kernel.dtype), self.kernel, axes=1
        )
        weights = [kernel] if self.bias is None else [kernel, self.bias]
        return [ops.convert_to_numpy(weight) for weight in weights]

    def _output_shape(self, input_shape, filters):
        def length(size):
            return None if size is None else self._out_size(size)

        batch, height, width, _ = input_shape
        return (batch, length(height), length(width), filters)

    def _out_size(self, size):
        if self.padding == "valid":
            size = size - self.kernel_size + 1
        return -(-size // self.strides)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "num_bases": self.num_bases,
            "strides": self.strides,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "routing": self.routing,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "method": self.method,
        }


def check_method(method):
    """Raises a `ValueError` if `method` is unknown."""
    checks.one_of(METHODS, method=method)
    return method


def independent(initializer, index):
    """A copy of an initializer that draws other numbers.

    An initializer with a seed returns the same numbers at each call, also with
    one that Keras chose: bases that start alike would stay alike.

    Args:
        initializer: `keras.initializers.Initializer`.
        index: Integer. Place of the copy.
    """
    config = initializer.get_config()
    seed = config.get("seed", 0)
    if isinstance(seed, dict):
        # A `SeedGenerator` moves on by itself.
        return initializer
    if "seed" in config and seed is not None:
        config["seed"] = seed + index
    return type(initializer).from_config(config)
