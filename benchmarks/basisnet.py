"""The second stage of a BasisNet against one static basis network.

The specialist mixes kernels for each image; the static network is one stock
model of the same plan. At batch 1 the second stage should take as long as the
static network and the mixing of the kernels, which is measured alone too: at
most 1.10 times. At larger batches each image has kernels of its own, and it
should take at most 1.5 times as long as the static network. Medians of ratios
of times that were taken in turn.

    python benchmarks/basisnet.py --bases 8,16 --batches 1,32
"""

import argparse
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import timing

import keras_elastic as ke
from keras_elastic.conditional import extract_specialist

BOUNDS = {1: 1.10}
BATCH_BOUND = 1.5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="basisnet_mobilenet_v3")
    parser.add_argument("--bases", default="8,16")
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()

    print(
        f"{'bases':>5}{'batch':>6}{'light':>10}{'static':>10}{'mixing':>10}"
        f"{'second':>10}{'ratio':>8}{'bound':>7}"
    )
    for num_bases in map(int, arguments.bases.split(",")):
        model = ke.build(
            arguments.network, num_bases=num_bases, method=arguments.method
        )
        for batch in map(int, arguments.batches.split(",")):
            measure(model, batch, arguments.runs)


def measure(model, batch, runs):
    """Measures one batch size, and prints a line."""
    rng = np.random.default_rng(0)
    size = model.specialist.resolution
    images = rng.integers(0, 256, (batch, size, size, 3))
    images = tf.constant(images, "float32")
    _, coefficients = model.preview(images)
    # One image takes little time, and what disturbs it is as large.
    seconds = timing.paired_seconds(
        runners(model, images, coefficients), runs * max(1, 8 // batch)
    )
    # At batch 1 the mixing is no part of the comparison.
    compared = seconds["static"]
    if batch == 1:
        compared = [
            sum(pair)
            for pair in zip(seconds["static"], seconds["mixing"], strict=True)
        ]
    ratio = timing.median_ratio(seconds["second"], compared)
    medians = (
        statistics.median(seconds[name])
        for name in ("light", "static", "mixing", "second")
    )
    print(
        f"{model.num_bases:>5}{batch:>6}"
        + "".join(f"{1e3 * value:>8.1f}ms" for value in medians)
        + f"{ratio:>8.3f}{BOUNDS.get(batch, BATCH_BOUND):>7.2f}"
    )


def runners(model, images, coefficients):
    """Functions to time, by name."""
    # As in serving: the size of the batch is known at run time only.
    images_spec = tf.TensorSpec((None, *images.shape[1:]))
    coefficients_spec = tf.TensorSpec((None, *coefficients.shape[1:]))

    def traced(function, *specs):
        return tf.function(function, input_signature=specs)

    mean = np.mean(coefficients, axis=0)
    static = traced(extract_specialist(model, mean), images_spec)
    light = traced(lambda images: model.preview(images)[0], images_spec)
    second = traced(model.specialize, images_spec, coefficients_spec)
    mixing = traced(mixer(model), coefficients_spec)
    return {
        "light": lambda: light(images).numpy(),
        "static": lambda: static(images).numpy(),
        "mixing": lambda: mixing(coefficients).numpy(),
        "second": lambda: second(images, coefficients).numpy(),
    }


def mixer(model):
    """Returns a function that mixes all kernels, for each image."""

    def mix(coefficients):
        kernels = []
        for place, name in enumerate(model.basis_block_names):
            for layer in model.layers:
                if layer.name.startswith(f"specialist_{name}_") and hasattr(
                    layer, "num_bases"
                ):
                    rows = tf.reshape(layer.kernel, (layer.num_bases, -1))
                    kernels.append(tf.matmul(coefficients[:, place], rows))
        # What depends on all of them, at next to no cost.
        return tf.add_n([kernel[0, 0] for kernel in kernels])

    return mix


if __name__ == "__main__":
    main()
