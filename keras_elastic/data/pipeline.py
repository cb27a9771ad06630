"""Batches of images: shuffled and augmented to train, in order to evaluate.

They are `tf.data` pipelines, which every Keras backend trains from: they run
on the processor, and a batch becomes a tensor of the backend when it is used.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_elastic import checks
from keras_elastic.data import epochs
from keras_elastic.data.augmentation import AUGMENTATIONS
from keras_elastic.data.augmentation import CropAugmentation
from keras_elastic.data.augmentation import center_patch
from keras_elastic.data.epochs import check_augmentation
from keras_elastic.data.epochs import check_shards
from keras_elastic.data.epochs import check_start
from keras_elastic.data.epochs import checked_count
from keras_elastic.data.epochs import steps_per_epoch
from keras_elastic.data.splits import Split

_SHUFFLE_BUFFER = 50_000


@checks.arguments(
    **epochs.TRAINING,
    shard_index=checks.COUNT,
    num_shards=checks.POSITIVE_INTEGER,
)
def training_batches(
    split: Split,
    *,
    batch_size: int,
    patch_size: int,
    seed: int,
    epoch: int,
    augmentation: str = "none",
    start_batch: int = 0,
    shard_index: int = 0,
    num_shards: int = 1,
) -> tf.data.Dataset:
    """Makes the batches of one epoch, shuffled and augmented.

    The order and the augmentation depend on `seed`, `epoch` and the position
    in the epoch alone, not on `tf.random.set_seed`. So `start_batch=k` yields
    the batches k, k + 1, ... of the same epoch, equal to the last bit, without
    decoding what comes before.

    Records are shuffled through a buffer of 50,000: completely up to that many
    images. The last images that do not fill a batch are left out; which ones
    they are changes with the epoch.

    Where several workers train together, each makes the batches of one shard:
    batch k of the shards, one after the other in the order of `shard_index`,
    is batch k of a single worker, equal to the last bit. A worker reads all
    records but decodes only its own.

    Args:
        split: The images to train on.
        batch_size: Images in a batch of all shards together.
        patch_size: Side of the images in the batch, in pixels.
        seed: Non-negative integer that names the run.
        epoch: Non-negative number of the epoch.
        augmentation: A key of `AUGMENTATIONS`. For small images:

            - `"none"`: the central square;
            - `"shift"` by up to an eighth, and `"shift_flip"`, which mirrors
              half of the images too (CIFAR);
            - `"auto_augment_cifar"`: `"shift_flip"` and AutoAugment's policy
              for CIFAR-10.

            For photographs, of which a random crop is taken and half are
            mirrored:

            - `"crop_flip"`: nothing more;
            - `"jitter_flip"`: larger crops, color jitter and lighting
              (US-Net);
            - `"auto_augment"`: AutoAugment's policy "v0" (BigNAS, BasisNet);
            - `"rand_augment"`: RandAugment, two operations of magnitude 9;
            - `"rand_augment_erase"`: the same, and a fifth of the images lose
              a rectangle to noise (DS-Net).

        start_batch: Number of batches to leave out at the beginning.
        shard_index: Number of the shard, from 0.
        num_shards: Number of shards, which divides `batch_size`.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`: float32
        `[batch_size / num_shards, patch_size, patch_size, 3]` with values in
        0..255 and int64 `[batch_size / num_shards]`.

    Raises:
        ValueError: If a size is not positive, a number is negative,
            `batch_size` exceeds the split, `start_batch` exceeds the epoch,
            the augmentation is unknown, `num_shards` does not divide
            `batch_size` or `shard_index` is not below `num_shards`.

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
    check_augmentation(augmentation, AUGMENTATIONS)
    num_batches = steps_per_epoch(split, batch_size)
    check_start(start_batch, num_batches)
    check_shards(batch_size, shard_index, num_shards)
    shuffle_seed, augmentation_seed = _epoch_seeds(seed, epoch)
    records, _ = split.undecoded()
    make_patch = _patch_maker(split, augmentation, patch_size)

    def prepare(position, example):
        record, label = example
        image_seed = tf.stack([augmentation_seed, position])
        return make_patch(record, image_seed), label

    examples = _shuffled(records, split.size, shuffle_seed).enumerate()
    examples = examples.skip(start_batch * batch_size)
    if num_shards > 1:
        examples = examples.take((num_batches - start_batch) * batch_size)
        examples = _shard(examples, batch_size, shard_index, num_shards)
    return _batched(
        examples, prepare, batch_size // num_shards, drop_remainder=True
    )


@checks.arguments(**epochs.EVALUATION, count=epochs.COUNT, crop=epochs.CROP)
def evaluation_batches(
    split: Split,
    *,
    batch_size: int,
    patch_size: int,
    count: int | None = None,
    crop: float | None = None,
) -> tf.data.Dataset:
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
    count = checked_count(count, split)
    records, decode = split.undecoded()

    def prepare(record, label):
        return center_patch(decode(record), patch_size, crop), label

    examples = records.take(count)
    return _batched(examples, prepare, batch_size, drop_remainder=False)


def _patch_maker(
    split: Split, augmentation: str, patch_size: int
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns the function from a record and a seed to a patch."""
    augment = AUGMENTATIONS[augmentation]
    _, decode = split.undecoded()

    def from_image(record, seed):
        return augment(decode(record), seed, patch_size)

    def from_window(record, seed):
        crop = split.decode_window(
            record, lambda shape: augment.window(shape, seed)
        )
        return augment.finish(crop, seed, patch_size)

    is_crop = isinstance(augment, CropAugmentation)
    has_windows = split.decode_window is not None
    return from_window if is_crop and has_windows else from_image


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


def _shard(
    examples: tf.data.Dataset, batch_size: int, index: int, num_shards: int
) -> tf.data.Dataset:
    """Keeps one shard of every batch, of examples that fill whole batches."""
    share = batch_size // num_shards

    def is_own(position, example):
        del example
        return position % batch_size // share == index

    # A filter loses count.
    size = int(examples.cardinality()) // num_shards
    return examples.filter(is_own).apply(
        tf.data.experimental.assert_cardinality(size)
    )


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
