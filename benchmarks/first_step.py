r"""Seconds from `fit` to the first finished step, and those of the processor.

    python benchmarks/first_step.py
    python benchmarks/first_step.py --family=attentivenas --batch=32 \
        --resolution=64

On a busy machine the seconds of the processor are what can be compared.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_elastic as ke
from keras_elastic.training import Trainer

CLASSES = 1000


class FirstStep(keras.callbacks.Callback):
    """Notes when the first step ended."""

    seconds = None
    processor_seconds = None

    def on_train_batch_end(self, batch, logs=None):
        if self.seconds is None:
            self.seconds = time.perf_counter()
            self.processor_seconds = time.process_time()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="bignas")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--resolution", type=int, help="[the family's]")
    parser.add_argument("--replicas", type=int, default=1)
    arguments = parser.parse_args()
    changes, size = {}, 224
    if arguments.resolution is not None:
        size = arguments.resolution
        changes = {"resolution": (size,)}
    with make_strategy(arguments.replicas).scope():
        family = ke.families.get(arguments.family, **changes)
        supernet = ke.Supernet(family, CLASSES)
        trainer = Trainer(supernet, keras.optimizers.RMSprop(1e-3))

    def batches(epoch, start_batch):
        # Noise and not zeros, which would run into denormal numbers.
        rng = np.random.default_rng(0)
        images = rng.uniform(0, 255, (arguments.batch, size, size, 3))
        labels = rng.integers(0, CLASSES, arguments.batch)
        images = images.astype("float32")
        dataset = tf.data.Dataset.from_tensors((images, labels))
        return dataset.repeat(2 - start_batch)

    first = FirstStep()
    start, began = time.perf_counter(), time.process_time()
    trainer.fit(
        batches, epochs=1, steps_per_epoch=2, callbacks=[first], verbose=0
    )
    end = time.perf_counter()
    print(
        f"first step after {first.seconds - start:.1f} s "
        f"({first.processor_seconds - began:.1f} s of the processor), "
        f"second after {end - first.seconds:.1f} s more "
        f"(batch {arguments.batch}, {arguments.replicas} replicas)"
    )


def make_strategy(replicas):
    """Returns a strategy over logical CPUs."""
    if replicas == 1:
        return tf.distribute.get_strategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * replicas
    )
    names = [f"CPU:{number}" for number in range(replicas)]
    return tf.distribute.MirroredStrategy(names)


if __name__ == "__main__":
    main()
