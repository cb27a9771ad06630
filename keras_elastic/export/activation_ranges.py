"""Where a network in integers rounds its activations, and in what range.

For a model that `rebuild` made, on whichever Keras: layers are known by the
names of their classes.
"""

import numpy as np

from keras_elastic.export import rebuilding

# They choose among the values that they get, or LiteRT has them do so.
_SAME_VALUES = {"AveragePooling2D", "Dropout", "InputLayer", "MaxPooling2D"}
# The operations of LiteRT that can end in a ReLU.
_FUSING = {
    "Add",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Multiply",
    "Rescaling",
}
_PIXELS = (0.0, 255.0)
# LiteRT's sigmoid has steps of 1/256.
_SIGMOID = (0.0, 255 / 256)
_BATCH = 32


def measured(model, images) -> dict[str, tuple[float, float]]:
    """Measures the ranges of the outputs that LiteRT stores as integers.

    Args:
        model: What `rebuild` returned.
        images: Array of shape (count, resolution, resolution, 3).

    Returns:
        Dictionary from the names of layers to their least and greatest
        output, or zero if that is beyond them.

    Raises:
        ValueError: An output is not finite.
    """
    rounded = [layer for layer in model.layers if _is_rounded(layer)]
    outputs = type(model)(model.input, [layer.output for layer in rounded])
    parts = [
        [
            (np.min(features), np.max(features))
            for features in outputs(images[start : start + _BATCH])
        ]
        for start in range(0, len(images), _BATCH)
    ]
    ends = [(np.min(pair), np.max(pair)) for pair in np.swapaxes(parts, 0, 1)]
    for layer, pair in zip(rounded, ends, strict=True):
        if not np.isfinite(pair).all():
            raise ValueError(
                "`model` must have finite outputs in all its layers. Received: "
                f"NaN or infinity from {layer.name!r}. Look for weights that "
                "are not finite, or pixels beyond 0..255."
            )
    return {
        layer.name: _with_zero(pair)
        for layer, pair in zip(rounded, ends, strict=True)
    }


def fixed(model) -> dict[str, tuple[float, float]]:
    """Returns the ranges that are known, whatever the images."""
    ranges = {
        layer.name: _SIGMOID
        for layer in model.layers
        if _is_activation(layer, "sigmoid")
    }
    layer, ends = model.get_layer(rebuilding.PIXELS), np.array(_PIXELS)
    ranges[layer.name] = _PIXELS
    # From the pixels on, up to the first layer that sees more than one.
    while [kind(after) for after in _after(layer)] == ["Rescaling"]:
        [layer] = _after(layer)
        ends = ends * layer.scale + layer.offset
        ranges[layer.name] = _with_zero(ends)
    return ranges


def kind(layer) -> str:
    """The name of a layer's class."""
    return type(layer).__name__


def _with_zero(ends):
    """A range that holds zero, with which `same` padding fills up."""
    return min(float(np.min(ends)), 0.0), max(float(np.max(ends)), 0.0)


def _is_rounded(layer):
    """Whether LiteRT stores the output of a layer, as integers."""
    if kind(layer) in _SAME_VALUES or _is_fused(layer):
        return False
    return not _is_activation(layer, "linear")


def _is_activation(layer, name):
    return kind(layer) == "Activation" and layer.activation.__name__ == name


def _is_fused(layer):
    """Whether the layer after it is computed in the same operation."""
    if layer.name.endswith(rebuilding.FUSED):
        return True
    after = [kind(layer) for layer in _after(layer)]
    return after == ["ReLU"] and kind(layer) in _FUSING


def _after(layer):
    """The layers that take the output of a layer."""
    return [node.layer for node in layer._outbound_nodes]
