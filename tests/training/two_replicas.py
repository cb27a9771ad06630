"""Holds a step of two replicas against the same step on one.

Normalization uses the statistics of the replica's part of the batch, as on
several GPUs. So the reference is the mean of the gradients that one replica
computes on each part; and where both parts are the same images, it is the step
of one replica on the whole batch.

Run as a script, because logical devices are set before TensorFlow starts.
"""

import dataclasses
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from training import tiny

from keras_elastic.training import Trainer
from keras_elastic.training.tensorflow_step import TensorFlowStep

STEPS = 3
WEIGHT_DECAY = 1e-2


def make_trainer():
    # Dropout draws other masks for the halves of a batch.
    family = dataclasses.replace(tiny.SMALL, dropout=0.0)
    return Trainer(
        tiny.make_supernet(family),
        keras.optimizers.SGD(0.05, momentum=0.9),
        weight_decay=WEIGHT_DECAY,
    )


def mirrored():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def same_halves(epoch, start_batch):
    """Batches whose second half repeats the first."""
    images, labels = tiny.make_batch(4)
    dataset = tf.data.Dataset.from_tensors(
        (np.concatenate([images] * 2), np.concatenate([labels] * 2))
    )
    return dataset.repeat(STEPS)


def other_halves(epoch, start_batch):
    """One batch with two different halves."""
    return tf.data.Dataset.from_tensors(tiny.make_batch(8))


def trained(strategy, batches, steps):
    with strategy.scope():
        trainer = make_trainer()
    trainer.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0)
    return [np.array(w) for w in trainer.supernet.get_weights()]


def mean_of_halves():
    """Weights after one step with the mean gradient of both halves."""
    trainer = make_trainer()
    step = TensorFlowStep(trainer.task, trainer.optimizer, trainer.settings)
    archs = trainer.task.choose(0, 0, losses=None)
    images, labels = tiny.make_batch(8)
    halves = [
        step.gradients(
            tf.constant(images[part]),
            tf.constant(labels[part]),
            tf.ones(2),
            {},
            tf.constant(archs),
            tf.constant(0),
        )[0]
        for part in (slice(0, 4), slice(4, 8))
    ]
    mean = [(a + b) / 2 for a, b in zip(*halves, strict=True)]
    trainer.optimizer.apply(mean, step.variables)
    return [np.array(w) for w in trainer.supernet.get_weights()]


def check_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def main():
    two = mirrored()
    one = tf.distribute.get_strategy()
    check_close(
        trained(two, same_halves, STEPS), trained(one, same_halves, STEPS)
    )
    check_close(trained(two, other_halves, 1), mean_of_halves())
    print("equal")


if __name__ == "__main__":
    main()
