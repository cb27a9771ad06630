"""What a data set is: three splits of labelled images and their class names."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_elastic.data.array_splits import ArrayDataset
from keras_elastic.data.array_splits import ArraySplit
from keras_elastic.data.augmentation import center_patch
from keras_elastic.data.holding_out import held_out_mask

Decode = Callable[[tf.Tensor], tf.Tensor]
DecodeWindow = Callable[[tf.Tensor, Decode], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Split:
    """Labelled images in one fixed order.

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

    Raises:
        ValueError: If only one of `records` and `decode` is given, or
            `decode_window` without them.
    """

    images: tf.data.Dataset
    size: int
    records: tf.data.Dataset | None = None
    decode: Decode | None = None
    decode_window: DecodeWindow | None = None

    def __post_init__(self) -> None:
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
    ) -> "Split":
        """Makes a split of encoded records.

        Args:
            records: `tf.data.Dataset` of `(record, label)`.
            size: Number of records. Reading fails if it is not true.
            decode: Function from one record to a uint8 image
                `[height, width, 3]`.
            decode_window: Optional function that decodes a part; see `Split`.

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
        return cls(images, size, records, decode, decode_window)

    def undecoded(self) -> tuple[tf.data.Dataset, Decode]:
        """Returns the cheapest examples to move about, and their decoder."""
        if self.records is None:
            return self.images, tf.identity
        return self.records, self.decode


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """An image classification data set.

    Args:
        name: What it is called in reports.
        class_names: Name of each label, in label order.
        train: Images to train on.
        held_out: Images taken from the published training split, to choose
            architectures with. Disjoint from `train`.
        test: Images to report accuracy on, never used for any choice.
        skipped: Names of the files that were left out because they cannot be
            decoded.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    held_out: Split
    test: Split
    skipped: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def to_arrays(self, resize_to: int | None = None) -> ArrayDataset:
        """Reads all images into memory.

        Args:
            resize_to: If given, the side in pixels that the central square of
                every image is resized to. Needed where the images differ in
                size.

        Returns:
            An `ArrayDataset` of the same images, labels and order.

        Raises:
            ValueError: If the images differ in size and `resize_to` is not
                given.
        """
        splits = (self.train, self.held_out, self.test)
        return ArrayDataset(
            self.name,
            self.class_names,
            *(_to_arrays(split, resize_to) for split in splits),
        )


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
) -> tuple[Split, Split]:
    """Divides a published training split into images to train on and to hold.

    Which they are, `held_out_mask` says.

    Args:
        records: The training split, in its fixed order: `(record, label)`.
        size: Number of records.
        decode: Function from one record to its image.
        limit: If given, only the first `limit` records are divided.
        decode_window: Optional function that decodes a part; see `Split`.

    Returns:
        The splits `(train, held_out)`: disjoint, together all the records.

    Raises:
        ValueError: If `limit` is not positive or fewer than two records are
            left to divide.
    """
    mask = held_out_mask(size, limit)
    kept, num_held = len(mask), int(mask.sum())
    held_out = tf.constant(mask)

    def is_held(index, example):
        del example
        return held_out[index]

    def is_trained(index, example):
        return tf.logical_not(is_held(index, example))

    numbered = records.take(kept).enumerate()
    train = numbered.filter(is_trained).map(_drop_number)
    held = numbered.filter(is_held).map(_drop_number)
    return (
        Split.from_records(train, kept - num_held, decode, decode_window),
        Split.from_records(held, num_held, decode, decode_window),
    )


def _drop_number(index, example):
    del index
    return example
