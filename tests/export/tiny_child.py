"""A calibrated model of a few of a child's layers, which trains in seconds."""

import keras
import numpy as np

import keras_elastic

RESOLUTION = 8
CLASSES = 3


def build(name="tiny", activation="silu", gate="hard_sigmoid"):
    """A stem, a block with squeeze-excite and a shortcut, and a head."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((RESOLUTION, RESOLUTION, 3), name="images")
    x = layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(inputs)
    x = normalized(layers.Conv2D(8, 3, padding="same", use_bias=False), x)
    x = shortcut = layers.Activation(activation)(x)
    x = normalized(layers.DepthwiseConv2D(3, padding="same"), x)
    x = layers.Activation("relu6")(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(4, 1, activation="relu")(squeezed)
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation=gate)(squeezed)])
    x = normalized(layers.Conv2D(8, 1), x)
    x = layers.Add()([x, shortcut])
    x = layers.Activation("hard_silu")(layers.MaxPooling2D()(x))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(CLASSES, name="classifier")(x)
    model = keras.Model(
        inputs, layers.Activation("linear", name="logits")(x), name=name
    )
    return keras_elastic.calibrate(model, draw_images(64))


def normalized(layer, features):
    return keras.layers.BatchNormalization()(layer(features))


def of_policy(child, name):
    """A child of the same weights whose layers have a dtype policy."""
    policy = keras.dtype_policies.DTypePolicy(name)
    config = child.get_config()
    for layer in config["layers"]:
        if layer["class_name"] != "InputLayer":
            serialized = keras.dtype_policies.serialize(policy)
            layer["config"]["dtype"] = serialized
    half = type(child).from_config(config)
    half.set_weights(child.get_weights())
    return half


def draw_images(count, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, RESOLUTION, RESOLUTION, 3)
    return rng.integers(0, 256, shape).astype("float32")


def draw_labeled(count, seed=0):
    """Images that are brighter the higher their class."""
    images = draw_images(count, seed)
    labels = np.arange(count) % CLASSES
    shares = (labels + 1) / CLASSES
    return np.round(images * shares[:, None, None, None]), labels
