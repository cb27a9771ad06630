"""A child of one convolution, and what its SavedModel is compared with."""

import keras
import numpy as np
import tensorflow as tf

import keras_elastic.export

RESOLUTION = 16
CLASSES = 7
NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnü")


def build_model(resolution=RESOLUTION, classes=CLASSES, calibrated=True):
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization()
    inputs = keras.Input((resolution, resolution, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.ReLU()(norm(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(
        classes, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0)
    )(x)
    model = keras.Model(inputs, logits, name="child")
    if calibrated:
        norm.moving_mean.assign(np.linspace(-0.3, 0.4, 8))
        norm.moving_variance.assign(np.linspace(0.2, 1.5, 8))
    return model


def draw_images(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape + (3,), dtype=np.uint8)


def logits_of(model, pixels):
    return np.asarray(model(np.asarray(pixels, "float32"), training=False))


def probabilities_of(model, pixels):
    return tf.nn.softmax(logits_of(model, pixels)).numpy()


def top_classes_of(path):
    loaded = tf.saved_model.load(str(path))
    images = tf.constant(draw_images(1, RESOLUTION, RESOLUTION))
    outputs = loaded.signatures["serving_default"](images=images)
    return [name.decode() for name in outputs["top_classes"].numpy()[0]]


def load_signatures(folder):
    """The signatures of a SavedModel of the child, one after another."""
    loaded = tf.saved_model.load(str(folder))
    # The signatures hold the loaded object's variables weakly.
    yield loaded.signatures
    del loaded


def export(model, folder):
    return keras_elastic.export.saved_model(
        model, folder, version=3, class_names=NAMES, top=3
    )
