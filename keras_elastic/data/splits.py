"""Splits that TensorFlow reads, encoded until an image is used."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_elastic.data.augmentation import center_patch
from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import held_out_mask

if keras.backend.backend() != "tensorflow":
    # Pipelines run on the processor. On a GPU, TensorFlow would take all the
    # memory, which the other backend needs.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")

Decode = Callable[[tf.Tensor], tf.Tensor]
DecodeWindow = Callable[[tf.Tensor, Decode], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Split:
    """Labeled images in one fixed order.

    Where the images are stored encoded, `records` and `decode` let a pipeline
    shuffle and skip the small encoded records and decode only what it uses.
    Without them, `images` is shuffled and skipped itself.

    Args:
        images: `tf.data.Dataset` of `(image, label)`: uint8
            `[height, width, 3]` and int64 scalar. Neither batched nor
            shuffled; every iteration yields the same order.
        size: Number of images.
        records: Optional `tf.data.Dataset` of `(record, label)`, in the order
            of `images`.
        decode: Function from one record to its image. Needed with `records`.
        decode_window: Optional function from one record, and from a function
            that is given the shape of the image and returns a window (top,
            left, height, width), to what the image shows in the window. For
            records of which a part is decoded faster than the whole.
        source: Optional: what tells these images from others, for
            `fingerprint`. `ImageFiles`, an `ArraySplit`, or what JSON holds.

    Raises:
        ValueError: If only one of `records` and `decode` is given, or
            `decode_window` without them, or the labels are not integers.
    """

    images: tf.data.Dataset
    size: int
    records: tf.data.Dataset | None = None
    decode: Decode | None = None
    decode_window: DecodeWindow | None = None
    source: Any = None

    def __post_init__(self) -> None:
        _check_label_type(self.images)
        if (self.records is None) != (self.decode is None):
            raise ValueError(
                "`records` and `decode` must be given together. "
                f"Received: records={self.records}, decode={self.decode}. "
                "Pass both, or neither."
            )
        if self.decode_window is not None and self.decode is None:
            raise ValueError(
                "`decode_window` must be given with `records` and `decode`. "
                f"Received: decode_window={self.decode_window} alone. Pass "
                "all three, or none."
            )

    @classmethod
    def from_records(
        cls,
        records: tf.data.Dataset,
        size: int,
        decode: Decode,
        decode_window: DecodeWindow | None = None,
        source: Any = None,
    ) -> "Split":
        """Makes a split of encoded records.

        Args:
            records: `tf.data.Dataset` of `(record, label)`.
            size: Number of records. Reading fails if it is not true.
            decode: Function from one record to a uint8 image
                `[height, width, 3]`.
            decode_window: Optional function that decodes a part; see `Split`.
            source: Optional, what tells these images from others.

        Returns:
            A `Split` whose `images` decodes on the fly.
        """

        def decode_example(record, label):
            return decode(record), label

        records = records.apply(tf.data.experimental.assert_cardinality(size))
        images = records.map(
            decode_example,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return cls(images, size, records, decode, decode_window, source)

    def divide(self, chosen: np.ndarray) -> "tuple[Split, Split]":
        """Divides the first images into two splits.

        Args:
            chosen: Boolean array: which of the first images are chosen; see
                `held_out_mask`. Those after them are left out.

        Returns:
            The others of the first images, and those that are chosen.
        """
        examples, decode = self.undecoded()
        numbered = examples.take(len(chosen)).enumerate()
        mask = tf.constant(chosen)
        own = numbered.filter(lambda number, example: mask[number])
        others = numbered.filter(lambda number, example: ~mask[number])
        count = int(chosen.sum())
        sizes = (len(chosen) - count, count)
        rest, part = (
            Split.from_records(
                kept.map(_drop_number),
                size,
                decode,
                self.decode_window,
                self.source,
            )
            for kept, size in zip((others, own), sizes, strict=True)
        )
        return rest, part

    def first(self, count: int) -> "Split":
        """Returns the first images.

        Args:
            count: Number of images. All of them, if there are fewer.
        """
        source, records = self.source, self.records
        if hasattr(source, "first"):
            source = source.first(count)
        elif source is not None:
            source = [source, count]
        return dataclasses.replace(
            self,
            images=self.images.take(count),
            size=min(count, self.size),
            records=None if records is None else records.take(count),
            source=source,
        )

    def undecoded(self) -> tuple[tf.data.Dataset, Decode]:
        """Returns the cheapest examples to move about, and their decoder."""
        if self.records is None or self.decode is None:
            return self.images, tf.identity
        return self.records, self.decode


def _check_label_type(images: tf.data.Dataset) -> None:
    spec = images.element_spec
    is_pair = isinstance(spec, tuple) and len(spec) == 2
    dtype = getattr(spec[1], "dtype", None) if is_pair else None
    if dtype is None or not dtype.is_integer:
        raise ValueError(
            "`images` must yield pairs of an image and an integer, the number "
            f"of its class. Received: {spec}. Convert the labels: "
            "`images.map(lambda image, label: (image, tf.cast(label, "
            "tf.int64)))`."
        )


def from_arrays(dataset: ImageDataset) -> ImageDataset:
    """Lets TensorFlow read a data set in memory, with its images and order."""
    splits = (dataset.train, dataset.held_out, dataset.test)
    train, held_out, test = map(_from_arrays, splits)
    return dataclasses.replace(
        dataset, train=train, held_out=held_out, test=test
    )


def to_arrays(
    dataset: ImageDataset, resize_to: int | None = None
) -> ImageDataset:
    """Reads all images of a data set into memory.

    Args:
        dataset: `ImageDataset` of `Split`s.
        resize_to: If given, the side in pixels that the central square of
            every image is resized to. Needed where the images differ in size.

    Returns:
        An `ImageDataset` of `ArraySplit`s: the same images, labels and order.

    Raises:
        ValueError: If the images differ in size and `resize_to` is not given.
    """
    splits = (dataset.train, dataset.held_out, dataset.test)
    train, held_out, test = (_to_arrays(split, resize_to) for split in splits)
    return dataclasses.replace(
        dataset, train=train, held_out=held_out, test=test
    )


def _from_arrays(split: ArraySplit) -> Split:
    arrays = (split.images, split.labels)
    images = tf.data.Dataset.from_tensor_slices(arrays)
    return Split.from_records(images, split.size, tf.identity, source=split)


def _to_arrays(split: Split, resize_to: int | None) -> ArraySplit:
    def resize(image, label):
        patch = tf.round(center_patch(image, resize_to))
        return tf.cast(patch, tf.uint8), label

    examples = split.images
    if resize_to is not None:
        examples = examples.map(resize, num_parallel_calls=tf.data.AUTOTUNE)
    images, labels = zip(*examples.as_numpy_iterator(), strict=True)
    sizes = sorted({image.shape[:2] for image in images})
    if len(sizes) > 1:
        raise ValueError(
            "The images must all have one size (height x width). Received: "
            f"{len(sizes)} sizes, {sizes[0]} and {sizes[1]} among them. Pass "
            "`resize_to`, the side of the squares that they are resized to, "
            "to `load_arrays`."
        )
    return ArraySplit(np.stack(images), np.array(labels, "int64"))


def hold_out(
    records: tf.data.Dataset,
    size: int,
    decode: Decode,
    limit: int | None = None,
    decode_window: DecodeWindow | None = None,
    source: Any = None,
) -> tuple[Split, Split]:
    """Divides a published training split into images to train on and to hold.

    Which they are, `held_out_mask` says.

    Args:
        records: The training split, in its fixed order: `(record, label)`.
        size: Number of records.
        decode: Function from one record to its image.
        limit: If given, only the first `limit` records are divided.
        decode_window: Optional function that decodes a part; see `Split`.
        source: Optional: what tells the training split from others.

    Returns:
        The splits `(train, held_out)`: disjoint, together all the records.

    Raises:
        ValueError: If `limit` is not positive or fewer than two records are
            left to divide.
    """
    mask = held_out_mask(size, limit)
    kept = len(mask)
    source = source and [source, kept]
    whole = Split.from_records(
        records.take(kept), kept, decode, decode_window, source
    )
    return whole.divide(mask)


def _drop_number(index, example):
    del index
    return example
