"""Runs of steps: what each reads, and what it becomes behind the others."""

import keras
import numpy as np
from keras import ops

from keras_elastic.models.converting.steps import Step
from keras_elastic.models.converting.steps import refuse
from keras_elastic.spaces import ceil_divide


class Channels:
    """Groups of channels; those that an addition ties are one group."""

    def __init__(self):
        self.sizes = []
        self._parents = []

    def new(self, size):
        """Makes a group of `size` channels and returns its number."""
        self.sizes.append(size)
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    def root(self, group):
        """The number that all groups tied to `group` share."""
        while self._parents[group] != group:
            group = self._parents[group]
        return group

    def tie(self, group, other):
        """Makes one group of two; the number of the older one stays."""
        first, second = sorted((self.root(group), self.root(other)))
        self._parents[second] = first


class Chain:
    """Steps one after the other, of a map of some size and channels.

    Args:
        channels: `Channels`, of all chains of a graph.
        size: Integer. Height of the map.
        group: Number of the group of its channels.
        is_pooled: Boolean. Whether there is no map, but one vector.
        is_first: Boolean. Whether it begins with the images.

    Attributes:
        steps: List of `Step`.
        affine: Pair of a scale and an offset, what a chain of the images does
            to them before its first step.
        is_flat: Whether a layer reads a whole map, which then has one size.
    """

    def __init__(self, channels, size, group, is_pooled=False, is_first=False):
        self.channels = channels
        self.size = size
        self.group = group
        self.is_pooled = is_pooled
        self.is_flat = False
        self.steps = []
        self.affine = (np.ones(1), np.zeros(1)) if is_first else None
        self._pad = None
        self._flatten = None

    @property
    def num_channels(self):
        """Channels of the output."""
        return self.channels.sizes[self.group]

    def append(self, step):
        """Adds a step.

        Raises:
            ValueError: The step has no meaning behind the others.
        """
        if self._flatten is not None and step.kind == "dropout":
            return
        if self._flatten is not None and step.kind != "dense":
            refuse(self._flatten, "a map is flattened for a Dense layer only")
        if self._pad is not None and step.kind not in _PADDED:
            refuse(
                self._pad,
                "padding must come before a convolution or a max pooling",
            )
        getattr(self, f"_append_{step.kind}")(step)

    def finish(self):
        """Checks that nothing waits for another step, and returns the steps."""
        for left in (self._pad, self._flatten):
            if left is not None:
                refuse(left, "nothing that could take it follows")
        for step in self.steps:
            if step.kind == "affine":
                refuse(step, "arithmetic is read before the first layer only")
            if step.kind == "depthwise_convolution" and "bias" in step.weights:
                refuse(
                    step,
                    "a depthwise convolution has a bias only where a "
                    "normalization follows",
                    "Build it with `use_bias=False`.",
                )
        return self.steps

    def _add(self, step):
        if step.filters is not None:
            self.group = self.channels.new(step.filters)
        step.group = self.group
        self.steps.append(step)

    # What reads a map

    def _append_convolution(self, step):
        if self.is_pooled:
            self._append_pointwise(step)
            return
        self._set_padding(step)
        self._add(step)
        self._shrink(step)

    def _append_pointwise(self, step):
        """A 1x1 convolution of one pixel is a dense layer."""
        if step.window != 1 or step.strides != 1:
            refuse(step, "a convolution of one pixel must be 1x1")
        step.kind = "dense"
        step.arguments = {"use_bias": step.arguments["use_bias"]}
        step.weights["kernel"] = step.weights["kernel"][0, 0]
        self._add(step)

    def _append_depthwise_convolution(self, step):
        self._check_map(step)
        self._set_padding(step)
        self._add(step)
        self._shrink(step)

    def _append_max_pooling(self, step):
        self._append_depthwise_convolution(step)

    def _append_average_pooling(self, step):
        self._append_depthwise_convolution(step)

    def _append_global_pooling(self, step):
        self._check_map(step)
        step.begins_head = True
        self._add(step)
        self.size, self.is_pooled = 1, True

    def _check_map(self, step):
        if self.is_pooled:
            refuse(step, "behind a global pooling there is no map to read")

    def _shrink(self, step):
        size = self.size
        if step.arguments["padding"] == "valid":
            size = size - step.window + 1
        self.size = ceil_divide(size, step.strides)

    def _append_pad(self, step):
        self._check_map(step)
        self._pad = step

    def _set_padding(self, step):
        """Makes one padding of that of the layer and of a layer before it."""
        pad, self._pad = self._pad, None
        window = step.window
        if step.arguments["padding"] not in ("same", "valid"):
            refuse(step, "its padding must be 'same' or 'valid'")
        is_valid = step.arguments["padding"] == "valid"
        if pad is not None:
            margins = pad.arguments["pad"]
            step.arguments["padding"] = self._combined(margins, step)
            if not is_valid or step.arguments["padding"] is None:
                refuse(
                    pad,
                    "padding must be the 'same' of the 'valid' layer that "
                    "follows, or half of its odd window on each side",
                )
        elif is_valid and window == 1:
            # The two are one, and a kernel of one can be any padding's.
            step.arguments["padding"] = "same"
        if step.arguments["padding"] == "same" and window % 2 == 0:
            self._check_even(step)

    def _combined(self, margins, step):
        window, strides = step.window, step.strides
        total = (ceil_divide(self.size, strides) - 1) * strides
        total = max(total + window - self.size, 0)
        # A max pooling does not pad zeros of its own.
        if margins == (total // 2, total - total // 2) and (
            step.kind != "max_pooling"
        ):
            return "same"
        if window % 2 and margins == (window // 2, window // 2):
            return "symmetric"
        return None

    def _check_even(self, step):
        if "kernel_size" in step.arguments:
            refuse(step, "an even kernel must have the padding 'valid'")

    # What reads anything

    def _append_normalization(self, step):
        if self.is_pooled:
            refuse(
                step,
                "a normalization must be of a map, and not of a vector",
                "Leave it out, or put it before the pooling.",
            )
        before = self.steps[-1] if self.steps else None
        if before is not None and before.kind == "depthwise_convolution":
            # What a bias adds, the mean of what follows takes away.
            bias = before.weights.pop("bias", 0.0)
            step.weights["statistics"][0] -= bias
        self._add(step)

    def _append_activation(self, step):
        self._add(step)

    def _append_squeeze_excite(self, step):
        self._add(step)

    def _append_dropout(self, step):
        # The supernet drops features of vectors. Elsewhere dropout, and
        # stochastic depth, is left out: at inference it is nothing.
        if self.is_pooled:
            self._add(step)

    def _append_dense(self, step):
        flatten, self._flatten = self._flatten, None
        if self.is_pooled:
            self._add(step)
            return
        # As a convolution its input channels can be sliced.
        window = self.size if flatten is not None else 1
        kernel = step.weights["kernel"]
        shape = (window, window, self.num_channels, kernel.shape[-1])
        step.weights["kernel"] = kernel.reshape(shape)
        step.kind = "convolution"
        step.arguments.update(
            kernel_size=window,
            strides=1,
            padding="same" if flatten is None else "valid",
        )
        self._add(step)
        if flatten is not None:
            step.begins_head = True
            self.is_flat = True
            # One pixel is left: its mean is itself.
            self._append_global_pooling(
                Step("global_pooling", flatten.name, {})
            )

    def _append_flatten(self, step):
        shape = step.arguments["shape"]
        if self.is_pooled:
            if shape is not None and _product(shape) not in (
                self.num_channels,
                -1,
            ):
                refuse(step, "channels must stay one axis")
            return
        if shape is not None and shape not in ((-1,), (self._elements(),)):
            refuse(step, "a map may be flattened and not reshaped")
        self._flatten = step

    def _elements(self):
        return self.size**2 * self.num_channels

    # Arithmetic

    def _append_affine(self, step):
        scale, offset = step.arguments["scale"], step.arguments["offset"]
        if self.affine is not None and not self.steps:
            before_scale, before_offset = self.affine
            self.affine = (before_scale * scale, before_offset * scale + offset)
            return
        self._add(step)
        if _is_hard_sigmoid(self.steps[-3:]):
            del self.steps[-2:]
            last = self.steps[-1]
            last.kind, last.arguments = "activation", {"function": HARD_SIGMOID}


HARD_SIGMOID = "hard_sigmoid"
_PADDED = ("convolution", "depthwise_convolution", "max_pooling")


def _product(shape):
    product = int(np.prod(shape))
    return -1 if product < 0 else product


def _is_hard_sigmoid(steps):
    """Whether steps are relu6(x + 3) / 6."""
    if [s.kind for s in steps] != ["affine", "activation", "affine"]:
        return False
    shift, clip, scale = (s.arguments for s in steps)
    numbers = (shift["scale"], shift["offset"], scale["scale"], scale["offset"])
    return clip["function"] == "relu6" and all(
        np.allclose(number, expected)
        for number, expected in zip(numbers, (1, 3, 1 / 6, 0), strict=True)
    )


def check_activations(steps):
    """Refuses activations that are not zero at zero.

    Channels that a subnet lacks are zeros, and must stay so.
    """
    for step in steps:
        if step.kind == "activation":
            function = keras.activations.get(step.arguments["function"])
            if np.any(ops.convert_to_numpy(function(ops.zeros((1, 2))))):
                refuse(step, "an activation must be zero at zero")
