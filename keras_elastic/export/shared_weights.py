"""Weights of several children of one supernet, stored once.

A child's weights are parts of its supernet's: the first channels, and the
center of a kernel. So what several children have can be cut, by constant
sizes, from one array that is as large as the largest of them.
"""

import numpy as np
import tensorflow as tf


class SharedWeights(tf.Module):
    """A variable for each weight that children share, and one for the rest.

    What two children share must be equal in both, to the last bit. Kernels that
    were transformed, and so differ, go into one vector a child. So do biases:
    a variable for each would take more room in the file than their numbers.

    Args:
        weights_of_children: Sequence of dictionaries, one a child, from the
            names of weights to float32 arrays.
    """

    def __init__(self, weights_of_children):
        super().__init__(name="shared_weights")
        self._weights = tuple(weights_of_children)
        names = dict.fromkeys(n for w in self._weights for n in w)
        unions = {name: self._union(name) for name in names}
        self._unions = {n: u for n, u in unions.items() if u is not None}
        self.shared = {
            name: tf.Variable(union, trainable=False, name=name)
            for name, union in self._unions.items()
        }
        self.own = [
            tf.Variable(self._own_vector(number), trainable=False)
            for number in range(len(self._weights))
        ]

    def _union(self, name):
        weights = [w[name] for w in self._weights if name in w]
        # Networks that are no children of one supernet may differ in them.
        axes = {weight.ndim for weight in weights}
        return None if 1 in axes or len(axes) > 1 else union(weights)

    @property
    def are_shared(self) -> bool:
        """Whether any weight is that of more than one child."""
        return any(
            sum(name in weights for weights in self._weights) > 1
            for name in self._unions
        )

    def _own_weights(self, number):
        return {
            name: weight
            for name, weight in self._weights[number].items()
            if name not in self._unions
        }

    def _own_vector(self, number):
        own = self._own_weights(number).values()
        empty = np.zeros(0, "float32")
        return np.concatenate([empty, *(weight.ravel() for weight in own)])

    def read(self, number: int) -> dict[str, tf.Tensor]:
        """Returns the weights of a child as tensors, by name.

        Args:
            number: Integer. Which of the children.
        """
        tensors = {
            name: self._read_part(name, weight.shape)
            for name, weight in self._weights[number].items()
            if name in self._unions
        }
        return {**tensors, **self._read_own(number)}

    def _read_own(self, number):
        own = self._own_weights(number)
        if not own:
            return {}
        # One operation, where a variable for each would take three.
        pieces = tf.split(
            tf.convert_to_tensor(self.own[number]),
            [weight.size for weight in own.values()],
        )
        return {
            name: piece if weight.ndim == 1 else tf.reshape(piece, weight.shape)
            for (name, weight), piece in zip(own.items(), pieces, strict=True)
        }

    def _read_part(self, name, shape):
        union = self._unions[name]
        value = tf.convert_to_tensor(self.shared[name])
        if shape == union.shape:
            return value
        return value[part(shape, union.shape)]


def union(weights) -> np.ndarray | None:
    """Returns the smallest array that the weights are parts of, or none.

    Args:
        weights: Sequence of float32 arrays, what each child has of a weight.
    """
    # What no child has stays zero.
    whole = np.zeros(np.max([w.shape for w in weights], axis=0), "float32")
    for weight in weights:
        whole[part(weight.shape, whole.shape)] = weight
    fits = (
        np.array_equal(whole[part(w.shape, whole.shape)], w) for w in weights
    )
    return whole if all(fits) else None


def part(shape, whole) -> tuple[slice, ...]:
    """Where a weight lies: the center of a kernel, the first channels."""
    is_kernel = len(whole) == 4
    slices = []
    for axis, (size, largest) in enumerate(zip(shape, whole, strict=True)):
        start = (largest - size) // 2 if is_kernel and axis < 2 else 0
        slices.append(slice(int(start), int(start + size)))
    return tuple(slices)
