"""Batches of data sets in memory, for machines without TensorFlow.

All random numbers are NumPy's, so that every backend shows a network the same
images.
"""

from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np

from keras_elastic import checks
from keras_elastic.data import epochs
from keras_elastic.data.array_augmentation import AUGMENTATIONS
from keras_elastic.data.array_augmentation import none
from keras_elastic.data.epochs import check_augmentation
from keras_elastic.data.epochs import check_start
from keras_elastic.data.epochs import checked_count
from keras_elastic.data.epochs import steps_per_epoch
from keras_elastic.data.image_dataset import ArraySplit


class ArrayBatches(keras.utils.PyDataset):
    """Batches that are made while they are read, in each reading alike.

    `keras.Model.fit` and `evaluate` take them on every backend.

    Args:
        split: `ArraySplit`.
        numbers: The numbers of the images of each batch.
        augment: Function from uint8 images and the number of their batch to
            patches.
        start: Number of the first batch that is read.
    """

    def __init__(
        self,
        split: ArraySplit,
        numbers: Sequence[np.ndarray],
        augment: Callable[[np.ndarray, int], np.ndarray],
        start: int = 0,
    ):
        super().__init__()
        self._split = split
        self._numbers = numbers
        self._augment = augment
        self._start = start

    def __len__(self) -> int:
        return len(self._numbers) - self._start

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = index + self._start
        numbers = self._numbers[batch]
        images = self._augment(self._split.images[numbers], batch)
        return images, self._split.labels[numbers]

    def __iter__(self):
        return (self[index] for index in range(len(self)))


@checks.arguments(**epochs.TRAINING)
def training_batches(
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
    the same epoch without making what comes before. They are not the images
    that TensorFlow draws with these numbers.

    The last images that do not fill a batch are left out; which ones they are
    changes with the epoch.

    Args:
        split: The images to train on.
        batch_size: Images in a batch.
        patch_size: Side of the images in the batch, in pixels.
        seed: Non-negative integer that names the run.
        epoch: Non-negative number of the epoch.
        augmentation: `"none"`, `"shift"`, `"shift_flip"` or `"crop_flip"`.
            The others need TensorFlow.
        start_batch: Number of batches to leave out at the beginning.

    Returns:
        `ArrayBatches` of `(images, labels)`: NumPy arrays, float32
        `[batch_size, patch_size, patch_size, 3]` with values in 0..255 and
        int64 `[batch_size]`.

    Raises:
        ValueError: If a size is not positive, a number is negative,
            `batch_size` exceeds the split, `start_batch` exceeds the epoch or
            the augmentation is unknown.

    Example:

    >>> from keras_elastic.data import load_arrays
    >>> batches = training_batches(
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
    check_augmentation(
        augmentation, AUGMENTATIONS, " Others need TensorFlow to be installed."
    )
    num_batches = steps_per_epoch(split, batch_size)
    check_start(start_batch, num_batches)
    # NumPy takes missing numbers of a seed for zeros: the order is number 0,
    # and the batches begin with number 1.
    order = np.random.default_rng((seed, epoch, 0)).permutation(split.size)

    def augment(images: np.ndarray, batch: int) -> np.ndarray:
        rng = np.random.default_rng((seed, epoch, 1 + batch))
        return AUGMENTATIONS[augmentation](images, rng, patch_size)

    numbers = np.split(order[: num_batches * batch_size], num_batches)
    return ArrayBatches(split, numbers, augment, start_batch)


@checks.arguments(**epochs.EVALUATION, count=epochs.COUNT, crop=epochs.CROP)
def evaluation_batches(
    split: ArraySplit,
    *,
    batch_size: int,
    patch_size: int,
    count: int | None = None,
    crop: float | None = None,
) -> ArrayBatches:
    """Makes the batches of all images, once and in order.

    Each image is the central square, resized to the patch size (bicubic with
    antialiasing) where it has another. The last batch may be smaller.

    Args:
        split: The images to evaluate on.
        batch_size: Images in a batch.
        patch_size: Side of the images in the batch, in pixels.
        count: If given, only the first `count` images.
        crop: Side of the square as a part of the image's shorter side, above
            0 and at most 1: 0.875 is usual for ImageNet. `None` for all of it.

    Returns:
        `ArrayBatches` of `(images, labels)`: NumPy arrays, float32
        `[batch, patch_size, patch_size, 3]` with values in 0..255 and int64
        `[batch]`.

    Raises:
        ValueError: If a size is not positive or `count` exceeds the split.

    Example:

    >>> from keras_elastic.data import load_arrays
    >>> batches = evaluation_batches(
    ...     load_arrays("digits").test, batch_size=64, patch_size=32
    ... )
    >>> len(batches)
    6
    """
    order = np.arange(checked_count(count, split))

    def augment(images: np.ndarray, batch: int) -> np.ndarray:
        del batch
        return none(images, None, patch_size, crop)

    numbers = np.split(order, np.arange(batch_size, len(order), batch_size))
    return ArrayBatches(split, numbers, augment)
