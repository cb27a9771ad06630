"""Short runs whose files and final weights were kept, to hold later code to.

    recorded_run.py FOLDER supernet|basisnet|gates|two_replicas

trains what the folder has not: eight steps, a checkpoint each fourth. The
weights go to FOLDER/final.npz. What `tests/written_before/<name>` holds was
written so by the code before it was moved.
"""

import argparse
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import ops

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import contracts
import dsnet_models
from training import strategy_run
from training import tiny

from keras_elastic.conditional import BasisNet
from keras_elastic.conditional import BasisNetTask
from keras_elastic.conditional import GateTask
from keras_elastic.training import TaskTrainer
from keras_elastic.training import Trainer

STEPS = 8
SETTINGS = {"weight_decay": 1e-3, "mixup": 0.2, "clip_norm": 1.0, "seed": 3}


def make_supernet():
    supernet = tiny.make_supernet()
    for variable in supernet.trainable_variables:
        # Projections began with a gain of 2 when the runs were recorded.
        if variable.path.endswith("projection/kernel"):
            variable.assign(np.sqrt(2) * ops.convert_to_numpy(variable))
    return Trainer(
        supernet,
        keras.optimizers.SGD(
            0.05, momentum=0.9, use_ema=True, ema_momentum=0.9
        ),
        accumulation_steps=2,
        **SETTINGS,
    )


def make_basisnet():
    keras.utils.set_random_seed(0)
    space = tiny.FAMILY.space
    plans = [
        tiny.FAMILY.plan(arch, tiny.CLASSES)
        for arch in (space.smallest, space.largest)
    ]
    model = BasisNet(*plans, num_bases=2, basis_blocks=(2, 3))
    contracts.randomize(model)
    task = BasisNetTask(
        model, preheat_steps=2, decay_steps=4, basis_dropout=1 / 8
    )
    optimizer = keras.optimizers.RMSprop(0.01)
    return TaskTrainer(task, optimizer, **SETTINGS)


def make_gates():
    keras.utils.set_random_seed(0)
    images = dsnet_models.make_images(16)
    model = dsnet_models.make(dsnet_models.RESNET, images)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    return TaskTrainer(GateTask(model), optimizer, seed=3)


def make_batches(size, classes):
    """The batches of every epoch: random images of a size, and labels."""

    def batches(epoch, start_batch):
        rng = np.random.default_rng(0)
        images = rng.uniform(0, 255, (STEPS, 8, size, size, 3))
        labels = rng.integers(0, classes, (STEPS, 8))
        dataset = tf.data.Dataset.from_tensor_slices(
            (images.astype("float32"), labels)
        )
        return dataset.skip(start_batch)

    return batches


def train(folder, name):
    """Trains, from the folder's last checkpoint if any, and keeps weights."""
    scope = strategy_run.make_strategy(
        "mirrored" if name == "two_replicas" else "none"
    ).scope
    with scope():
        trainer = RUNS[name]()
    size = 16 if name == "gates" else 8
    classes = dsnet_models.CLASSES if name == "gates" else tiny.CLASSES
    trainer.fit(
        make_batches(size, classes),
        epochs=1,
        steps_per_epoch=STEPS,
        folder=folder,
        checkpoint_every=4,
        verbose=0,
    )
    weights = {v.path: ops.convert_to_numpy(v) for v in trainer.variables}
    np.savez(pathlib.Path(folder) / "final.npz", **weights)


RUNS = {
    "supernet": make_supernet,
    "basisnet": make_basisnet,
    "gates": make_gates,
    "two_replicas": make_supernet,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("name", choices=RUNS)
    options = parser.parse_args()
    train(options.folder, options.name)


if __name__ == "__main__":
    main()
