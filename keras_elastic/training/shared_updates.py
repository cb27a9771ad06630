"""Applies a stock optimizer with one trace of its update for all variables.

Keras writes an update anew for each variable: many operations, which
TensorFlow traces in Python, and a supernet has hundreds of variables. Here the
update is traced once for all variables of a rank, and called for each of them,
which is one node of the graph. The results are equal to the last bit: an update
works on one element at a time.
"""

import keras
import tensorflow as tf
from keras import ops

# Those whose update looks at one element at a time, and what they keep for
# each variable.
_KEPT = (
    (keras.optimizers.SGD, ("momentums",)),
    (keras.optimizers.RMSprop, ("_velocities", "_momentums")),
    (keras.optimizers.Adam, ("_momentums", "_velocities", "_velocity_hats")),
)


def apply(optimizer, gradients, variables):
    """As `optimizer.apply`, which it is where an update cannot be shared.

    Args:
        optimizer: `keras.optimizers.Optimizer`, built.
        gradients: List of tensors.
        variables: List of the variables that the optimizer was built for.
    """
    kept = _kept(optimizer)
    if kept is not None:
        optimizer = _with(optimizer, update_step=_SharedUpdate(optimizer, kept))
    optimizer.apply(gradients, variables)


def _kept(optimizer):
    """Names of the lists of what is kept for each variable, or `None`."""
    for stock, names in _KEPT:
        # Of a subclass only if it has the same update.
        if getattr(type(optimizer), "update_step", None) is stock.update_step:
            return tuple(n for n in names if getattr(optimizer, n, None))
    return None


def _with(optimizer, **attributes):
    """The same optimizer, of the same variables, with other attributes."""
    view = object.__new__(type(optimizer))
    # Not by assignment, which Keras tracks.
    vars(view).update(vars(optimizer), **attributes)
    return view


class _SharedUpdate:
    """Stands for `update_step` of an optimizer.

    Args:
        optimizer: The optimizer.
        kept: Names of its lists of what is kept for each variable.
    """

    def __init__(self, optimizer, kept):
        self._optimizer = optimizer
        self._kept = kept
        self._traces = {}

    def __call__(self, gradient, variable, learning_rate):
        """Updates a variable, and what is kept for it."""
        index = self._optimizer._get_variable_index(variable)
        lists = [getattr(self._optimizer, name) for name in self._kept]
        handles = [variable.handle, *(one[index].value.handle for one in lists)]
        # Constants of the trace, such as the iteration, are of one device.
        key = variable.dtype, len(variable.shape), variable.device
        if key not in self._traces:
            self._traces[key] = self._trace(*key[:2])
        if self._traces[key] is None:
            self._optimizer.update_step(gradient, variable, learning_rate)
            return
        self._traces[key](
            tf.cast(gradient, variable.dtype),
            ops.cast(learning_rate, variable.dtype),
            *handles,
        )

    def _trace(self, dtype, rank):
        """An update of one variable, or `None` if it cannot be shared."""

        def update(gradient, learning_rate, *handles):
            variable, *kept = (_AnySize(h, dtype, rank) for h in handles)
            one = _with(
                self._optimizer,
                _get_variable_index=lambda variable: 0,
                **{n: [k] for n, k in zip(self._kept, kept, strict=True)},
            )
            one.update_step(gradient, variable, learning_rate)

        specs = [tf.TensorSpec([None] * rank, dtype), tf.TensorSpec((), dtype)]
        specs += [tf.TensorSpec((), tf.resource)] * (len(self._kept) + 1)
        trace = tf.function(
            update,
            input_signature=specs,
            autograph=False,
            # Put back in place, its operations would be optimized again for
            # each variable.
            experimental_attributes={"_noinline": True},
        ).get_concrete_function()
        # An optimizer that keeps more than this file knows of, such as one
        # that is centered, would change what it keeps for the first variable.
        knows_all = all(v.shape.rank == 0 for v in trace.graph.variables)
        return trace if knows_all else None


class _AnySize:
    """A variable that is given by its handle, for an update within a trace."""

    def __init__(self, handle, dtype, rank):
        self.handle = handle
        self.dtype = dtype
        self.rank = rank

    def __tf_tensor__(self, dtype=None, name=None):
        value = tf.raw_ops.ReadVariableOp(
            resource=self.handle, dtype=self.dtype
        )
        # Some operations of Keras ask for the rank.
        value.set_shape([None] * self.rank)
        return value

    def assign(self, value):
        tf.raw_ops.AssignVariableOp(resource=self.handle, value=value)

    def assign_add(self, value):
        tf.raw_ops.AssignAddVariableOp(resource=self.handle, value=value)

    def assign_sub(self, value):
        tf.raw_ops.AssignSubVariableOp(resource=self.handle, value=value)
