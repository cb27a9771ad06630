"""RetinaNet on a child."""

import math
from collections.abc import Sequence

import keras

from keras_elastic import checks
from keras_elastic.detection.decoding import BoxDecoder
from keras_elastic.detection.encoder import ImageEncoder
from keras_elastic.models import feature_pyramid

# The probability of an object that an untrained head gives each anchor.
_PRIOR = 0.01
# What keras-hub can add coarser maps to.
_COARSEST_NEEDED = 32
IMAGE_SIZE = checks.Rule(
    "a pair of positive integers, height and width in pixels",
    lambda value: checks.PAIR.fits(value) and checks.SIZES.fits(value),
)
STRIDES = checks.Rule(
    "powers of two, each twice the one before, such as (8, 16, 32)",
    lambda value: (
        checks.SIZES.fits(value)
        and value[0] & (value[0] - 1) == 0
        and all(b == 2 * a for a, b in zip(value, value[1:], strict=False))
    ),
)


@checks.arguments(
    model=checks.MODEL,
    classes=checks.POSITIVE_INTEGER,
    image_size=IMAGE_SIZE | checks.NONE,
    strides=STRIDES,
    anchor_size=checks.RATE,
    head_layers=checks.COUNT,
    name=checks.STRING,
)
def retinanet(
    model: keras.Model,
    classes: int,
    image_size: Sequence[int] | None = None,
    *,
    strides: Sequence[int] = (8, 16, 32, 64, 128),
    anchor_size: float = 4.0,
    head_layers: int = 4,
    name: str = "retinanet",
) -> keras.Model:
    """Makes an object detector with the trunk of a child.

    The trunk is a copy, with the child's weights: training the detector leaves
    the child as it is. The neck and the heads are new. The convolutions of
    the heads start small and those of the classes from a low probability, as
    in the paper; keras-hub's start 5 times larger, and from one half.

    References:
    - Focal Loss for Dense Object Detection (Lin et al., ICCV 2017), section
      4: RetinaNet; section 4.1: how its heads start.
    - Feature Pyramid Networks for Object Detection (Lin et al., CVPR 2017).

    Args:
        model: Child, from `keras_elastic.load`, `Supernet.child` or
            `keras_elastic.build`.
        classes: Integer. Number of classes of objects.
        image_size: Pair of integers, height and width of the images in
            pixels, each a multiple of the trunk's coarsest stride. Defaults
            to the child's.
        strides: Tuple of integers. How much smaller the maps are, on which
            objects are looked for. The child must have those up to 32; the
            neck makes the coarser ones.
        anchor_size: Float. Side of the smallest anchors, as a multiple of the
            stride of their map: 4 on a map of stride 8 looks for objects of
            32 pixels, and at two more scales up to 51.
        head_layers: Integer. Convolutions of each head before its last, of
            256 channels: most of a small detector's cost.
        name: String. Name of the model.

    Returns:
        A `keras_hub.models.RetinaNetObjectDetector` from pixels in 0..255 of
        shape (batch, height, width, 3), compiled. `fit` takes
        `detection_batches`; `predict` returns what `BoxDecoder` does.

    Raises:
        ValueError: keras-hub is not installed, `model` lacks a stride, or
            `image_size` is not a multiple.

    Example:

    ```python
    child = keras_elastic.load("bignas", flops=100e6)
    detector = keras_elastic.detection.retinanet(child, 80, (384, 512))
    detector.compile(optimizer=keras.optimizers.Adam(1e-4))
    detector.fit(batches, epochs=12, steps_per_epoch=1000)
    ```
    """
    keras_hub = import_keras_hub()
    strides = tuple(strides)
    own = _own_strides(model, strides)
    size = tuple(image_size or model.input_shape[1:3])
    check_multiple("image_size", size, own[-1])
    min_level = strides[0].bit_length() - 1
    max_level = strides[-1].bit_length() - 1
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=ImageEncoder.of(feature_pyramid(model, own), size),
        min_level=min_level,
        max_level=max_level,
        use_p5=False,
        image_shape=(*size, 3),
    )
    detector = keras_hub.models.RetinaNetObjectDetector(
        backbone,
        num_classes=classes,
        bounding_box_format="yxyx",
        anchor_generator=keras_hub.layers.AnchorGenerator(
            "yxyx",
            min_level=min_level,
            max_level=max_level,
            num_scales=3,
            aspect_ratios=[0.5, 1.0, 2.0],
            anchor_size=anchor_size,
        ),
        pre_logits_num_conv_layers=head_layers,
        prediction_decoder=BoxDecoder(),
        name=name,
    )
    _begin(detector.box_head, 0.0)
    _begin(detector.classification_head, -math.log((1 - _PRIOR) / _PRIOR))
    return detector


def import_keras_hub():
    """Returns keras-hub.

    Raises:
        ValueError: It is not installed.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise ValueError(
            "A detector needs keras-hub, which cannot be imported here: "
            f"{error}. {checks.install('detection')}"
        ) from error
    return keras_hub


def _own_strides(model, strides):
    """Those of some strides of which a child has maps."""
    known = [int(n.split("_")[1]) for n in feature_pyramid(model).output]
    own = tuple(s for s in strides if s <= max(known))
    missing = [s for s in own or strides if s not in known]
    # Where the neck makes coarser maps than 16, it needs one of 32.
    if not missing and own[-1] < min(strides[-1], _COARSEST_NEEDED):
        missing = [s for s in strides if own[-1] < s <= _COARSEST_NEEDED]
    if missing:
        raise ValueError(
            f"`model` must have maps of the strides {strides}, up to "
            f"{_COARSEST_NEEDED}: the neck makes only coarser ones. Received: "
            f"model='{model.name}', which has {sorted(known)} and lacks "
            f"{missing}. Pass `strides` of those that it has."
        )
    return own


def check_multiple(name, size, stride):
    """Raises a `ValueError` unless a size is a multiple of a stride."""
    if any(side % stride for side in size):
        near = tuple(max(round(side / stride), 1) * stride for side in size)
        raise ValueError(
            f"`{name}` must be multiples of {stride}, the coarsest stride of "
            "the trunk, or its maps would not fit on each other. Received: "
            f"{name}={tuple(size)}. Pass {near}, for instance."
        )


def _begin(head, bias):
    """Sets the weights of a new head as the paper does."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    for layer in (*head.conv_layers, head.prediction_layer):
        layer.kernel.assign(small(layer.kernel.shape))
    last = head.prediction_layer.bias
    last.assign(keras.ops.full(last.shape, bias))
