"""Data sets of images with boxes, and the batches that detectors train on."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_elastic import checks
from keras_elastic.data import tfds_images
from keras_elastic.detection.retinanet import IMAGE_SIZE

# Mistakes in the form of boxes show in the first examples; and a whole set
# takes minutes to read.
_CHECKED = 100
_SHUFFLED = 2000
_EXAMPLES = checks.instance(tf.data.Dataset)


@dataclasses.dataclass(frozen=True, eq=False)
class DetectionSet:
    """Images with boxes around objects.

    Each example is a dictionary of `"image"`, uint8 of shape (height, width,
    3) or the contents of an image file, a string; `"boxes"`, float32 of shape
    (count, 4): top, left, bottom and right as shares of the image's height
    and width; and `"labels"`, integers of shape (count,).

    Args:
        name: String.
        class_names: Tuple of strings, in the order of the labels.
        train: `tf.data.Dataset` of examples to train on.
        test: `tf.data.Dataset` of examples to measure on.
        train_size: Integer. Number of examples of `train`.
        test_size: Integer. Number of examples of `test`.
    """

    name: str
    class_names: tuple[str, ...]
    train: tf.data.Dataset
    test: tf.data.Dataset
    train_size: int
    test_size: int


@checks.arguments(name=checks.STRING, data_dir=checks.PATH | checks.NONE)
def load_dataset(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> DetectionSet:
    """Loads a data set of TensorFlow Datasets (TFDS) such as `"coco/2017"`.

    Crowds, which one box holds together, are left out, and so are boxes
    without an area, of which COCO has a few.

    Args:
        name: String. The name in TFDS of a data set with the features "image"
            and "objects", of which each has a "bbox" and a "label".
        data_dir: Path of the directory that holds it, prepared. Without it, or
            where it is not there, TFDS downloads it.

    Returns:
        A `DetectionSet`. Its test split is "validation" where there is one:
        COCO's "test" has no boxes.

    Raises:
        ValueError: The data set is not there, or has no boxes.

    Example:

    ```python
    coco = keras_elastic.detection.load_dataset("coco/2017")
    ```
    """
    builder = data_dir and tfds_images.find_prepared(name, str(data_dir))
    builder = builder or tfds_images.find_registered(name)
    if builder is None:
        raise ValueError(
            "`name` must be that of a data set in `data_dir`, or one that TFDS "
            f"knows. Received: name={name!r}, data_dir={data_dir!r}."
        )
    features, splits = builder.info.features, builder.info.splits
    objects = features["objects"] if "objects" in features else None
    inner = getattr(objects, "feature", None) or {}
    test = "validation" if "validation" in splits else "test"
    lacks = [f"objects/{k}" for k in ("bbox", "label") if k not in inner]
    lacks += [split for split in ("train", test) if split not in splits]
    if lacks:
        raise ValueError(
            "`name` must be a data set with the feature 'objects' of 'bbox' "
            "and 'label', and the splits 'train' and 'validation' or 'test'. "
            f"Received: name={name!r}, which lacks {lacks}. Pass one for "
            "object detection, such as 'coco/2017' or 'voc/2007'."
        )
    return DetectionSet(
        name,
        tuple(inner["label"].names),
        _read(builder, "train"),
        _read(builder, test),
        splits["train"].num_examples,
        splits[test].num_examples,
    )


def _read(builder, split):
    import tensorflow_datasets as tfds

    examples = builder.as_dataset(
        split=split,
        # Decoded after they are shuffled.
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    return examples.map(_as_example, num_parallel_calls=tf.data.AUTOTUNE)


def _as_example(example):
    objects = example["objects"]
    boxes = objects["bbox"]
    keep = tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1)
    if "is_crowd" in objects:
        keep &= ~objects["is_crowd"]
    return {
        "image": example["image"],
        "boxes": tf.boolean_mask(boxes, keep),
        "labels": tf.boolean_mask(objects["label"], keep),
    }


@checks.arguments(
    examples=_EXAMPLES,
    image_size=IMAGE_SIZE,
    batch_size=checks.POSITIVE_INTEGER,
    classes=checks.POSITIVE_INTEGER,
    training=checks.BOOLEAN,
    seed=checks.COUNT,
    max_boxes=checks.POSITIVE_INTEGER,
)
def detection_batches(
    examples: tf.data.Dataset,
    image_size: Sequence[int],
    batch_size: int,
    classes: int,
    *,
    training: bool = False,
    seed: int = 0,
    max_boxes: int = 100,
) -> tf.data.Dataset:
    """Makes batches of one size of images with boxes.

    Images are resized to `image_size`, whatever their proportions; boxes go
    with them. For training the order is random, half of the images are
    mirrored, and the batches go on without end.

    Args:
        examples: `tf.data.Dataset` of examples of a `DetectionSet`.
        image_size: Pair of integers, height and width in pixels.
        batch_size: Integer.
        classes: Integer. Number of classes.
        training: Boolean.
        seed: Integer. With it, batches are the same in every run.
        max_boxes: Integer. Boxes of an image; more are left out.

    Returns:
        `tf.data.Dataset` of pairs: images, float32 of shape (batch, height,
        width, 3), pixels in 0..255; and a dictionary of `"boxes"`, float32 of
        shape (batch, max_boxes, 4), top, left, bottom and right in pixels,
        and `"labels"`, float32 of shape (batch, max_boxes). Both are -1 where
        there is no box.

    Raises:
        ValueError: Examples are no such dictionaries; or, in the first 100, a
            box reaches out of its image or has no area, or a label is none of
            a class.
    """
    _check_spec(examples.element_spec)
    for number, example in enumerate(examples.take(_CHECKED)):
        check_boxes(
            example["boxes"].numpy(), example["labels"].numpy(), classes, number
        )

    def prepare(number, example):
        image, boxes = _decode(example["image"]), example["boxes"]
        image = tf.image.resize(
            tf.cast(image, "float32"), image_size, antialias=True
        )
        if training:
            chance = tf.random.stateless_uniform([], (seed, number))
            image, boxes = tf.cond(
                chance < 0.5,
                lambda: _mirror(image, boxes),
                lambda: (image, boxes),
            )
        targets = _pad(boxes, example["labels"], image_size, max_boxes)
        return tf.ensure_shape(image, (*image_size, 3)), targets

    if training:
        examples = examples.shuffle(_SHUFFLED, seed=seed).repeat()
    return (
        examples.enumerate()
        .map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size, drop_remainder=training)
        .prefetch(tf.data.AUTOTUNE)
    )


def _decode(image):
    if image.dtype == tf.string:
        image = tf.io.decode_image(image, 3, expand_animations=False)
    return image


def _mirror(image, boxes):
    top, left, bottom, right = tf.unstack(boxes, axis=1)
    mirrored = tf.stack([top, 1 - right, bottom, 1 - left], axis=1)
    return image[:, ::-1], mirrored


def _pad(boxes, labels, image_size, max_boxes):
    pixels = tf.constant([*image_size, *image_size], "float32")
    boxes = tf.clip_by_value(boxes, 0, 1)[:max_boxes] * pixels
    labels = tf.cast(labels, "float32")[:max_boxes]
    missing = max_boxes - tf.shape(labels)[0]
    boxes = tf.pad(boxes, [[0, missing], [0, 0]], constant_values=-1)
    labels = tf.pad(labels, [[0, missing]], constant_values=-1)
    return {
        "boxes": tf.ensure_shape(boxes, (max_boxes, 4)),
        "labels": tf.ensure_shape(labels, (max_boxes,)),
    }


def _check_spec(spec):
    """Raises a `ValueError` unless examples are those of a `DetectionSet`."""
    ranks = {"boxes": 2, "labels": 1}
    fits = isinstance(spec, dict) and {"image", *ranks} <= set(spec)
    if fits:
        image = spec["image"]
        rank = 0 if image.dtype == tf.string else 3
        fits = image.shape.rank == rank and (not rank or image.shape[-1] == 3)
        fits &= all(spec[name].shape.rank == n for name, n in ranks.items())
    if not fits:
        raise ValueError(
            "`examples` must be dictionaries of an 'image' of shape (height, "
            "width, 3), or the contents of its file, of 'boxes' of shape "
            f"(count, 4) and of 'labels' of shape (count,). Received: {spec}. "
            "Map them to this form, before they are batched."
        )


def check_boxes(boxes, labels, classes, number=0):
    """Raises a `ValueError` unless boxes lie in their image.

    Args:
        boxes: Array of shape (count, 4): top, left, bottom and right as shares
            of the image.
        labels: Integer array of shape (count,).
        classes: Integer. Number of classes.
        number: Integer. Place of the image, for the message.
    """
    fix = (
        "Divide pixels by the image's height and width, and order them top, "
        "left, bottom, right."
    )
    if boxes.shape != (len(labels), 4):
        _refuse("boxes", "four numbers for each label", number, boxes.shape, "")
    for box in boxes:
        # NaN is on neither side.
        if not ((box >= 0).all() and (box <= 1 + 1e-3).all()):
            _refuse("boxes", "within 0..1, the image", number, box, fix)
        if not (box[:2] < box[2:]).all():
            _refuse("boxes", "of an area above 0", number, box, fix)
    wrong = [label for label in labels if not 0 <= label < classes]
    if wrong:
        _refuse(
            "labels",
            f"in 0..{classes - 1}",
            number,
            wrong[:5],
            "Pass `classes`, the number of all classes.",
        )


def _refuse(name, expected, number, received, fix):
    if isinstance(received, np.ndarray):
        received = received.tolist()
    raise ValueError(
        f"`{name}` must be {expected}. Received: {received} in the example "
        f"{number}, counted from 0. {fix}".rstrip()
    )
