"""Trains twenty steps under a strategy and saves the weights.

    strategy_run.py FILE none|mirrored|multi_worker [--folder=DIR] [--slow]

Normalization has fixed statistics: those of a batch would be the replica's.
Dropout, mixup, clipping and accumulation are on, for they must not depend on
the number of replicas either. Several workers are one process each, with
TF_CONFIG in the environment.

Run as a script, because logical devices and workers are set up before
TensorFlow starts.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from training import tiny

from keras_elastic.training import Trainer

STEPS = 20
BATCH = 8


def make_strategy(name):
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def batches(epoch, start_batch, shard_index=0, num_shards=1):
    own = BATCH // num_shards
    rows = slice(shard_index * own, (shard_index + 1) * own)
    parts = [tiny.make_batch(BATCH, seed) for seed in range(STEPS)]
    images, labels = (
        np.stack(part)[:, rows] for part in zip(*parts, strict=True)
    )
    return tf.data.Dataset.from_tensor_slices((images, labels)).skip(
        start_batch
    )


def fixed_statistics(supernet):
    rng = np.random.default_rng(0)
    return {
        name: np.stack(
            [rng.normal(0, 0.1, channels), rng.uniform(0.5, 2, channels)]
        ).astype("float32")
        for name, channels in supernet.normalizations.items()
    }


def make_trainer():
    supernet = tiny.make_supernet(tiny.SMALL)
    return Trainer(
        supernet,
        keras.optimizers.SGD(
            0.05, momentum=0.9, use_ema=True, ema_momentum=0.9
        ),
        weight_decay=1e-3,
        mixup=0.2,
        clip_norm=1.0,
        accumulation_steps=2,
        statistics=fixed_statistics(supernet),
    )


class Slow(keras.callbacks.Callback):
    """Leaves a test the time to kill this process."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("strategy")
    parser.add_argument("--folder")
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    with make_strategy(options.strategy).scope():
        trainer = make_trainer()
    trainer.fit(
        batches,
        epochs=1,
        steps_per_epoch=STEPS,
        folder=options.folder,
        checkpoint_every=1,
        callbacks=[Slow()] if options.slow else [],
        verbose=0,
    )
    weights = trainer.supernet.get_weights()
    with trainer.averaged_weights():
        weights += trainer.supernet.get_weights()
    if trainer.is_chief:
        np.savez(options.file, *weights)


if __name__ == "__main__":
    main()
