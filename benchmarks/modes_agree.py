"""Losses of a short training in mode sliced and in mode masked.

Three epochs on 5,000 training images with the same seed: the modes compute the
same, and differ by rounding only.

    python benchmarks/modes_agree.py --dataset=cifar10 --data_dir=DIR
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import keras_elastic as ke
from keras_elastic.training import Trainer

BATCH = 64
# One in ten is held out.
LIMIT = 5_556
LOSSES = ("loss", "smallest_loss", "random_1_loss", "random_2_loss")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--family", default="bignas_cifar10")
    parser.add_argument("--patch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning_rate", type=float, default=0.02)
    arguments = parser.parse_args()
    dataset = ke.data.load_dataset(
        arguments.dataset, arguments.data_dir, limit=LIMIT
    )
    logs = {
        mode: train(mode, dataset, arguments) for mode in ("sliced", "masked")
    }
    print(f"\n{dataset.train.size} images, {arguments.epochs} epochs, seed 0")
    print(f"{'':<16}" + "".join(f"{mode:>12}" for mode in logs))
    for name in LOSSES:
        values = [log[name] for log in logs.values()]
        row = "".join(f"{value:>12.6f}" for value in values)
        print(f"{name:<16}{row}   difference {abs(values[0] - values[1]):.1e}")


def train(mode, dataset, arguments):
    """Returns the logs of the last epoch."""
    keras.utils.set_random_seed(0)
    supernet = ke.Supernet(arguments.family, dataset.num_classes, mode=mode)
    trainer = Trainer(
        supernet,
        keras.optimizers.SGD(
            arguments.learning_rate, momentum=0.9, nesterov=True
        ),
    )

    def batches(epoch, start_batch):
        return ke.data.training_batches(
            dataset.train,
            batch_size=BATCH,
            patch_size=arguments.patch_size,
            seed=0,
            epoch=epoch,
            augmentation="shift_flip",
            start_batch=start_batch,
        )

    history = trainer.fit(
        batches,
        epochs=arguments.epochs,
        steps_per_epoch=ke.data.steps_per_epoch(dataset.train, BATCH),
        verbose=2,
    )
    return {name: values[-1] for name, values in history.history.items()}


if __name__ == "__main__":
    main()
