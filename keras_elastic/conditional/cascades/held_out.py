"""Held-out images, and what networks answer for them."""

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic import tracing
from keras_elastic.layers import kernels
from keras_elastic.models.preparation import find

_BATCH = 256


def check_held_out(held_out, classes, name="held_out"):
    """Returns images and labels as arrays, once they are checked.

    Args:
        held_out: What a caller gave.
        classes: Integer. Number of classes.
        name: String. Name of the argument.
    """
    if not isinstance(held_out, (tuple, list)) or len(held_out) != 2:
        raise ValueError(
            f"`{name}` must be a pair of images and labels. Received: "
            f"{name}={type(held_out).__name__}."
        )
    images, labels = map(ops.convert_to_numpy, held_out)
    checks.check_images(images)
    if images.shape[1] != images.shape[2]:
        raise ValueError(
            f"`{name}` must hold square images. Received: images.shape="
            f"{images.shape}. Cut out their central squares."
        )
    fits = labels.shape == images.shape[:1] and labels.dtype.kind in "iu"
    if not len(images) or not fits:
        raise ValueError(
            f"`{name}` must hold an integer label for each image, and one "
            f"image at least. Received: labels.shape={labels.shape} of "
            f"{labels.dtype} for {len(images)} images."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"`{name}` must have labels in 0..{classes - 1}, the classes of "
            f"the entry. Received: {labels.min()} to {labels.max()}."
        )
    return images, labels


def predict(child, images):
    """Returns a network's logits of images of any square size.

    Args:
        child: `keras.Model` of one resolution.
        images: Array of shape (count, height, width, 3).
    """
    size = child.input_shape[1]
    interpolation = find(child).interpolation

    def logits(batch):
        if tuple(batch.shape[1:3]) != (size, size):
            batch = kernels.resize(batch, size, interpolation)
        return child(batch, training=False)

    traced = tracing.traced(logits, ((None, *images.shape[1:]), "float32"))

    def run(batch):
        return ops.convert_to_numpy(traced(tracing.as_images(batch)))

    return in_batches(run, images)


def in_batches(run, images):
    """The results of a function, over all images."""
    starts = range(0, len(images), _BATCH)
    return np.concatenate(
        [run(images[start : start + _BATCH]) for start in starts]
    )
