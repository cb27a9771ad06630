"""Batches of images: shuffled and augmented to train, in order to evaluate."""

import numpy as np
import tensorflow as tf

from keras_elastic.data.augmentation import AUGMENTATIONS
from keras_elastic.data.augmentation import center_patch
from keras_elastic.data.splits import Split

_SHUFFLE_BUFFER = 50_000


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Returns the number of whole batches in a split.

    Args:
        split: The images.
        batch_size: Images in a batch.

    Returns:
        The number of batches that one epoch of `training_batches` yields.

    Raises:
        ValueError: If `batch_size` is not positive or exceeds the split.
    """
    _check_positive(batch_size=batch_size)
    if batch_size > split.size:
        raise ValueError(
            "`batch_size` must not exceed the number of images. "
            f"Received: batch_size={batch_size}, but the split has "
            f"{split.size} images. Pass at most {split.size}, or more images."
        )
    return split.size // batch_size


def training_batches(
    split: Split,
    *,
    batch_size: int,
    patch_size: int,
    seed: int,
    epoch: int,
    augmentation: str = "none",
    start_batch: int = 0,
) -> tf.data.Dataset:
    """Makes the batches of one epoch, shuffled and augmented.

    The order and the augmentation depend on `seed`, `epoch` and the position
    in the epoch alone, not on `tf.random.set_seed`. So `start_batch=k` yields
    the batches k, k + 1, ... of the same epoch, equal to the last bit, without
    decoding what comes before.

    Records are shuffled through a buffer of 50,000: completely up to that many
    images. The last images that do not fill a batch are left out; which ones
    they are changes with the epoch.

    Args:
        split: The images to train on.
        batch_size: Images in a batch.
        patch_size: Side of the images in the batch, in pixels.
        seed: Non-negative integer that names the run.
        epoch: Non-negative number of the epoch.
        augmentation: A key of `AUGMENTATIONS`: `"none"`, `"shift"`,
            `"shift_flip"` or `"crop_flip"`.
        start_batch: Number of batches to leave out at the beginning.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`: float32
        `[batch_size, patch_size, patch_size, 3]` with values in 0..255 and
        int64 `[batch_size]`.

    Raises:
        ValueError: If a size is not positive, a number is negative,
            `batch_size` exceeds the split, `start_batch` exceeds the epoch or
            the augmentation is unknown.

    Example:

    >>> from keras_elastic.data import load_dataset
    >>> batches = training_batches(
    ...     load_dataset("digits").train,
    ...     batch_size=64,
    ...     patch_size=32,
    ...     seed=0,
    ...     epoch=3,
    ...     augmentation="shift",
    ... )
    >>> len(batches)
    20
    """
    _check_positive(patch_size=patch_size)
    _check_not_negative(seed=seed, epoch=epoch, start_batch=start_batch)
    _check_augmentation(augmentation)
    num_batches = steps_per_epoch(split, batch_size)
    _check_start(start_batch, num_batches)
    augment = AUGMENTATIONS[augmentation]
    shuffle_seed, augmentation_seed = _epoch_seeds(seed, epoch)
    records, decode = split.undecoded()

    def prepare(position, example):
        record, label = example
        image_seed = tf.stack([augmentation_seed, position])
        return augment(decode(record), image_seed, patch_size), label

    examples = _shuffled(records, split.size, shuffle_seed).enumerate()
    examples = examples.skip(start_batch * batch_size)
    return _batched(examples, prepare, batch_size, drop_remainder=True)


def evaluation_batches(
    split: Split,
    *,
    batch_size: int,
    patch_size: int,
    count: int | None = None,
) -> tf.data.Dataset:
    """Makes the batches of all images, once and in order.

    Each image is the central square, resized to the patch size (bicubic with
    antialiasing) where it has another. The last batch may be smaller.

    Args:
        split: The images to evaluate on.
        batch_size: Images in a batch.
        patch_size: Side of the images in the batch, in pixels.
        count: If given, only the first `count` images.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`: float32
        `[batch, patch_size, patch_size, 3]` with values in 0..255 and int64
        `[batch]`.

    Raises:
        ValueError: If a size is not positive or `count` exceeds the split.

    Example:

    >>> from keras_elastic.data import load_dataset
    >>> batches = evaluation_batches(
    ...     load_dataset("digits").test, batch_size=64, patch_size=32
    ... )
    >>> len(batches)
    6
    """
    _check_positive(batch_size=batch_size, patch_size=patch_size)
    count = _checked_count(count, split)
    records, decode = split.undecoded()

    def prepare(record, label):
        return center_patch(decode(record), patch_size), label

    examples = records.take(count)
    return _batched(examples, prepare, batch_size, drop_remainder=False)


def _epoch_seeds(seed: int, epoch: int) -> tuple[int, tf.Tensor]:
    state = np.random.SeedSequence((seed, epoch)).generate_state(2)
    return int(state[0]), tf.constant(int(state[1]), tf.int64)


def _shuffled(
    records: tf.data.Dataset, size: int, seed: int
) -> tf.data.Dataset:
    def shuffle(_):
        # A shuffle mixes its seed with the global one, and an order that
        # follows `tf.random.set_seed` cannot be resumed. Inside a dataset
        # function this call sets the seed of that function only.
        tf.random.set_seed(0)
        return records.shuffle(
            min(size, _SHUFFLE_BUFFER),
            seed=seed,
            reshuffle_each_iteration=False,
        )

    shuffled = tf.data.Dataset.from_tensors(0).flat_map(shuffle)
    return shuffled.apply(tf.data.experimental.assert_cardinality(size))


def _batched(
    examples: tf.data.Dataset, prepare, batch_size: int, drop_remainder: bool
) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # Were `tf.distribute` to share out the files instead, the workers would
    # count every k-th image anew and held-out images would be trained on.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    images = examples.map(
        prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    batches = images.batch(batch_size, drop_remainder=drop_remainder)
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(
                f"`{name}` must be positive. Received: {name}={value}. "
                "Pass an integer of at least 1."
            )


def _check_not_negative(**values: int) -> None:
    for name, value in values.items():
        if value < 0:
            raise ValueError(
                f"`{name}` must not be negative. Received: {name}={value}. "
                "Pass an integer of at least 0."
            )


def _check_augmentation(augmentation: str) -> None:
    if augmentation not in AUGMENTATIONS:
        raise ValueError(
            f"`augmentation` must be one of {sorted(AUGMENTATIONS)}. "
            f"Received: augmentation={augmentation!r}. Pass a known one."
        )


def _check_start(start_batch: int, num_batches: int) -> None:
    if start_batch > num_batches:
        raise ValueError(
            "`start_batch` must not exceed the number of batches in an epoch. "
            f"Received: start_batch={start_batch}, but the epoch has "
            f"{num_batches} batches. Start in the next epoch instead."
        )


def _checked_count(count: int | None, split: Split) -> int:
    if count is None:
        return split.size
    _check_positive(count=count)
    if count > split.size:
        raise ValueError(
            "`count` must not exceed the number of images. "
            f"Received: count={count}, but the split has {split.size} images. "
            f"Pass at most {split.size}, or `None` for all of them."
        )
    return count
