"""What a data set is, and which of its training images are held out."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from keras_elastic import checks

# A tenth of the training images is enough to rank subnets, and 10,000 are
# enough however large the training split is.
_HELD_OUT_PERIOD = 10
_MOST_HELD_OUT = 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """An image classification data set.

    Its splits are three `Split`s, which TensorFlow reads, or three
    `ArraySplit`s in memory.

    Args:
        name: What it is called in reports.
        class_names: Name of each label, in label order.
        train: Images to train on.
        held_out: Images taken from the published training split, to choose
            architectures with. Disjoint from `train`.
        test: Images to report accuracy on, never used for any choice.
        skipped: Names of the files that were left out because they cannot be
            decoded.
        held_out_places: Optional boolean array: which images of the published
            training split are held out, in its order. `None` where they are
            those of `held_out_mask`.

    Raises:
        ValueError: If there are fewer than two classes, a class name is not
            one line of text, or a label in memory is not that of a class.
    """

    name: str
    class_names: tuple[str, ...]
    train: Any
    held_out: Any
    test: Any
    skipped: tuple[str, ...] = ()
    held_out_places: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_class_names(self.class_names)
        for name in ("train", "held_out", "test"):
            split = getattr(self, name)
            if isinstance(split, ArraySplit):
                check_label_range(name, split.labels, self.num_classes)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def set_apart(self, count: int) -> "tuple[ImageDataset, ImageDataset]":
        """Sets training images apart, for what must not have been fitted.

        They are at equal distances in the order of the split, so each class
        has its share.

        Args:
            count: Integer. How many, at least one, and less than all.

        Returns:
            The data set without them, and the data set that trains on them
            alone. Both hold out and test the same images as this one.

        Raises:
            ValueError: If `count` is out of its range.
        """
        size = self.train.size
        if not 1 <= count < size:
            raise ValueError(
                f"`count` must be in 1..{size - 1}, to leave some of the "
                f"{size} training images. Received: count={count}."
            )
        chosen = np.zeros(size, bool)
        chosen[np.arange(count) * size // count] = True
        rest, apart = self.train.divide(chosen)
        return (
            dataclasses.replace(self, train=rest),
            dataclasses.replace(self, train=apart),
        )

    def with_test_limit(self, limit: int | None) -> "ImageDataset":
        """Returns the data set with the first images of its test split.

        Args:
            limit: Most images of the test split, or `None` for all.
        """
        if limit is None or limit >= self.test.size:
            return self
        return dataclasses.replace(self, test=self.test.first(limit))


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFiles:
    """The files of a split, in its order.

    Args:
        folder: Path of the image folder.
        paths: Their paths.
        labels: The number of the class of each.
    """

    folder: pathlib.Path
    paths: tuple[pathlib.Path, ...]
    labels: tuple[int, ...]

    def first(self, count: int) -> "ImageFiles":
        """Returns the first files."""
        return ImageFiles(self.folder, self.paths[:count], self.labels[:count])


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySplit:
    """Labeled images of one size, in one fixed order.

    Args:
        images: uint8 array `[count, height, width, 3]`.
        labels: int64 array `[count]`.

    Raises:
        ValueError: If the arrays have another shape or type, or their numbers
            differ.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        checks.fields(self)
        _check_images(self.images)
        _check_labels(self.labels, len(self.images))

    @property
    def size(self) -> int:
        """Number of images."""
        return len(self.labels)

    def divide(self, chosen: np.ndarray) -> "tuple[ArraySplit, ArraySplit]":
        """Divides the first images into two splits.

        Args:
            chosen: Boolean array: which of the first images are chosen; see
                `held_out_mask`. Those after them are left out.

        Returns:
            The others of the first images, and those that are chosen.
        """
        images, labels = (a[: len(chosen)] for a in (self.images, self.labels))
        others, own = (
            ArraySplit(images[mask], labels[mask]) for mask in (~chosen, chosen)
        )
        return others, own

    def first(self, count: int) -> "ArraySplit":
        """Returns the first images."""
        return ArraySplit(self.images[:count], self.labels[:count])


def check_limit(limit: int | None) -> None:
    """Refuses a `limit` that keeps no image.

    Raises:
        ValueError: If `limit` is neither `None` nor positive.
    """
    (checks.POSITIVE_INTEGER | checks.NONE).check("limit", limit)


def held_out_mask(size: int, limit: int | None = None) -> np.ndarray:
    """Says which images of a published training split are held out.

    Every tenth image is, beginning with the first. Where a tenth would exceed
    10,000 images, they are 10,000 at equal distances.

    Args:
        size: Number of images in the training split.
        limit: If given, only the first `limit` images are divided.

    Returns:
        Boolean array, as long as images are divided.

    Raises:
        ValueError: If `limit` is not positive or fewer than two images are
            left to divide.

    Example:

    >>> held_out_mask(100, limit=12).nonzero()[0].tolist()
    [0, 10]
    """
    kept = _checked_count(size, limit)
    period = max(_HELD_OUT_PERIOD, kept // _MOST_HELD_OUT)
    mask = np.zeros(kept, bool)
    mask[np.arange(0, kept, period)[:_MOST_HELD_OUT]] = True
    return mask


def _checked_count(size: int, limit: int | None) -> int:
    check_limit(limit)
    kept = size if limit is None else min(size, limit)
    if kept < 2:
        raise ValueError(
            "The training split must keep at least 2 images, one to train on "
            f"and one to hold out. Received: {size} images, limit={limit}, "
            f"which keeps {kept}. Add images, or pass a larger `limit`."
        )
    return kept


def _check_class_names(class_names: tuple[str, ...]) -> None:
    if len(class_names) < 2:
        raise ValueError(
            "`class_names` must be at least 2, to tell apart. "
            f"Received: {class_names}. Add images of another class."
        )
    for name in class_names:
        if not isinstance(name, str) or len(name.splitlines()) != 1:
            raise ValueError(
                "`class_names` must be strings of one line each, for they are "
                f"written a line each. Received: {name!r}. Rename the class."
            )


def check_label_range(name: str, labels: np.ndarray, num_classes: int) -> None:
    """Refuses labels that are not the number of a class.

    Args:
        name: What the split is called.
        labels: Integer array.
        num_classes: Number of classes.

    Raises:
        ValueError: If a label is negative, or as large as `num_classes`.
    """
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"The labels of `{name}` must be from 0 to {num_classes - 1}, for "
            f"there are {num_classes} classes. Received: {len(wrong)} others, "
            f"such as {int(wrong[0])}. Count the classes from 0, and name all "
            "of them."
        )


def _check_images(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            "`images` must be a uint8 array [count, height, width, 3]. "
            f"Received: {images.dtype} {list(images.shape)}. Convert it: RGB "
            "with values in 0..255."
        )


def _check_labels(labels: np.ndarray, count: int) -> None:
    if labels.dtype != np.int64 or labels.shape != (count,):
        raise ValueError(
            f"`labels` must be an int64 array [{count}], one label an image. "
            f"Received: {labels.dtype} {list(labels.shape)}. Convert it, or "
            "pass as many labels as images."
        )
