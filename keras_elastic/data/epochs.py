"""What epochs of batches are made from: their length, and their arguments."""

from collections.abc import Collection
from typing import Any

from keras_elastic import checks

# What the functions that make batches take.
EVALUATION = {
    "split": checks.SPLIT,
    "batch_size": checks.POSITIVE_INTEGER,
    "patch_size": checks.POSITIVE_INTEGER,
}
TRAINING = {
    **EVALUATION,
    "seed": checks.COUNT,
    "epoch": checks.COUNT,
    "augmentation": checks.STRING,
    "start_batch": checks.COUNT,
}
COUNT = checks.POSITIVE_INTEGER | checks.NONE
CROP = checks.CROP | checks.NONE


@checks.arguments(
    split=checks.having("size", what="a split of a data set"),
    batch_size=checks.POSITIVE_INTEGER,
)
def steps_per_epoch(split: Any, batch_size: int) -> int:
    """Returns the number of whole batches in a split.

    Args:
        split: `Split` or `ArraySplit`.
        batch_size: Images in a batch.

    Returns:
        The number of batches that one epoch of `training_batches` yields.

    Raises:
        ValueError: If `batch_size` is not positive or exceeds the split.
    """
    if batch_size > split.size:
        raise ValueError(
            "`batch_size` must not exceed the number of images. "
            f"Received: batch_size={batch_size}, but the split has "
            f"{split.size} images. Pass at most {split.size}, or more images."
        )
    return split.size // batch_size


def check_augmentation(
    augmentation: str, known: Collection[str], others: str = ""
) -> None:
    """Refuses an unknown one; `others` says what others would need."""
    if augmentation not in known:
        raise ValueError(
            f"`augmentation` must be one of {sorted(known)}. "
            f"Received: augmentation={augmentation!r}. Pass a known one."
            f"{others}"
        )


def check_start(start_batch: int, num_batches: int) -> None:
    """Refuses to start after the end of the epoch."""
    if start_batch > num_batches:
        raise ValueError(
            "`start_batch` must not exceed the number of batches in an epoch. "
            f"Received: start_batch={start_batch}, but the epoch has "
            f"{num_batches} batches. Start in the next epoch instead."
        )


def check_shards(batch_size: int, shard_index: int, num_shards: int) -> None:
    """Refuses shards that do not share a batch out evenly."""
    checks.positive_integer(num_shards=num_shards)
    if batch_size % num_shards:
        raise ValueError(
            "`num_shards` must divide `batch_size`. "
            f"Received: num_shards={num_shards}, batch_size={batch_size}. "
            "Pass a multiple of the number of shards as `batch_size`."
        )
    if not 0 <= shard_index < num_shards:
        raise ValueError(
            "`shard_index` must be at least 0 and below `num_shards`. "
            f"Received: shard_index={shard_index}, num_shards={num_shards}. "
            "Count the shards from 0."
        )


def checked_count(count: int | None, split: Any) -> int:
    """Returns how many images are read: `count`, or all if it is `None`."""
    if count is None:
        return split.size
    if count > split.size:
        raise ValueError(
            "`count` must not exceed the number of images. "
            f"Received: count={count}, but the split has {split.size} images. "
            f"Pass at most {split.size}, or `None` for all of them."
        )
    return count
