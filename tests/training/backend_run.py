"""Trains a few steps on the backend of KERAS_BACKEND and saves the weights.

Run as a script with the path of the file to write, because a process has one
backend. Everything that is random is drawn by NumPy, so that another backend
does the same.
"""

import dataclasses
import sys

import keras
import numpy as np

from keras_elastic import families
from keras_elastic.families.efficientnet import Stage
from keras_elastic.models.supernet import Supernet
from keras_elastic.training.objectives import EnsembleBootstrapping
from keras_elastic.training.objectives import InPlaceDistillation
from keras_elastic.training.samplers import AttentiveSandwich
from keras_elastic.training.samplers import Sandwich
from keras_elastic.training.trainer import Trainer

CLASSES = 3
STEPS = 2
BATCH = 8
# No dropout, whose masks each backend draws by itself.
FAMILY = dataclasses.replace(
    families.get("bignas_digits"),
    name="tiny",
    resolution=(8, 10),
    stem=(4, 6),
    stages=(
        Stage((4, 6), (1,), expand_ratio=(1,)),
        Stage((6, 8), (1, 2), (3, 5), (2, 3), strides=2),
    ),
    head=(8, 12),
    dropout=0.0,
)
RUNS = {
    "sandwich": {"mixup": 0.2, "accumulation_steps": 2, "clip_norm": 1.0},
    "attentive": {
        "sampler": AttentiveSandwich(),
        "objective": InPlaceDistillation(divergence="alpha"),
    },
    "bootstrapping": {
        "sampler": Sandwich(num_random=1),
        "objective": EnsembleBootstrapping(),
        "clip_value": 0.1,
    },
}


def make_supernet():
    supernet = Supernet(FAMILY, CLASSES)
    rng = np.random.default_rng(0)
    for variable in supernet.trainable_variables:
        spread = rng.normal(0, 0.2, variable.shape)
        around = 1.0 if "gamma" in variable.path else 0.0
        variable.assign((around + spread).astype("float32"))
    return supernet


def make_batch(step):
    rng = np.random.default_rng(step)
    images = rng.uniform(0, 255, (BATCH, 8, 8, 3)).astype("float32")
    return images, rng.integers(0, CLASSES, BATCH)


def batches(epoch, start_batch):
    arrays = [make_batch(step) for step in range(start_batch, STEPS)]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        images, labels = (np.stack(a) for a in zip(*arrays, strict=True))
        return tf.data.Dataset.from_tensor_slices((images, labels))
    return arrays


def trained(arguments):
    supernet = make_supernet()
    optimizer = keras.optimizers.SGD(
        0.02, momentum=0.9, nesterov=True, use_ema=True, ema_momentum=0.5
    )
    trainer = Trainer(supernet, optimizer, weight_decay=1e-3, **arguments)
    trainer.fit(batches, epochs=1, steps_per_epoch=STEPS, verbose=0)
    return supernet.get_weights()


def main():
    arrays = {
        f"{name}/{number}": weight
        for name, arguments in RUNS.items()
        for number, weight in enumerate(trained(arguments))
    }
    np.savez(sys.argv[1], **arrays)
    print(sorted({"tensorflow", "torch"} & set(sys.modules)))


if __name__ == "__main__":
    main()
