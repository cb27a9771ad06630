"""Weights of PyTorch's layers as the layers of a supernet hold them."""

import functools

from keras_elastic.spaces import plan as primitives


class Weights:
    """The arrays of a release, of which each can be taken once.

    Args:
        arrays: Dictionary from names to arrays.
    """

    def __init__(self, arrays):
        self.arrays = arrays
        self.missing = []
        self.left = set(arrays)

    def take(self, name):
        """The array of a name, or `None`, which is remembered."""
        if name not in self.arrays:
            self.missing.append(name)
            return None
        self.left.discard(name)
        return self.arrays[name]


@functools.singledispatch
def layer_weights(operation, name, weights):
    """Returns the arrays of a layer, in the order of its weights.

    Args:
        operation: Operation of a plan.
        name: String. What the release calls the layer.
        weights: `Weights`.
    """
    raise TypeError(f"No weights of {operation!r}.")


@layer_weights.register(primitives.Convolution)
@layer_weights.register(primitives.Shortcut)
def _(operation, name, weights):
    taken = [_transposed(weights.take(f"{name}.weight"), (2, 3, 1, 0))]
    if getattr(operation, "use_bias", False):
        taken.append(weights.take(f"{name}.bias"))
    return taken


@layer_weights.register
def _(operation: primitives.DepthwiseConvolution, name, weights):
    kernel = _transposed(weights.take(f"{name}.weight"), (2, 3, 0, 1))
    if not operation.kernel_transform or kernel is None:
        return [kernel]
    # A layer has them from the largest on: 7 to 5, then 5 to 3.
    matrices = [
        weights.take(f"{name}.{size + 2}to{size}_matrix")
        for size in range(kernel.shape[0] - 2, 1, -2)
    ]
    return [kernel, *matrices]


@layer_weights.register
def _(operation: primitives.Normalization, name, weights):
    return [weights.take(f"{name}.{part}") for part in ("weight", "bias")]


@layer_weights.register
def _(operation: primitives.SqueezeExcite, name, weights):
    return [
        array
        for part in ("reduce", "expand")
        for array in (
            _matrix(weights.take(f"{name}.{part}.weight")),
            weights.take(f"{name}.{part}.bias"),
        )
    ]


@layer_weights.register
def _(operation: primitives.Dense, name, weights):
    taken = [_matrix(weights.take(f"{name}.weight"))]
    if operation.use_bias:
        taken.append(weights.take(f"{name}.bias"))
    return taken


def _transposed(array, axes):
    return array if array is None or array.ndim != 4 else array.transpose(axes)


def _matrix(array):
    """Of a fully connected layer, or of a 1x1 convolution."""
    if array is None:
        return None
    if array.ndim == 4 and array.shape[2:] == (1, 1):
        array = array[:, :, 0, 0]
    return array.T
