"""What a cascade of an entry's networks gains over single ones.

    python benchmarks/cascades.py --data_dir=DIR [--entry=bignas_cifar10]
        [--flops 6e6 12e6] [--points 0.5 1] [--images=N] [--picture=FILE]
        [--export]

For each mean budget a cascade is chosen on held-out images, and reported once
on the test split, beside the best single network that costs no more than the
cascade did there, and the best of all. An entry is one training: what is shown
is of one seed. With `--points`, the loss that a promise allows, too.

With `--export`, the SavedModels of each cascade, with weights of their own and
with shared ones: bytes over those of the largest network alone, the largest
difference of a logit from the model's, and how much longer a request takes with
shared weights, of one image and of 32 (medians of requests in turn).
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import tracing
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
    parser.add_argument("--export", action="store_true", help="measure files")
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
        if arguments.export:
            print(exported(model, test[0][:256]), flush=True)


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
    route = tracing.traced(model.route, ((None, size, size, 3), "float32"))
    batches = (
        enlarge(images[start : start + 250], size)
        for start in range(0, len(images), 250)
    )
    found = [route(tracing.as_images(batch)) for batch in batches]
    logits, answering = map(np.concatenate, zip(*found, strict=True))
    flops = float(np.cumsum(model.flops)[answering].mean())
    top1 = (logits.argmax(axis=-1) == labels).mean()
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


def exported(model, images):
    """What is to be said of the files of a cascade."""
    images = enlarge(images, model.input_shape[1])
    expected = model.predict_on_batch(images)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        alone = ke.export.saved_model(model.networks[-1], folder / "largest")
        paths = [
            ke.export.saved_model(
                model, folder / f"shared_{shares}", share_weights=shares
            )
            for shares in (False, True)
        ]
        sizes = [size(path) / size(alone) for path in paths]
        loaded = [tf.saved_model.load(str(path)) for path in paths]
        serves = [each.signatures["serve_tensors"] for each in loaded]
        differences = [
            np.abs(serve(images=tf.constant(images))["logits"] - expected).max()
            for serve in serves
        ]
        ratios = [slower(serves, images[:32], count) for count in (1, 32)]
    return (
        f"files: {size_text(sizes)} of the largest network's; logits differ "
        f"by {differences[0]:.1e} and {differences[1]:.1e}; shared, a request "
        f"takes {ratios[0]:.3f} times as long of one image, {ratios[1]:.3f} "
        "of 32"
    )


def size(path):
    """Bytes of a folder's files."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def size_text(sizes):
    own, shared = sizes
    return f"{own:.2f} times (own weights) and {shared:.2f} times (shared)"


def slower(serves, images, count, passes=50):
    """How much longer the second takes, for images in requests of `count`."""
    batches = [
        tf.constant(images[start : start + count], "float32")
        for start in range(0, len(images), count)
    ]
    times = [[], []]
    for _ in range(passes):
        for serve, seconds in zip(serves, times, strict=True):
            start = time.perf_counter()
            for batch in batches:
                serve(images=batch)
            seconds.append(time.perf_counter() - start)
    # The first ones are not yet compiled.
    first, second = (statistics.median(seconds[5:]) for seconds in times)
    return second / first


if __name__ == "__main__":
    main()
