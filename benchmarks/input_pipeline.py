"""Images a second that the input pipeline makes, for each augmentation.

Of synthetic JPEG images, decoded and augmented: 32 pixels as in CIFAR, 64
pixels as in Tiny ImageNet, and 500 x 375 pixels as in ImageNet, of which the
augmentations that crop decode the crop only; `whole` is the same with the
whole image decoded first. With --data_dir also of a data set on disk.

    python benchmarks/input_pipeline.py --seconds=2
    python benchmarks/input_pipeline.py --data_dir=tfds --dataset=cifar10
"""

import argparse
import dataclasses
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from keras_elastic.data.augmentation import AUGMENTATIONS
from keras_elastic.data.augmentation import CropAugmentation
from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.image_files import decode_window
from keras_elastic.data.pipeline import training_batches
from keras_elastic.data.splits import Split

BATCH_SIZE = 64
# Height, width and patch size.
SIZES = {
    "32 px": (32, 32, 32),
    "64 px": (64, 64, 64),
    "500 x 375 px": (375, 500, 224),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--patch_size", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.data_dir:
        split = load_dataset(arguments.dataset, arguments.data_dir).train
        image, _ = next(iter(split.images))
        patch_size = arguments.patch_size or min(image.shape[:2])
        report(arguments.dataset, split, patch_size, arguments.seconds)
        return
    for name, (height, width, patch_size) in SIZES.items():
        split = synthetic_split(height, width)
        report(name, split, patch_size, arguments.seconds)


def report(name, split, patch_size, seconds):
    """Prints a table of images a second."""
    print(f"{name}, patches of {patch_size}: images a second")
    print(f"{'':<20}{'':>9}{'whole':>9}")
    whole = dataclasses.replace(split, decode_window=None)
    for augmentation, augment in AUGMENTATIONS.items():
        arguments = (augmentation, patch_size, seconds)
        row = f"{augmentation:<20}{measure(split, *arguments):>9.0f}"
        if isinstance(augment, CropAugmentation):
            row += f"{measure(whole, *arguments):>9.0f}"
        print(row, flush=True)
    print()


def measure(split, augmentation, patch_size, seconds):
    """Returns images a second over about `seconds`, after one batch."""
    batches = training_batches(
        split,
        batch_size=min(BATCH_SIZE, split.size),
        patch_size=patch_size,
        seed=0,
        epoch=0,
        augmentation=augmentation,
    )
    iterator = iter(batches.repeat())
    next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        images, _ = next(iterator)
        count += len(images)
    return count / (time.perf_counter() - start)


def synthetic_split(height, width, count=256):
    """Returns a split of JPEG images with about the bytes of photographs."""
    rng = np.random.default_rng(0)
    records = [
        tf.io.encode_jpeg(photograph(rng, height, width)).numpy()
        for _ in range(count)
    ]
    labels = np.arange(count, dtype="int64")
    return Split.from_records(
        tf.data.Dataset.from_tensor_slices((records, labels)),
        count,
        decode,
        lambda record, draw: decode_window(record, decode, draw),
    )


def photograph(rng, height, width):
    """Returns soft colors with a little noise."""
    small = rng.uniform(0, 255, (height // 8 + 1, width // 8 + 1, 3))
    image = tf.image.resize(small, (height, width), "bicubic")
    image += rng.normal(0, 4, (height, width, 3)).astype("float32")
    return tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8)


def decode(record):
    image = tf.io.decode_image(record, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


if __name__ == "__main__":
    main()
