"""A calibrated classifier of few layers, which is traced in no time."""

import contracts
import keras
import numpy as np

from keras_elastic.models import heads

IMAGES = contracts.random_images(16, 8).astype("float32")
LABELS = np.arange(16) % 3


def make_classifier(multi_label=False):
    """Convolution, normalization, depthwise convolution, head."""
    inputs = keras.Input((8, 8, 3), name="images")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(inputs)
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Activation("swish", name="activation")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(3, name="classifier")(x)
    outputs = keras.layers.Activation("linear", name="logits")(x)
    model = keras.Model(inputs, outputs, name="tiny")
    contracts.randomize(model)
    norm = model.get_layer("norm")
    norm.moving_mean.assign([-0.2, 0.0, 0.1, 0.3])
    norm.moving_variance.assign([0.5, 0.8, 1.2, 2.0])
    return heads.compile_classifier(model, multi_label)
