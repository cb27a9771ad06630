"""Holds a fine-tuning on two replicas against the same on one.

If normalizations keep their statistics, it does not matter how a batch is
shared out. If not, they use the statistics of the replica's part: there, both
parts are the same images, and so the statistics are those of the whole.

Run as a script, because logical devices are set before TensorFlow starts.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from training.tiny_classifier import IMAGES
from training.tiny_classifier import LABELS
from training.tiny_classifier import make_classifier

import keras_elastic as ke


def mirrored():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def load():
    keras.utils.set_random_seed(0)
    model = ke.load("bignas_digits", flops=0.2e6, classes=3)
    # Replicas draw masks of their own.
    model.get_layer("head_dropout").rate = 0.0
    return model


def trained(make, statistics, strategy):
    with strategy.scope():
        model = make()
    # Outside of the scope, as one does who forgets it.
    recipe = ke.finetune_recipe(
        model, epochs=2, head_epochs=1, statistics=statistics
    )
    batches = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    if statistics == "measured":
        batches = batches.map(lambda x, y: (repeat(x), repeat(y)))
    recipe.fit(model, batches, shuffle=False, verbose=0)
    return [np.array(w) for w in model.weights]


def repeat(batch):
    return tf.concat([batch, batch], axis=0)


def check_equal(make, statistics, two):
    found = trained(make, statistics, two)
    expected = trained(make, statistics, tf.distribute.get_strategy())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def main():
    two = mirrored()
    check_equal(load, "kept", two)
    check_equal(make_classifier, "measured", two)
    print("equal")


if __name__ == "__main__":
    main()
