"""What a cascade of an entry's networks gains over single ones.

    python benchmarks/cascades.py --data_dir=DIR [--entry=bignas_cifar10]
        [--flops 6e6 12e6] [--points 0.5 1] [--images=N] [--picture=FILE]

For each mean budget a cascade is chosen on held-out images, and reported once
on the test split, beside the best single network that costs no more than the
cascade did there, and the best of all. An entry is one training: what is shown
is of one seed. With `--points`, the loss that a promise allows, too.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.conditional import plot_cascade
from keras_elastic.layers import kernels
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.zoo import evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entry", default="bignas_cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--flops", type=float, nargs="*", default=[12e6])
    parser.add_argument("--points", type=float, nargs="*", default=[])
    parser.add_argument("--images", type=int, help="held-out images at most")
    parser.add_argument("--picture", help="of the first cascade")
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.entry)
    dataset = ke.data.load_dataset(entry.dataset, arguments.data_dir)
    evaluation.check_same_classes(entry, dataset)
    held_out = read(dataset.held_out, entry, arguments.images)
    test = read(dataset.test, entry)
    aims = [{"flops": flops} for flops in arguments.flops]
    aims += [{"points": points} for points in arguments.points]
    print(
        "| aim | networks | held-out top-1 | test flops (mean) | test top-1 | "
        "single at that cost | gain | best single |\n" + "|---" * 8 + "|"
    )
    for aim in aims:
        model = ke.cascade(arguments.entry, held_out=held_out, **aim)
        print(line(model, aim, entry, test), flush=True)
        if arguments.picture and aim is aims[0]:
            plot_cascade(arguments.picture, model.report, entry.front)


def read(split, entry, count=None):
    """Images and labels of a split, at the size of the training patch."""
    batches = ke.data.evaluation_batches(
        split, batch_size=250, patch_size=entry.recipe.patch_size, count=count
    )
    images, labels = zip(*batches, strict=True)
    # What is enlarged overshoots.
    return np.clip(np.concatenate(images), 0, 255), np.concatenate(labels)


def line(model, aim, entry, test):
    """A row of the table."""
    images, labels = test
    size = model.input_shape[1]
    logits, flops = [], 0.0
    for start in range(0, len(images), 250):
        batch = enlarge(images[start : start + 250], size)
        logits.append(model.predict_on_batch(batch))
        flops += model.mean_flops(batch) * len(batch) / len(images)
    top1 = (np.concatenate(logits).argmax(axis=-1) == labels).mean()
    single = entry.front.best(Budget(flops=flops), entry.name).test_top1
    best = max(row.test_top1 for row in entry.front.rows)
    networks = " + ".join(short(flops) for flops in model.flops)
    [(name, value)] = aim.items()
    return (
        f"| {name} {short(value)} | {networks} | {model.report.chosen.top1:.2%}"
        f" | {short(flops)} | {top1:.2%} | {single:.2%} | "
        f"{100 * (top1 - single):+.2f} | {best:.2%} |"
    )


def enlarge(images, size):
    """Images of the size that a model takes."""
    if tuple(images.shape[1:3]) == (size, size):
        return images
    return np.asarray(kernels.resize(images, size))


if __name__ == "__main__":
    main()
