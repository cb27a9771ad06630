"""Batches of images in memory, augmented where the network is trained.

All random numbers are NumPy's, so that every backend shows a network the same
images.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops

from keras_elastic.data.array_splits import ArraySplit
from keras_elastic.data.resizing import make_patches
from keras_elastic.data.windows import DRAW
from keras_elastic.data.windows import Windows
from keras_elastic.data.windows import center_windows


@dataclasses.dataclass(frozen=True, eq=False)
class ArrayBatches:
    """Batches that are made while they are read, in each reading alike.

    Args:
        split: The images.
        numbers: The numbers of the images of each batch.
        draw: Function from the number of a batch and of its images to its
            windows.
        patch_size: Side of the images in the batch, in pixels.
        start: Number of the first batch that is read.
    """

    split: ArraySplit
    numbers: list[np.ndarray]
    draw: Callable[[int, int], Windows]
    patch_size: int
    start: int = 0

    def __len__(self) -> int:
        return len(self.numbers) - self.start

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return map(self._batch, range(self.start, len(self.numbers)))

    def _batch(self, batch: int) -> tuple[Any, Any]:
        numbers = self.numbers[batch]
        images = ops.take(
            self.split.device_images, ops.convert_to_tensor(numbers), axis=0
        )
        windows = self.draw(batch, len(numbers))
        labels = ops.convert_to_tensor(self.split.labels[numbers])
        return make_patches(images, windows, self.patch_size), labels


def array_batches(
    split: ArraySplit,
    *,
    batch_size: int,
    patch_size: int,
    seed: int,
    epoch: int,
    augmentation: str = "none",
    start_batch: int = 0,
) -> ArrayBatches:
    """Makes the batches of one epoch, shuffled and augmented.

    The order and the augmentation depend on `seed`, `epoch` and the position
    in the epoch alone. So `start_batch=k` yields the batches k, k + 1, ... of
    the same epoch without making what comes before.

    The images are copied to the device once, when the first batch of a split
    is made. The last images that do not fill a batch are left out; which ones
    they are changes with the epoch.

    Args:
        split: The images to train on.
        batch_size: Images in a batch.
        patch_size: Side of the images in the batch, in pixels.
        seed: Non-negative integer that names the run.
        epoch: Non-negative number of the epoch.
        augmentation: `"none"`, `"shift"`, `"shift_flip"` or `"crop_flip"`, as
            in `training_batches`.
        start_batch: Number of batches to leave out at the beginning.

    Returns:
        An iterable with a length, of `(images, labels)`: tensors of the
        backend, float32 `[batch_size, patch_size, patch_size, 3]` with values
        in 0..255 and int64 `[batch_size]` (int32 on JAX).

    Raises:
        ValueError: If a size is not positive, a number is negative,
            `batch_size` exceeds the split, `start_batch` exceeds the epoch or
            the augmentation is unknown.

    Example:

    >>> from keras_elastic.data import load_arrays
    >>> batches = array_batches(
    ...     load_arrays("digits").train,
    ...     batch_size=64,
    ...     patch_size=32,
    ...     seed=0,
    ...     epoch=3,
    ...     augmentation="shift",
    ... )
    >>> len(batches)
    20
    """
    _check_at_least(1, batch_size=batch_size, patch_size=patch_size)
    _check_at_least(0, seed=seed, epoch=epoch, start_batch=start_batch)
    _check_augmentation(augmentation)
    _check_batch_size(batch_size, split)
    num_batches = split.size // batch_size
    _check_start(start_batch, num_batches)
    # NumPy takes missing numbers of a seed for zeros: the order is number 0,
    # and the batches begin with number 1.
    order = np.random.default_rng((seed, epoch, 0)).permutation(split.size)
    image_size = split.images.shape[1:3]

    def draw(batch: int, count: int) -> Windows:
        rng = np.random.default_rng((seed, epoch, 1 + batch))
        return DRAW[augmentation](rng, count, image_size, patch_size)

    numbers = np.split(order[: num_batches * batch_size], num_batches)
    return ArrayBatches(split, numbers, draw, patch_size, start_batch)


def evaluation_arrays(
    split: ArraySplit,
    *,
    batch_size: int,
    patch_size: int,
    count: int | None = None,
) -> ArrayBatches:
    """Makes the batches of all images, once and in order.

    Each image is the central square, resized to the patch size (bicubic with
    antialiasing) where it has another. The last batch may be smaller.

    Args:
        split: The images to evaluate on.
        batch_size: Images in a batch.
        patch_size: Side of the images in the batch, in pixels.
        count: If given, only the first `count` images.

    Returns:
        An iterable with a length, of `(images, labels)`: tensors of the
        backend, float32 `[batch, patch_size, patch_size, 3]` with values in
        0..255 and int64 `[batch]` (int32 on JAX).

    Raises:
        ValueError: If a size is not positive or `count` exceeds the split.

    Example:

    >>> from keras_elastic.data import load_arrays
    >>> batches = evaluation_arrays(
    ...     load_arrays("digits").test, batch_size=64, patch_size=32
    ... )
    >>> len(batches)
    6
    """
    _check_at_least(1, batch_size=batch_size, patch_size=patch_size)
    order = np.arange(_checked_count(count, split))
    image_size = split.images.shape[1:3]

    def draw(batch: int, count: int) -> Windows:
        del batch
        return center_windows(count, *image_size)

    numbers = np.split(order, np.arange(batch_size, len(order), batch_size))
    return ArrayBatches(split, numbers, draw, patch_size)


def _check_at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ValueError(
                f"`{name}` must be an integer of at least {least}. "
                f"Received: {name}={value}. Pass a larger one."
            )


def _check_augmentation(augmentation: str) -> None:
    if augmentation not in DRAW:
        raise ValueError(
            f"`augmentation` must be one of {sorted(DRAW)} where "
            f"images lie in memory. Received: augmentation={augmentation!r}. "
            "Pass one of these; others need the TensorFlow backend and "
            "`training_batches`."
        )


def _check_batch_size(batch_size: int, split: ArraySplit) -> None:
    if batch_size > split.size:
        raise ValueError(
            "`batch_size` must not exceed the number of images. "
            f"Received: batch_size={batch_size}, but the split has "
            f"{split.size} images. Pass at most {split.size}, or more images."
        )


def _check_start(start_batch: int, num_batches: int) -> None:
    if start_batch > num_batches:
        raise ValueError(
            "`start_batch` must not exceed the number of batches in an epoch. "
            f"Received: start_batch={start_batch}, but the epoch has "
            f"{num_batches} batches. Start in the next epoch instead."
        )


def _checked_count(count: int | None, split: ArraySplit) -> int:
    if count is None:
        return split.size
    _check_at_least(1, count=count)
    if count > split.size:
        raise ValueError(
            "`count` must not exceed the number of images. "
            f"Received: count={count}, but the split has {split.size} images. "
            f"Pass at most {split.size}, or `None` for all of them."
        )
    return count
