"""Images of one color, and a model that names it."""

import keras
import numpy as np

from keras_elastic.data import ArraySplit
from keras_elastic.data import ImageDataset
from keras_elastic.data import splits
from keras_elastic.models import class_names

NAMES = ("red", "green", "blue")
SIZE = 4


def model(names=NAMES, order=(0, 1, 2), softmax=False):
    """A convolution that keeps colors, pooling, and a logit for each."""
    inputs = keras.Input((SIZE, SIZE, 3), name="images")
    x = keras.layers.Conv2D(3, 1, use_bias=False, name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, name="classifier")(x)
    x = class_names.NamedClasses("softmax" if softmax else "linear")(x)
    built = class_names.Child(inputs, x, name="namer")
    built.class_names = names
    kernel = np.eye(3, dtype="float32")
    built.get_layer("conv").set_weights([kernel[None, None] / 100])
    bias = np.array([0.3, 0.2, 0.1], "float32")
    weights = [kernel[:, list(order)], bias]
    built.get_layer("classifier").set_weights(weights)
    return built


def split(labels, shown=None):
    """Images of the colors of `shown`, with labels."""
    labels = np.array(labels, "int64")
    shown = labels if shown is None else np.array(shown)
    images = np.zeros((len(labels), SIZE, SIZE, 3), "uint8")
    # From faint to strong.
    strengths = np.linspace(150, 250, len(labels)).astype("uint8")
    images[np.arange(len(labels)), :, :, shown] = strengths[:, None, None]
    return ArraySplit(images, labels)


def dataset(labels=(0, 1, 2, 0, 1), shown=None, names=NAMES):
    """A data set whose images to test on are given."""
    others = split(np.arange(len(names)), np.arange(len(names)) % 3)
    held = split([0, 1])
    tested = split(labels, shown)
    made = ImageDataset("colors", names, others, held, tested)
    return splits.from_arrays(made)
