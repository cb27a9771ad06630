"""Checks of the arguments that batches are made with."""

from keras_elastic.data.augmentation import AUGMENTATIONS


def check_positive(**values: int) -> None:
    """Refuses values below 1."""
    for name, value in values.items():
        if value < 1:
            raise ValueError(
                f"`{name}` must be positive. Received: {name}={value}. "
                "Pass an integer of at least 1."
            )


def check_not_negative(**values: int) -> None:
    """Refuses values below 0."""
    for name, value in values.items():
        if value < 0:
            raise ValueError(
                f"`{name}` must not be negative. Received: {name}={value}. "
                "Pass an integer of at least 0."
            )


def check_augmentation(augmentation: str) -> None:
    """Refuses what is not in the table of augmentations."""
    if augmentation not in AUGMENTATIONS:
        raise ValueError(
            f"`augmentation` must be one of {sorted(AUGMENTATIONS)}. "
            f"Received: augmentation={augmentation!r}. Pass a known one."
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
    check_positive(num_shards=num_shards)
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
