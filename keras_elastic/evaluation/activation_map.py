"""Where in an image a classifier sees a class."""

import dataclasses

import keras
import numpy as np

from keras_elastic import checks
from keras_elastic.layers import kernels
from keras_elastic.models import outputs
from keras_elastic.models.preparation import find
from keras_elastic.models.trunk import feature_maps


@checks.arguments(
    model=checks.MODEL, image=checks.ARRAY, label=checks.COUNT | checks.NONE
)
def activation_map(
    model: keras.Model, image: np.ndarray, label: int | None = None
) -> tuple[np.ndarray, int]:
    """Computes the class activation map of an image.

    At each position of the last feature map: what the logit of a class would
    be if the features were the same everywhere, less a constant, to first
    order. In a network whose pooling over all pixels is followed by the
    classifier this is the map of Zhou et al., and its mean is the logit less
    the classifier's bias. Where layers with activations lie
    between them, as in MobileNetV3, it is that of Selvaraju et al. (Grad-CAM)
    before negative values are cut off. Needs Keras's TensorFlow backend.

    Reference:
    - [Learning Deep Features for Discriminative Localization](
      https://arxiv.org/abs/1512.04150) (Zhou et al., CVPR 2016), equation 2.
    - [Grad-CAM](https://arxiv.org/abs/1610.02391) (Selvaraju et al., ICCV
      2017), equations 1 and 2, and section 3.1 for when both are the same.

    Args:
        model: Functional `keras.Model` of one trunk: a child, or another
            network of convolutions that is no model of models.
        image: Array of shape (height, width, 3), pixels in 0..255. Its central
            square is resized to the model's resolution, by way of the size of
            the images that trained it.
        label: Integer, the class. Defaults to the most probable one.

    Returns:
        Pair of a float32 array, of the height and width of the last feature
        map, and the number of the class.

    Raises:
        ValueError: The model has no feature map of several positions, such as
            a BasisNet or a cascade; `label` is no class of it; or the image is
            no image.

    Example:

    >>> model = keras_elastic.load("bignas_digits", flops=1e6)
    >>> values, label = activation_map(model, images[0])
    >>> values.shape, 0 <= label < 10
    ((3, 3), True)
    """
    features = check_map(model)
    classes = model.output_shape[-1]
    if label is not None and label >= classes:
        raise ValueError(
            f"`label` must be a class of `model`, from 0 to {classes - 1}. "
            f"Received: label={label}."
        )
    pixels = _prepared(model, image)
    gradient, maps, label = _gradient(model, features, pixels, label)
    # The mean of a channel's gradients over the positions, times how many.
    weights = gradient.sum(axis=(0, 1))
    return np.asarray(maps @ weights, "float32"), label


def check_map(model):
    """Returns the last feature map of a model, a symbolic tensor.

    Raises:
        ValueError: It has none, or one of a single position.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "An activation map needs Keras's TensorFlow backend. Received: "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow."
        )
    outputs.check_classifier(model)
    features = feature_maps(model)[-1].features
    if tuple(features.shape[1:3]) == (1, 1):
        raise ValueError(
            "`model` must have a feature map of several positions before its "
            f"classifier. Received: model={model.name!r}, whose last one, "
            f"{features.name!r}, is one pixel. Load it at a larger resolution."
        )
    return features


def _prepared(model, image):
    """A batch of an image as the model was trained to see it, uncropped."""
    batch = np.asarray(image, "float32")[np.newaxis]
    checks.check_images(batch, "image")
    size = model.input_shape[1]
    chosen = dataclasses.replace(find(model), crop_fraction=None)
    batch = keras.ops.convert_to_tensor(chosen.patches(batch, size))
    if batch.shape[1:3] != (size, size):
        batch = kernels.resize(batch, size, chosen.interpolation)
    return batch


def _gradient(model, features, pixels, label):
    """The gradient of a logit by the last map, the map, and the class."""
    import tensorflow as tf

    end, _ = outputs.check_classifier(model)
    both = keras.Model(model.inputs, [features, model.outputs[0]])
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        maps, returned = both(pixels, training=False)
        logits = outputs.to_logits(returned, end)
        if label is None:
            label = int(np.argmax(logits[0]))
        logit = logits[0, label]
    gradient = tape.gradient(logit, maps)
    as_floats = (keras.ops.convert_to_numpy(x[0]) for x in (gradient, maps))
    gradient, maps = (x.astype("float32") for x in as_floats)
    return gradient, maps, label
