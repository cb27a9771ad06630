"""Networks of keras.applications as supernets: how equal, and how fast.

    python benchmarks/elastic_networks.py [--names=MobileNetV2,ResNet50]

For each network with random weights: seconds of `keras_elastic.elastic`; the
largest difference of the largest subnet's logits from the network's, and of
random subnets' from their children's, as parts of the largest logit.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_elastic as ke

NAMES = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "MobileNetV3Large",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ResNet50",
    "VGG16",
    "ResNet101",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", default=",".join(NAMES))
    parser.add_argument("--subnets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("| network | layers | seconds | largest | subnets |")
    print("|---|---|---|---|---|")
    for name in arguments.names.split(","):
        row = measure(name, arguments.subnets, arguments.seed)
        print(f"| {name} | {' | '.join(row)} |", flush=True)
        keras.backend.clear_session()


def measure(name, subnets, seed):
    """Returns the cells of a network's row."""
    keras.utils.set_random_seed(seed)
    network = getattr(keras.applications, name)(
        weights=None, classifier_activation=None
    )
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 255, (4, 224, 224, 3)).astype("float32")
    set_statistics(network, images)
    began = time.perf_counter()
    supernet = ke.elastic(network)
    seconds = time.perf_counter() - began
    largest, statistics = supernet.space.largest, supernet.initial_statistics
    expected = network(images[:1], training=False)
    got = supernet(images[:1], largest, statistics=statistics)
    errors = [
        subnet_error(supernet, images, supernet.space.sample(rng))
        for _ in range(subnets)
    ]
    return (
        str(len(network.layers)),
        f"{seconds:.1f}",
        f"{error(got, expected):.0e}",
        f"{max(errors):.0e}",
    )


def set_statistics(network, images):
    """Lets every normalization know what it gets from the images.

    With statistics of nothing a deep network enlarges rounding without end.
    """
    norms = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)


def subnet_error(supernet, images, arch):
    """How far a subnet's logits are from its child's."""
    _, statistics = supernet(images, arch, return_statistics=True)
    child = supernet.child(arch, statistics)
    resized = keras.ops.image.resize(
        images[:1],
        (arch.resolution, arch.resolution),
        interpolation="bicubic",
        antialias=True,
    )
    pixels = keras.ops.clip(resized, 0.0, 255.0)
    return error(
        supernet(pixels, arch, statistics=statistics),
        child(pixels, training=False),
    )


def error(got, expected):
    """The largest difference, as a part of the largest logit."""
    expected = np.asarray(expected)
    return np.abs(np.asarray(got) - expected).max() / np.abs(expected).max()


if __name__ == "__main__":
    main()
