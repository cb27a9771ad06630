"""Scoring subnets of a supernet against scoring extracted children.

For some architectures of the AttentiveNAS space at 64 pixels, on 2,000 images:
- the `Scorer`: statistics and evaluation, in one trace for all;
- the child: extracted, traced, calibrated and evaluated as a Keras model.

Prints seconds for each candidate, their ratio, the traces, and on how many
images the two give equal predictions. The weights are random: what is compared
is how the same numbers are computed.

    python benchmarks/scoring.py
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import keras_elastic as ke
from keras_elastic.selection import Scorer

CLASSES = 200
SIZE = 64
BATCH = 250


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="attentivenas")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--calibration_images", type=int, default=500)
    parser.add_argument("--candidates", type=int, default=5)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    calibration = draw_images(rng, arguments.calibration_images)
    images = draw_images(rng, arguments.images)
    labels = rng.integers(0, CLASSES, len(images))
    starts = range(0, len(images), BATCH)
    batches = [(images[s : s + BATCH], labels[s : s + BATCH]) for s in starts]

    supernet = ke.Supernet(
        ke.families.get(arguments.family, resolution=(SIZE,)), CLASSES
    )
    fill(supernet, rng)
    scorer = Scorer(supernet, calibration, batches)
    # The first candidate traces.
    first = seconds(lambda: scorer(supernet.space.largest))
    print(f"first candidate, with tracing: {first:.1f} s")
    print(f"{'scorer':>8}{'child':>8}{'ratio':>8}{'equal predictions':>20}")
    ratios, equal = [], []
    for _ in range(arguments.candidates):
        arch = supernet.space.sample(rng)
        ours = seconds(lambda arch=arch: scorer(arch))
        predictions = []
        theirs = seconds(
            lambda arch=arch, found=predictions: found.append(
                predict_by_child(supernet, arch, calibration, images)
            )
        )
        same = np.mean(predictions[0] == scorer.predictions(arch))
        ratios.append(theirs / ours)
        equal.append(same)
        print(f"{ours:>7.2f}s{theirs:>7.2f}s{ratios[-1]:>8.2f}{same:>20.2%}")
    print(
        f"child / scorer: median {np.median(ratios):.2f}; equal predictions: "
        f"least {min(equal):.2%} of {len(images)}"
    )


def predict_by_child(supernet, arch, calibration, images):
    """Classes of the images by the extracted and calibrated child."""
    child = supernet.child(arch)
    ke.calibrate(child, calibration)
    return child.predict(images, batch_size=BATCH, verbose=0).argmax(axis=-1)


def draw_images(rng, count):
    """Smooth noise, whose means differ from image to image."""
    base = rng.uniform(40, 215, (count, 1, 1, 3))
    noise = rng.normal(0, 30, (count, SIZE, SIZE, 3))
    return np.clip(base + noise, 0, 255).astype("float32")


def fill(supernet, rng):
    """Random gammas: zeros would make all subnets one network."""
    for variable in supernet.trainable_variables:
        if "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))


def seconds(function):
    """Seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
