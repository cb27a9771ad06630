"""The trunk of a child: the feature maps that all of an image goes through.

Read from the layers of the model, and not from a plan, so that a child that
was fine-tuned, saved and loaded has the same maps.
"""

import collections
from typing import Any
from typing import NamedTuple

import keras


class FeatureMap(NamedTuple):
    """The output of a layer on the trunk, and how much smaller it is."""

    layer: Any
    strides: int

    @property
    def features(self):
        """The layer's output, a symbolic tensor."""
        return self.layer.output


def feature_maps(model):
    """Returns the feature maps of a model's trunk, in their order.

    Layers inside of a residual block are not on the trunk, for the shortcut
    goes past them. The trunk begins with the first convolution and ends
    before the pooling over all pixels, or before a convolution over all
    pixels, which is a fully connected layer in another form.

    Args:
        model: Functional `keras.Model` of images, whose layers are used once.

    Returns:
        List of `FeatureMap`, not empty.

    Raises:
        ValueError: `model` is no such model, or has no convolution.
    """
    layers = _checked_layers(model)
    strides = _strides(layers)
    maps = []
    for layer in _bottlenecks(layers):
        is_convolution = isinstance(layer, keras.layers.Conv2D)
        if maps and (len(layer.output.shape) != 4 or _sees_all(layer)):
            break
        if maps or is_convolution:
            maps.append(FeatureMap(layer, strides[id(layer.output)]))
    if not maps:
        raise ValueError(_message(model, "which has no convolution"))
    return maps


def _checked_layers(model):
    if hasattr(model, "why_no_features"):
        raise ValueError(
            "`model` must have one trunk that all images go through. "
            f"Received: model={model.name!r}. {model.why_no_features}"
        )
    if not hasattr(model, "operations"):
        raise ValueError(_message(model, "which is not functional"))
    for layer in model.layers:
        if not _has_one_output(layer):
            raise ValueError(
                _message(
                    model,
                    f"whose layer '{layer.name}' is used twice or has "
                    "several outputs",
                )
            )
    # From the input to the output: a layer comes after those it reads.
    return model.layers


def _has_one_output(layer):
    # Each use of a layer is a node of its own.
    is_used_once = len(layer._inbound_nodes) == 1
    return is_used_once and isinstance(layer.output, keras.KerasTensor)


def _message(model, what):
    return (
        "`model` must be a functional `keras.Model` of convolutions, such as "
        f"`keras_elastic.load` returns. Received: model={model!r}, {what}. "
        "Pass a child, or a model that begins with one's layers."
    )


def _inputs(layer):
    if isinstance(layer, keras.layers.InputLayer):
        return []
    return keras.tree.flatten(layer.input)


def _bottlenecks(layers):
    """Layers that each path from the input to the output goes through."""
    uses = collections.Counter(id(t) for x in layers for t in _inputs(x))
    waiting = set()
    for layer in layers:
        for tensor in _inputs(layer):
            uses[id(tensor)] -= 1
            if not uses[id(tensor)]:
                waiting.discard(id(tensor))
        waiting.add(id(layer.output))
        # Everything that comes later reads this output, directly or not.
        if waiting == {id(layer.output)}:
            yield layer


def _strides(layers):
    """How much smaller each output is than the image, by its identity.

    The product of the layers' strides: heights would mislead where a size
    was rounded up.
    """
    strides = {}
    for layer in layers:
        # The gate of squeeze-excite, one pixel, comes with the map it scales.
        before = max((strides[id(t)] for t in _inputs(layer)), default=1)
        own = getattr(layer, "strides", None) or (1,)
        strides[id(layer.output)] = before * own[0]
    return strides


def _sees_all(layer):
    """Whether a layer is a convolution over all pixels of a larger map."""
    return (
        isinstance(layer, keras.layers.Conv2D)
        and layer.padding == "valid"
        and layer.kernel_size == tuple(layer.input.shape[1:3]) != (1, 1)
    )
