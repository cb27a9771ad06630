"""A space and data that train in a moment."""

import dataclasses
import types

import keras
import numpy as np
import tensorflow as tf

from keras_elastic import Supernet
from keras_elastic.families import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.training import Run

CLASSES = 3
FAMILY = EfficientNet(
    name="tiny",
    resolution=(8, 10),
    stem=(4, 6),
    stages=(
        Stage((4, 6), (1,), expand_ratio=(1,)),
        Stage((6, 8), (1, 2), (3, 5), (2, 3), strides=2),
    ),
    head=(8, 12),
)
# Traced in half the time, for tests of what is around a step.
SMALL = dataclasses.replace(FAMILY, name="small", stages=FAMILY.stages[:1])


def make_supernet(family=FAMILY, **arguments):
    """A supernet with the same random weights at every call."""
    keras.utils.set_random_seed(0)
    supernet = Supernet(family, CLASSES, **arguments)
    rng = np.random.default_rng(0)
    for variable in supernet.trainable_variables:
        # Zero gammas would hide most of the network.
        if "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return supernet


def make_batch(count=8, seed=0):
    """Random images and labels."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 255, (count, 8, 8, 3)).astype("float32")
    return images, rng.integers(0, CLASSES, count)


class TinyRun(Run):
    """A run on `batches`."""

    def batches(self, recipe, epoch, start_batch, **shard):
        return batches(epoch, start_batch)


def make_dataset(labels=("a", "b", "c"), steps=6, batch=8):
    """What a `TinyRun` asks a data set for."""
    return types.SimpleNamespace(
        num_classes=CLASSES,
        class_names=labels,
        train=types.SimpleNamespace(size=steps * batch),
    )


def batches(epoch, start_batch, steps=6):
    """An epoch of `steps` batches, from `start_batch` on."""
    parts = [make_batch(seed=100 * epoch + step) for step in range(steps)]
    images, labels = (np.stack(part) for part in zip(*parts, strict=True))
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataset.skip(start_batch)
