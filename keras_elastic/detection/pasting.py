"""A set for object detection that is made from small images."""

import os
from collections.abc import Sequence

import numpy as np
import PIL.Image
import tensorflow as tf

from keras_elastic import checks
from keras_elastic.data import load_arrays
from keras_elastic.detection.datasets import DetectionSet
from keras_elastic.detection.retinanet import IMAGE_SIZE

_MOST_OBJECTS = 4
# Sides of objects, as shares of the image's shorter side.
_SIDES = (0.25, 0.45)
_PLACES_TRIED = 20


@checks.arguments(
    name=checks.STRING,
    data_dir=checks.PATH | checks.NONE,
    image_size=IMAGE_SIZE,
    train=checks.POSITIVE_INTEGER,
    test=checks.POSITIVE_INTEGER,
    classes=checks.POSITIVE_INTEGER | checks.NONE,
    seed=checks.COUNT,
)
def pasted_objects(
    name: str = "digits",
    data_dir: str | os.PathLike[str] | None = None,
    image_size: Sequence[int] = (96, 96),
    *,
    train: int = 600,
    test: int = 200,
    classes: int | None = None,
    seed: int = 0,
) -> DetectionSet:
    """Makes images with one to four small images pasted on a background.

    The objects of the training images are from the training split of a
    classification set, those of the test images from its test split. They are
    a quarter to nearly half of the image's shorter side, stretched a little,
    and do not overlap; backgrounds are smooth, of random colors, with noise.

    Args:
        name: String. What `keras_elastic.data.load_arrays` loads.
        data_dir: As `load_arrays`.
        image_size: Pair of integers, height and width in pixels.
        train: Integer. Images to train on.
        test: Integer. Images to measure on.
        classes: Integer. Only objects of the first so many classes are
            pasted. Defaults to all.
        seed: Integer. The same seed makes the same images.

    Returns:
        A `DetectionSet`.

    Raises:
        ValueError: The images are not there, or have fewer classes.

    Example:

    >>> made = pasted_objects(image_size=(48, 64), train=3, test=2)
    >>> for example in made.train:
    ...     print(example["image"].shape, example["boxes"].shape[1:])
    (48, 64, 3) (4,)
    (48, 64, 3) (4,)
    (48, 64, 3) (4,)
    """
    objects = load_arrays(name, data_dir)
    count = classes or objects.num_classes
    if count > objects.num_classes:
        raise ValueError(
            f"`classes` must be at most {objects.num_classes}, what {name!r} "
            f"has. Received: classes={classes}."
        )
    return DetectionSet(
        f"pasted {name}",
        objects.class_names[:count],
        _examples(objects.train, train, count, image_size, (seed, 0)),
        _examples(objects.test, test, count, image_size, (seed, 1)),
        train_size=train,
        test_size=test,
    )


def _examples(split, number, classes, image_size, seed):
    rng = np.random.default_rng(seed)
    usable = np.flatnonzero(split.labels < classes)
    made = []
    for _ in range(number):
        image, boxes = _background(rng, image_size), []
        chosen = rng.choice(usable, rng.integers(1, _MOST_OBJECTS + 1))
        labels = []
        for place in chosen:
            box = _free_place(rng, image_size, boxes)
            if box is not None:
                _paste(image, split.images[place], box)
                boxes.append(box)
                labels.append(split.labels[place])
        shares = np.array(boxes) / [*image_size, *image_size]
        made.append((image, shares.astype("float32"), np.array(labels)))
    return tf.data.Dataset.from_generator(
        lambda: (dict(zip(_SPEC, m, strict=True)) for m in made),
        output_signature={
            **_SPEC,
            "image": tf.TensorSpec((*image_size, 3), "uint8"),
        },
    ).apply(tf.data.experimental.assert_cardinality(number))


_SPEC = {
    "image": tf.TensorSpec((None, None, 3), "uint8"),
    "boxes": tf.TensorSpec((None, 4), "float32"),
    "labels": tf.TensorSpec((None,), "int64"),
}


def _background(rng, image_size):
    """A smooth image of random colors, with a little noise."""
    coarse = rng.integers(0, 256, (4, 4, 3)).astype("uint8")
    image = _resize(coarse, image_size).astype("float32")
    noisy = image + rng.normal(0, 12, image.shape)
    return np.clip(noisy, 0, 255).astype("uint8")


def _free_place(rng, image_size, boxes):
    """A box that overlaps none of others, or `None` if none was found."""
    for _ in range(_PLACES_TRIED):
        side = rng.uniform(*_SIDES) * min(image_size)
        stretch = rng.uniform(0.85, 1.15)
        height, width = round(side * stretch), round(side / stretch)
        top = rng.integers(0, image_size[0] - height + 1)
        left = rng.integers(0, image_size[1] - width + 1)
        box = (top, left, top + height, left + width)
        if not any(_overlap(box, other) for other in boxes):
            return box
    return None


def _overlap(box, other):
    return all(
        box[axis] < other[axis + 2] and other[axis] < box[axis + 2]
        for axis in (0, 1)
    )


def _paste(image, patch, box):
    top, left, bottom, right = box
    image[top:bottom, left:right] = _resize(patch, (bottom - top, right - left))


def _resize(image, size):
    height, width = size
    resized = PIL.Image.fromarray(image).resize(
        (width, height), PIL.Image.Resampling.BICUBIC
    )
    return np.asarray(resized)
