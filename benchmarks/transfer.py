"""What a child's weights are worth on classes that it has never seen.

Takes a child of a supernet for a budget, gives it a fresh head and fine-tunes
it by `keras_elastic.finetune_recipe` on another data set, or on a part of it.
The same architecture is trained from random weights on the same images for the
same number of epochs. So is, with `--against`, a published network with its
ImageNet weights and a fresh head, fine-tuned like the child, at the largest
resolution at which it needs no more multiply-adds than the child does. With
several seeds, which draw the head or all the weights, and the order and the
shifts of the images.

Accuracy is followed on held-out training images, with statistics measured for
each epoch if they are not the child's own; the test split is used once, after
the last epoch, and nothing is chosen by it.

    python benchmarks/transfer.py --data_dir=DIR
    python benchmarks/transfer.py --run=RUN --dataset=NAME --data_dir=DIR
    python benchmarks/transfer.py --run=bignas --flops=100e6 --dataset=cifar10 \
        --classes=10 --images_per_class=0 --epochs=3 --head_epochs=1 \
        --against=efficientnet_lite0 --data_dir=DIR
"""

import argparse
import dataclasses
import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import parity
import tensorflow as tf
from tables import spread

import keras_elastic as ke
from keras_elastic.spaces import costs
from keras_elastic.training import FineTuningRecipe
from keras_elastic.training import FineTuningStage

CALIBRATION_IMAGES = 2000
# Of a published network, which runs at any.
RESOLUTIONS = range(32, 321, 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="bignas_cifar10")
    parser.add_argument("--dataset", default="tiny_imagenet200")
    parser.add_argument("--data_dir")
    parser.add_argument("--flops", type=float)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument(
        "--images_per_class", type=int, default=100, help="0 for all."
    )
    parser.add_argument("--against", help="A network with ImageNet weights.")
    parser.add_argument("--nochild", action="store_true")
    parser.add_argument("--noscratch", action="store_true")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--head_epochs", type=int, default=2)
    parser.add_argument("--learning_rate", type=float)
    parser.add_argument("--statistics")
    parser.add_argument("--scratch_learning_rate", type=float, default=0.1)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--augmentation", default="shift_flip")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = {} if arguments.nochild else {"fine-tuned": finetuned}
    if arguments.against:
        rows[arguments.against] = published
    if not arguments.noscratch:
        rows["from scratch"] = from_scratch
    if not rows:
        raise SystemExit("Nothing to train: give `--against`.")
    found = {name: measure(make, arguments) for name, make in rows.items()}
    print_table(found)


def measure(make, arguments):
    """Trains a row of the table, once for each seed."""
    model, recipe = make(arguments)
    images = Images(arguments, model.input_shape[1])
    print(f"\n{images.describe()}\n{recipe}", flush=True)
    return [run(make, images, arguments, s) for s in range(arguments.seeds)]


def load(arguments):
    return ke.load(
        arguments.run, flops=arguments.flops, classes=arguments.classes
    )


def finetuned(arguments):
    """A child with a fresh head, and how to fine-tune it."""
    return with_recipe(load(arguments), arguments)


def published(arguments):
    """A published network as costly as the child, and how to fine-tune it."""
    name, classes = arguments.against, arguments.classes
    most = parity.flops_of(load(arguments))
    fitting = [
        s for s in RESOLUTIONS if network_flops(name, classes, s) <= most
    ]
    if not fitting:
        raise SystemExit(f"{name} costs more than {most} at any resolution.")
    model = ke.build(name, classes, weights="imagenet", resolution=max(fitting))
    return with_recipe(model, arguments)


def network_flops(name, classes, resolution):
    family, arch = ke.families.network(name)
    family = dataclasses.replace(family, resolution=(resolution,))
    arch = dataclasses.replace(arch, resolution=resolution)
    return costs(family.plan(arch, classes)).flops


def with_recipe(model, arguments):
    given = {"learning_rate": arguments.learning_rate}
    given["statistics"] = arguments.statistics
    recipe = ke.finetune_recipe(
        model,
        epochs=arguments.epochs - arguments.head_epochs,
        head_epochs=arguments.head_epochs,
        **{name: value for name, value in given.items() if value is not None},
    )
    return model, recipe


def from_scratch(arguments):
    """The same network with random weights, and how to train it."""
    child = load(arguments)
    model = keras.models.clone_model(child)
    model.compile(loss=child.loss, metrics=["accuracy"])
    stage = FineTuningStage(
        name="all",
        epochs=arguments.epochs,
        layers=None,
        learning_rate=arguments.scratch_learning_rate,
        warmup_epochs=1.0,
        weight_decay=5e-4,
        statistics="measured",
    )
    return model, FineTuningRecipe((stage,), CALIBRATION_IMAGES)


class Images:
    """The first classes of a data set: some images of each to train on."""

    def __init__(self, arguments, size):
        self.arguments = arguments
        self.size = size
        dataset = ke.data.load_dataset(arguments.dataset, arguments.data_dir)
        count = arguments.classes
        most = arguments.images_per_class or None
        self.train = subset(dataset.train, count, most)
        self.plain = self._arrays(self.train, CALIBRATION_IMAGES)
        self.held_out = self._arrays(subset(dataset.held_out, count))
        self.test = self._arrays(subset(dataset.test, count))

    def describe(self):
        train, held_out, test = (
            self.train.size,
            len(self.held_out[1]),
            len(self.test[1]),
        )
        return (
            f"{self.arguments.dataset}, its first {self.arguments.classes} "
            f"classes at {self.size} pixels: {train} images to train on, "
            f"{held_out} held out to follow accuracy, {test} to report on."
        )

    @property
    def steps_per_epoch(self):
        batch_size = self.arguments.batch_size
        return ke.data.steps_per_epoch(self.train, batch_size)

    def batches(self, seed):
        """Batches of all epochs, one after the other."""
        epochs = [
            ke.data.training_batches(
                self.train,
                batch_size=self.arguments.batch_size,
                patch_size=self.size,
                seed=seed,
                epoch=epoch,
                augmentation=self.arguments.augmentation,
            )
            for epoch in range(self.arguments.epochs)
        ]
        return functools.reduce(tf.data.Dataset.concatenate, epochs)

    def _arrays(self, split, most=None):
        count = min(split.size, most or split.size)
        [whole] = ke.data.evaluation_batches(
            split, batch_size=count, patch_size=self.size, count=count
        )
        return [array.numpy() for array in whole]


def subset(split, classes, count=None):
    """The first classes of a split, and the first images of each."""
    records, decode = split.undecoded()
    labels = np.array([label for _, label in records.as_numpy_iterator()])
    kept = np.zeros(len(labels), bool)
    for label in range(classes):
        kept[np.flatnonzero(labels == label)[:count]] = True
    mask = tf.constant(kept)
    chosen = records.enumerate().filter(lambda index, example: mask[index])
    # Kept in memory: the others would be read again in every epoch.
    chosen = chosen.map(lambda index, example: example).cache()
    return ke.data.Split.from_records(chosen, int(kept.sum()), decode)


class HeldOutAccuracy(keras.callbacks.Callback):
    """Notes the held-out accuracy after every epoch."""

    def __init__(self, images, measures):
        super().__init__()
        self.images = images
        self.measures = measures
        self.by_epoch = []

    def on_epoch_end(self, epoch, logs=None):
        # Moving averages lag behind. They are not used in training.
        if self.measures:
            ke.calibrate(self.model, self.images.plain[0])
        self.by_epoch.append(accuracy(self.model, self.images.held_out))
        print(
            f"epoch {epoch + 1}: held out {self.by_epoch[-1]:.2%}", flush=True
        )


def accuracy(model, split):
    images, labels = split
    logits = model.predict(images, batch_size=256, verbose=0)
    return float(np.mean(logits.argmax(1) == labels))


def run(make, images, arguments, seed):
    """Trains a model; returns held-out accuracies and the test accuracy."""
    keras.utils.set_random_seed(seed)
    model, recipe = make(arguments)
    measures = recipe.stages[-1].statistics == "measured"
    held_out = HeldOutAccuracy(images, measures)
    recipe.fit(
        model,
        images.batches(seed),
        steps_per_epoch=images.steps_per_epoch,
        callbacks=[held_out],
        shuffle=False,
        verbose=0,
    )
    top1 = accuracy(model, images.test)
    curve = " ".join(f"{each:.2%}" for each in held_out.by_epoch)
    print(f"seed {seed}: held out {curve}; test {top1:.2%}", flush=True)
    return held_out.by_epoch, top1


def print_table(found):
    """Prints means over the seeds, and how many epochs are saved."""
    means = {
        name: np.mean([curve for curve, _ in runs], axis=0)
        for name, runs in found.items()
    }
    last = list(means)[-1]
    print(f"\n{'':<20}{'held-out top-1':>28}{'test top-1':>28}{'epochs':>8}")
    for name, runs in found.items():
        cells = [
            spread([curve[-1] for curve, _ in runs]),
            spread([top1 for _, top1 in runs]),
        ]
        epochs = first_epoch(means[name], means[last].max())
        print(f"{name:<20}{cells[0]:>28}{cells[1]:>28}{epochs or '-':>8}")
    print(
        "epochs: until the mean held-out accuracy reaches the best of "
        f"'{last}'."
    )


def first_epoch(curve, accuracy):
    """The first epoch, from 1, that reaches an accuracy, or `None`."""
    reached = np.flatnonzero(curve >= accuracy)
    return int(reached[0]) + 1 if len(reached) else None


if __name__ == "__main__":
    main()
