"""Whether Keras's own augmentation layers let an epoch be resumed exactly.

Each layer is mapped over images in a `tf.data` pipeline, as Keras says to use
it, and so is the function of `keras_elastic.data` that stands in its place. An
epoch is made whole, and again from its middle. Printed are the share of the
images of the second half that are the same, and images a second.

    python benchmarks/keras_augmentation.py --size=32 --images=512
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from keras_elastic.data import distortions
from keras_elastic.data import policies


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--images", type=int, default=512)
    arguments = parser.parse_args()
    print(
        f"{'':<20}{'same':>8}{'images/s':>10}{'own same':>12}{'images/s':>10}"
    )
    for name, pair in pairs().items():
        row = f"{name:<20}"
        for augment in pair:
            same, speed = measure(augment, arguments.size, arguments.images)
            row += f"{same:>8.0%}{speed:>10.0f}  "
        print(row, flush=True)


def pairs():
    """Keras's layers, as close to ours as they come, and our functions."""
    layers = {
        "RandAugment": keras.layers.RandAugment(factor=0.9, seed=0),
        "RandomErasing": keras.layers.RandomErasing((0.2, 0.2), seed=0),
        "RandomColorJitter": keras.layers.RandomColorJitter(
            brightness_factor=0.4,
            contrast_factor=0.4,
            saturation_factor=0.4,
            seed=0,
        ),
    }
    ours = (policies.rand_augment, distortions.erase, distortions.jitter)
    return {
        name: (lambda image, seed, layer=layer: layer(image), own)
        for (name, layer), own in zip(layers.items(), ours, strict=True)
    }


def measure(augment, size, count):
    """Returns the share of equal images and the images a second."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 3)).astype("uint8")

    def make(number, image):
        return augment(image, tf.stack([tf.constant(0, tf.int64), number]))

    def epoch(start):
        examples = tf.data.Dataset.from_tensor_slices(images).enumerate()
        made = examples.skip(start).map(
            make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        return made.batch(count)

    middle = count // 2
    whole = epoch(0)
    [first], [resumed] = whole, epoch(middle)
    began = time.perf_counter()
    [_] = whole
    speed = count / (time.perf_counter() - began)
    pairs = zip(first[middle:], resumed, strict=True)
    return np.mean([np.array_equal(*pair) for pair in pairs]), speed


if __name__ == "__main__":
    main()
