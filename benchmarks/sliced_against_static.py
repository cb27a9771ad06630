"""Forward and backward of a sliced subnet against the same subnet static.

Three ways to run one architecture of the full BigNAS space:
- sliced: sizes are tensors, one trace for all architectures;
- static: the same layers, traced for this architecture alone;
- child: the extracted model of stock Keras layers, in training mode.

Prints the medians of the ratios of times that were taken in turn, and how the
time of the smallest subnet compares with that of the largest.

    python benchmarks/sliced_against_static.py
"""

import argparse
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import timing

import keras_elastic as ke
from keras_elastic.layers.kernels import resize
from keras_elastic.spaces import costs

CLASSES = 200


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="bignas")
    parser.add_argument("--resolutions", default="192,224,256,288,320")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    resolutions = [int(r) for r in arguments.resolutions.split(",")]

    family = ke.families.get(arguments.family, resolution=tuple(resolutions))
    supernet = ke.Supernet(family, CLASSES)
    space = supernet.space
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (arguments.batch, 224, 224, 3))
    images = tf.constant(images, "float32")
    labels = tf.constant(rng.integers(0, CLASSES, arguments.batch))

    sliced = Sliced(supernet, images, labels)
    architectures = {"largest": space.largest, "smallest": space.smallest}
    for number in range(3):
        architectures[f"random {number + 1}"] = space.sample(rng)

    print(f"{'':<12}{'flops':>8}{'sliced':>10}{'/ static':>10}{'/ child':>10}")
    medians, flops = {}, {}
    for name, arch in architectures.items():
        seconds = timing.paired_seconds(
            {
                "sliced": sliced.runner(arch),
                "static": static_runner(supernet, arch, images, labels),
                "child": child_runner(supernet, arch, images, labels),
            },
            arguments.runs,
        )
        flops[name] = costs(family.plan(arch, CLASSES)).flops
        medians[name] = statistics.median(seconds["sliced"])
        against_static, against_child = (
            timing.median_ratio(seconds["sliced"], seconds[other])
            for other in ("static", "child")
        )
        print(
            f"{name:<12}{flops[name] / 1e6:>7.1f}M{medians[name]:>9.3f}s"
            f"{against_static:>10.3f}{against_child:>10.3f}"
        )
    time_ratio = medians["largest"] / medians["smallest"]
    flops_ratio = flops["largest"] / flops["smallest"]
    print(
        f"\ntraces of the sliced subnet: {sliced.traces}\n"
        f"largest / smallest: time {time_ratio:.2f}, flops "
        f"{flops_ratio:.2f}, one over the other "
        f"{max(time_ratio, flops_ratio) / min(time_ratio, flops_ratio):.2f}"
    )


class Sliced:
    """One traced function for every architecture."""

    def __init__(self, supernet, images, labels):
        self.supernet = supernet
        self.images = images
        self.labels = labels
        self.traces = 0
        self._function = tf.function(self._gradients)

    def _gradients(self, arch):
        self.traces += 1
        variables = self.supernet.trainable_variables
        return gradients(
            lambda: self.supernet(self.images, arch), self.labels, variables
        )

    def runner(self, arch):
        """Returns a function that runs one architecture."""
        encoded = tf.constant(self.supernet.space.encode(arch))
        return lambda: finish(self._function(encoded))


def static_runner(supernet, arch, images, labels):
    """Returns a function that runs a subnet traced for it alone."""
    # Variables of blocks that this architecture skips have no gradient.
    function = tf.function(
        lambda: gradients(
            lambda: supernet(images, arch),
            labels,
            supernet.trainable_variables,
        )
    )
    return lambda: finish(function())


def child_runner(supernet, arch, images, labels):
    """Returns a function that runs the child."""
    child = supernet.child(arch)
    function = tf.function(
        lambda: gradients(
            lambda: child(resize(images, arch.resolution), training=True),
            labels,
            child.trainable_variables,
        )
    )
    return lambda: finish(function())


def gradients(forward, labels, variables):
    """Gradients of the mean cross-entropy, those that there are."""
    with tf.GradientTape() as tape:
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=forward()
        )
        loss = tf.reduce_mean(loss)
    found = tape.gradient(loss, [v.value for v in variables])
    return [gradient for gradient in found if gradient is not None]


def finish(tensors):
    """Waits until the last of the tensors is there."""
    tensors[0].numpy()


if __name__ == "__main__":
    main()
