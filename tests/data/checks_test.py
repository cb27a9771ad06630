import pytest

from keras_elastic.data import checks


def test_what_is_right_passes():
    checks.check_positive(batch_size=1, patch_size=8)
    checks.check_not_negative(seed=0, epoch=3)
    checks.check_augmentation("crop_flip")
    checks.check_start(6, 6)
    checks.check_shards(8, 3, 4)


@pytest.mark.parametrize(
    "check, arguments, message",
    [
        (
            checks.check_augmentation,
            ["mixup"],
            "Received: augmentation='mixup'",
        ),
        (checks.check_start, [7, 6], "start_batch=7, but the epoch has 6"),
        (checks.check_shards, [8, 0, 3], "num_shards=3, batch_size=8"),
        (checks.check_shards, [8, 0, -1], "Received: num_shards=-1"),
        (checks.check_shards, [8, 4, 4], "shard_index=4, num_shards=4"),
        (checks.check_shards, [8, -1, 4], "shard_index=-1, num_shards=4"),
    ],
)
def test_what_is_wrong_is_refused(check, arguments, message):
    with pytest.raises(ValueError, match=message):
        check(*arguments)


def test_names_are_in_the_message():
    with pytest.raises(ValueError, match="`patch_size` must be positive"):
        checks.check_positive(batch_size=1, patch_size=0)
    with pytest.raises(ValueError, match="`epoch` must not be negative"):
        checks.check_not_negative(seed=0, epoch=-1)
