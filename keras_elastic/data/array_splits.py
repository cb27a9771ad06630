"""What a data set in memory is: three splits of images and labels."""

import dataclasses
import functools
from typing import Any

import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySplit:
    """Labelled images of one size, in one fixed order.

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
        _check_images(self.images)
        _check_labels(self.labels, len(self.images))

    @property
    def size(self) -> int:
        """Number of images."""
        return len(self.labels)

    @functools.cached_property
    def device_images(self) -> Any:
        """The images as a uint8 tensor of the backend, copied there once."""
        return ops.convert_to_tensor(self.images)


@dataclasses.dataclass(frozen=True, eq=False)
class ArrayDataset:
    """An image classification data set in memory.

    Args:
        name: What it is called in reports.
        class_names: Name of each label, in label order.
        train: Images to train on.
        held_out: Images taken from the published training split, to choose
            architectures with. Disjoint from `train`.
        test: Images to report accuracy on, never used for any choice.
    """

    name: str
    class_names: tuple[str, ...]
    train: ArraySplit
    held_out: ArraySplit
    test: ArraySplit

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


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
