"""Features of several sizes, for detectors and segmentation."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_elastic import checks
from keras_elastic.models.child import build_child
from keras_elastic.models.elastic_pyramid import ElasticPyramid
from keras_elastic.models.supernet import Supernet
from keras_elastic.models.trunk import feature_maps

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
)


@checks.arguments(
    model=checks.MODEL, strides=checks.SEQUENCE | checks.INTEGER | checks.NONE
)
def feature_pyramid(
    model: keras.Model, strides: Sequence[int] | int | None = None
) -> Any:
    """Returns a model of a child's feature maps, one for each stride.

    For what is put on a backbone: a feature pyramid network, an SSD head, a
    segmentation decoder. Layers and weights are the child's own, so that
    training the pyramid trains the child; what no map needs is left out.

    The map of a stride is the last one of this stride that is an output of a
    block: after the block's addition and the activation that follows it, if
    there is one. So it is the narrow map between two inverted residuals, and
    neither the wide one inside the next block nor the output of the
    convolution that widens the last map for the classifier. Detectors on
    EfficientNet read these maps; those who want the wide last one find it
    with `load(..., include_top=False)`. (SSDLite on MobileNet v2 reads one
    map inside a block instead.) Where a pooling makes the map smaller, as in
    VGG and behind ResNet's stem, it is the map before the pooling.

    References:
    - EfficientDet: Scalable and Efficient Object Detection (Tan et al., CVPR
      2020), section 4: levels P3 to P7 from the blocks of an EfficientNet.
    - Feature Pyramid Networks for Object Detection (Lin et al., CVPR 2017),
      section 3: the last residual block of each stage, not of stride 2.

    Args:
        model: Child, from `keras_elastic.load`, `Supernet.child` or
            `keras_elastic.build`, fine-tuned and loaded from a file or not,
            with its classifier or without. Or a `Supernet`.
        strides: Sequence of integers, how much smaller the maps are than the
            image; `(8, 16, 32)` for most detectors. Defaults to all that the
            network has.

    Returns:
        A functional `keras.Model`, not compiled, of the same stock layers:
        from the child's images to a dictionary from `"stride_8"` and so on
        to features of shape (batch, height, width, channels). Of a
        `Supernet`, an `ElasticPyramid`: the same, at any architecture.

    Raises:
        ValueError: `model` is not functional, or has no map of a stride; those
            that it has are named.

    Example:

    >>> child = keras_elastic.build("mobilenet_v2", classes=10)
    >>> pyramid = keras_elastic.feature_pyramid(child, strides=(8, 16, 32))
    >>> for name, features in sorted(pyramid.output.items()):
    ...     print(name, features.shape)
    stride_16 (None, 14, 14, 96)
    stride_32 (None, 7, 7, 320)
    stride_8 (None, 28, 28, 32)
    """
    if isinstance(model, Supernet):
        return _elastic(model, strides)
    maps = _last_maps(feature_maps(model))
    known = _known(model, strides, maps)
    outputs = {f"stride_{s}": maps[s].features for s in known}
    return keras.Model(model.inputs[0], outputs, name=f"{model.name}_pyramid")


def _elastic(supernet, strides):
    """The pyramid of a supernet: its maps are those of its largest child."""
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    maps = _last_maps(feature_maps(build_child(plan, supernet.name)))
    ends = {_last_layer(block): block.name for block in plan.blocks}
    # A map inside of a block is out of reach: a supernet runs whole blocks.
    known = {
        strides: ends[found.layer.name]
        for strides, found in maps.items()
        if found.layer.name in ends
    }
    strides = _known(supernet, strides, known)
    return ElasticPyramid(supernet, {s: known[s] for s in strides})


def _last_layer(block):
    """Name of the layer of a child that ends a block."""
    if block.after:
        return block.after[-1].name
    if block.shortcut is not None:
        return f"{block.name}_add"
    return block.operations[-1].name


def _known(model, strides, maps):
    """Checked strides, all where none are asked for."""
    strides = tuple(maps) if strides is None else _listed(strides)
    unknown = [s for s in strides if s not in maps]
    if unknown or not strides:
        raise ValueError(
            f"`strides` must be some of those that '{model.name}' has, "
            f"{tuple(maps)}. Received: strides={strides!r}. Leave out those "
            "that it lacks, or pass None for all."
        )
    return strides


def _listed(strides):
    """Strides as a tuple, also a single one."""
    return (strides,) if isinstance(strides, int) else tuple(strides)


def _last_maps(trunk):
    """The last output of a block at each stride."""
    places = {}
    for place, found in enumerate(trunk):
        places[found.strides] = place
    return {
        strides: trunk[_before_expansion(trunk, place)]
        for strides, place in places.items()
    }


def _before_expansion(trunk, place):
    """Steps back over a convolution that widens a linear bottleneck.

    That is a 1x1 convolution, with its normalization and activation, right
    behind a map without an activation: it begins the next inverted residual,
    or the head. Behind an activation a 1x1 convolution ends a block, as in
    MobileNet v1.
    """
    start = place
    if _is_activation(trunk[start].layer):
        start -= 1
    if isinstance(trunk[start].layer, _NORMALIZATIONS):
        start -= 1
    is_expansion = (
        start > 0
        and _is_pointwise(trunk[start].layer)
        and _is_linear(trunk[start - 1].layer)
    )
    return start - 1 if is_expansion else place


def _is_activation(layer):
    return isinstance(layer, (keras.layers.Activation, keras.layers.ReLU))


def _is_pointwise(layer):
    return (
        isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (1, 1)
        and layer.strides == (1, 1)
    )


def _is_linear(layer):
    """Whether a layer ends a block without an activation."""
    return isinstance(
        layer,
        (
            keras.layers.Add,
            keras.layers.Conv2D,
            *_NORMALIZATIONS,
        ),
    )
