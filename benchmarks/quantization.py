"""A child as it is, rounded, trained for rounding, pruned and clustered.

For the child of a trained entry within a budget: accuracy on the test split,
file size, and size under gzip of

- the child, and the same trained further, for comparison;
- LiteRT in float32, float16, dynamic-range and int8, with ranges measured on
  training images;
- int8 after quantization-aware training, after pruning and after clustering.

What is trained further is so on the training images of the entry's recipe,
with its augmentation, for as many epochs, at a learning rate that falls to
zero along a cosine; nothing is chosen by the test split. Pruning reaches its
sparsity after half of the steps. All rows see the same pixels, resized to the
child's resolution and rounded to levels of uint8.

    python benchmarks/quantization.py --data_dir=DIR
    python benchmarks/quantization.py --run=bignas_digits --flops=600e3
    python benchmarks/quantization.py --run=RUN --data_dir=DIR --flops=10e6
"""

import argparse
import gzip
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tf_keras
from ai_edge_litert.interpreter import Interpreter

import keras_elastic as ke
from keras_elastic.layers import kernels
from keras_elastic.zoo import evaluation

BATCH = 100
FORMATS = (None, "float16", "dynamic", "int8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="bignas_cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--flops", type=float)
    parser.add_argument("--test_images", type=int, help="default: all")
    parser.add_argument("--calibration_images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--steps", type=int, help="in an epoch; default: all")
    parser.add_argument("--learning_rate", type=float, default=0.01)
    parser.add_argument("--aware_learning_rate", type=float, default=0.001)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    tf_keras.utils.set_random_seed(arguments.seed)
    child = ke.load(arguments.run, flops=arguments.flops)
    images = Images(arguments, child.input_shape[1])
    print(
        f"{arguments.run}, {child.count_params():,} parameters, resolution "
        f"{images.size}; {images.describe()}; {arguments.epochs} epochs of "
        f"{images.steps} steps, seed {arguments.seed}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        table = Table(images, pathlib.Path(folder) / "model.tflite")
        measure(child, images, arguments, table)


def measure(child, images, arguments, table):
    table.add_float("float32, Keras", child)
    for quantization in FORMATS:
        table.add_file(
            f"LiteRT {quantization or 'float32'}", child, quantization
        )
    further = keras.models.clone_model(child)
    further.set_weights(child.get_weights())
    further.class_names = child.class_names
    further = fine_tuned(further, keras, images, arguments)
    ke.calibrate(further, images.calibration)
    table.add_float("trained further", further)
    table.add_file("trained further, int8", further, "int8")

    aware = ke.export.quantization_aware(child, images.calibration)
    rate = arguments.aware_learning_rate
    aware = fine_tuned(aware, tf_keras, images, arguments, rate)
    table.add_file("quantization-aware, int8", aware, "int8", None)

    steps = max(1, arguments.epochs * images.steps // 2)
    sparse = ke.export.pruned(child, arguments.sparsity, steps=steps)
    callbacks = ke.export.pruning_callbacks()
    fine_tuned(sparse, tf_keras, images, arguments, callbacks=callbacks)
    sparse = ke.export.stripped(sparse, child)
    ke.calibrate(sparse, images.calibration)
    name = f"pruned {arguments.sparsity:.0%}"
    table.add_float(name, sparse)
    table.add_file(f"{name}, int8", sparse, "int8")

    few = ke.export.clustered(child, arguments.clusters)
    few = fine_tuned(few, tf_keras, images, arguments)
    few = ke.export.stripped(few, child)
    ke.calibrate(few, images.calibration)
    name = f"{arguments.clusters} clusters"
    table.add_float(name, few)
    table.add_file(f"{name}, int8", few, "int8")


def fine_tuned(model, module, images, arguments, rate=None, callbacks=()):
    """Trains with either Keras, by the same rules."""
    steps = arguments.epochs * images.steps
    schedule = module.optimizers.schedules.CosineDecay(
        rate or arguments.learning_rate, steps
    )
    model.compile(
        module.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
        module.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        images.batches(arguments.seed),
        epochs=arguments.epochs,
        steps_per_epoch=images.steps,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
    )
    return model


class Images:
    """The images of an entry, at the resolution of a child."""

    def __init__(self, arguments, size):
        entry = ke.zoo.find_entry(arguments.run)
        self.size = size
        self._recipe = entry.recipe
        self._dataset = evaluation.load_dataset(
            self._recipe, arguments.data_dir
        )
        evaluation.check_same_classes(entry, self._dataset)
        train, test = self._dataset.train, self._dataset.test
        self.calibration, _ = self._arrays(train, arguments.calibration_images)
        self.images, self.labels = self._arrays(test, arguments.test_images)
        whole = ke.data.steps_per_epoch(train, self._recipe.batch_size)
        self.steps = min(arguments.steps or whole, whole)

    def describe(self):
        return (
            f"{len(self.images):,} test, {self._dataset.train.size:,} training "
            f"and {len(self.calibration):,} calibration images of "
            f"'{self._dataset.name}'"
        )

    def batches(self, seed):
        """Yields the training batches of one epoch after the other."""
        epoch = 0
        while True:
            for images, labels in ke.data.training_batches(
                self._dataset.train,
                batch_size=self._recipe.batch_size,
                patch_size=self._recipe.patch_size,
                seed=seed,
                epoch=epoch,
                augmentation=self._recipe.augmentation,
            ).take(self.steps):
                yield self._resized(images), labels
            epoch += 1

    def _arrays(self, split, count):
        count = min(count or split.size, split.size)
        batches = ke.data.evaluation_batches(
            split,
            batch_size=BATCH,
            patch_size=self._recipe.patch_size,
            count=count,
        )
        pairs = [(self._resized(images), labels) for images, labels in batches]
        images, labels = (np.concatenate(x) for x in zip(*pairs, strict=True))
        return images, labels

    def _resized(self, images):
        images = keras.ops.cast(images, "float32")
        if images.shape[1] != self.size:
            images = kernels.resize(images, self.size)
        return np.round(keras.ops.convert_to_numpy(images))


class Table:
    """Prints a line for each model, and what it loses to the first."""

    def __init__(self, images, path):
        self._images = images
        self._path = path
        self._first = None
        print(f"{'':<28}{'top-1':>9}{'points':>8}{'kB':>9}{'gzip kB':>9}")

    def add_float(self, name, model):
        logits = model.predict(self._images.images, verbose=0)
        self._print(name, logits)

    def add_file(self, name, model, quantization, calibration="measured"):
        images = self._images.calibration
        is_measured = quantization == "int8" and calibration is not None
        path = ke.export.litert(
            model, self._path, quantization, images if is_measured else None
        )
        content = path.read_bytes()
        sizes = len(content), len(gzip.compress(content))
        self._print(name, predict(path, self._images.images), sizes)

    def _print(self, name, logits, sizes=()):
        accuracy = np.mean(logits.argmax(axis=1) == self._images.labels)
        self._first = accuracy if self._first is None else self._first
        line = f"{name:<28}{accuracy:>9.2%}{accuracy - self._first:>+8.2%}"
        kilobytes = "".join(f"{size / 1e3:>9.1f}" for size in sizes)
        print(line + kilobytes, flush=True)


def predict(path, images):
    """Logits of a LiteRT file, many images at a time."""
    lite = Interpreter(str(path))
    [pixels], [logits] = lite.get_input_details(), lite.get_output_details()
    found = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH].astype(pixels["dtype"])
        lite.resize_tensor_input(pixels["index"], batch.shape)
        lite.allocate_tensors()
        lite.set_tensor(pixels["index"], batch)
        lite.invoke()
        found.append(lite.get_tensor(logits["index"]))
    return np.concatenate(found)


if __name__ == "__main__":
    main()
