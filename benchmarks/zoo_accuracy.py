"""Whether `load` gives the accuracy that an entry's front says.

Loads the child for each budget of the entry's recipe, as a user does, and
evaluates it with Keras on the test split. With `--weights`, a file of float32
weights that the entry's were rounded from, also with those and statistics
measured anew.

    python benchmarks/zoo_accuracy.py --entry=bignas_cifar10 --data_dir=DIR
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.zoo import evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", default="bignas_cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--weights", help="a .weights.h5 of float32 weights")
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.entry)
    dataset = ke.data.load_dataset(entry.dataset, arguments.data_dir)
    evaluation.check_same_classes(entry, dataset)
    exact = make_exact(entry, arguments.weights, dataset)
    print(f"{'budget':<16}{'front':>10}{'loaded':>10}{'float32':>10}")
    for flops in entry.recipe.budgets:
        row = entry.front.best(Budget(flops=flops), entry.name)
        loaded = evaluate(ke.load(arguments.entry, flops=flops), dataset.test)
        line = f"{short(flops):<16}{row.test_top1:>10.2%}{loaded:>10.2%}"
        if exact is not None:
            batches = evaluation.test_batches(entry.recipe, dataset)
            statistics = exact.statistics(row.arch)
            top1 = exact.evaluate(row.arch, statistics, batches).accuracy
            line += f"{top1:>10.2%}"
        print(line, flush=True)


def make_exact(entry, weights, dataset):
    """A scorer of the weights before they were rounded, or `None`."""
    if weights is None:
        return None
    supernet = entry.supernet(weights=False)
    supernet.load_weights(weights)
    return evaluation.make_scorer(supernet, entry.recipe, dataset)


def evaluate(model, split):
    """Top-1 of a child on images as they are, resized to what it takes."""
    size = model.input_shape[1]
    batches = ke.data.evaluation_batches(
        split, batch_size=256, patch_size=size
    ).map(lambda images, labels: (clip(images), labels))
    return model.evaluate(batches, verbose=0)[1]


def clip(images):
    """Bicubic interpolation overshoots."""
    return tf.clip_by_value(images, 0.0, 255.0)


if __name__ == "__main__":
    main()
