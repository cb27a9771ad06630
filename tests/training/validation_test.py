import math

import keras
import numpy as np
import pytest
from training import tiny

from keras_elastic.training import Trainer
from keras_elastic.training.validation import SubnetValidation
from keras_elastic.training.validation import watched

SPACE = tiny.FAMILY.space


def validated(epochs, **arguments):
    """The logs of some epochs."""
    callback = SubnetValidation(
        lambda arch: arch.resolution / 100,
        {"small": SPACE.smallest, "large": SPACE.largest},
        **arguments,
    )
    logs = [{"loss": 1.0} for _ in range(epochs)]
    for epoch, log in enumerate(logs):
        callback.on_epoch_end(epoch, log)
    return logs


def test_accuracies_are_added_to_the_logs():
    [logs] = validated(1)
    assert logs == {
        "loss": 1.0,
        "val_small_accuracy": SPACE.smallest.resolution / 100,
        "val_large_accuracy": SPACE.largest.resolution / 100,
    }


def test_other_epochs_have_empty_columns():
    logs = validated(5, every=2)
    known = [not math.isnan(log["val_small_accuracy"]) for log in logs]
    assert known == [False, True, False, True, False]
    assert len({frozenset(log) for log in logs}) == 1


def test_weights_are_refreshed_before_each_validation():
    order = []
    callback = SubnetValidation(
        lambda arch: order.append("accuracy") or 0.0,
        {"small": SPACE.smallest},
        every=2,
        refresh=lambda: order.append("refresh"),
    )
    for epoch in range(4):
        callback.on_epoch_end(epoch, {})
    assert order == ["refresh", "accuracy"] * 2


def test_watched_are_the_ends_and_two_more():
    archs = watched(SPACE)
    assert list(archs) == ["largest", "smallest", "random_1", "random_2"]
    assert archs["largest"] == SPACE.largest
    assert archs["smallest"] == SPACE.smallest
    assert all(SPACE.contains(arch) for arch in archs.values())


def test_watched_are_the_same_at_every_call():
    assert watched(SPACE, seed=3) == watched(SPACE, seed=3)
    assert any(watched(SPACE, seed=3) != watched(SPACE, s) for s in range(9))


@pytest.mark.slow
def test_columns_reach_the_files_of_a_training(tmp_path):
    trainer = Trainer(tiny.make_supernet(), keras.optimizers.SGD(0.01))
    validation = SubnetValidation(lambda arch: 0.5, watched(SPACE), every=2)
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = trainer.fit(
        tiny.batches,
        epochs=2,
        steps_per_epoch=2,
        callbacks=[validation, log],
        verbose=0,
    )
    values = history.history["val_random_1_accuracy"]
    np.testing.assert_array_equal(values, [np.nan, 0.5])
    header = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert "val_largest_accuracy" in header
