import types

import pytest

from keras_elastic.data import epochs


def test_what_is_right_passes():
    epochs.check_augmentation("crop_flip", ["none", "crop_flip"])
    epochs.check_start(6, 6)
    epochs.check_shards(8, 3, 4)


@pytest.mark.parametrize(
    "check, arguments, message",
    [
        (
            epochs.check_augmentation,
            ["mixup", ["none"], " Others need more."],
            "Received: augmentation='mixup'.*Others need more",
        ),
        (epochs.check_start, [7, 6], "start_batch=7, but the epoch has 6"),
        (epochs.check_shards, [8, 0, 3], "num_shards=3, batch_size=8"),
        (epochs.check_shards, [8, 0, -1], "Received: num_shards=-1"),
        (epochs.check_shards, [8, 4, 4], "shard_index=4, num_shards=4"),
        (epochs.check_shards, [8, -1, 4], "shard_index=-1, num_shards=4"),
    ],
)
def test_what_is_wrong_is_refused(check, arguments, message):
    with pytest.raises(ValueError, match=message):
        check(*arguments)


SPLIT = types.SimpleNamespace(size=50)


def test_steps_per_epoch():
    assert epochs.steps_per_epoch(SPLIT, 8) == 6
    assert epochs.steps_per_epoch(SPLIT, 50) == 1


@pytest.mark.parametrize(
    "batch_size, message",
    [(0, "`batch_size` must be a positive"), (51, "Pass at most 50")],
)
def test_batches_must_fit(batch_size, message):
    with pytest.raises(ValueError, match=message):
        epochs.steps_per_epoch(SPLIT, batch_size)


def test_count():
    assert epochs.checked_count(None, SPLIT) == 50
    assert epochs.checked_count(3, SPLIT) == 3
    with pytest.raises(ValueError, match="`count` must not exceed.*count=51"):
        epochs.checked_count(51, SPLIT)
