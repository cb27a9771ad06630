import csv

import pytest

from keras_elastic.training.epoch_log import EpochLog


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def log(path, *epochs, **logs):
    """A training that runs some epochs."""
    callback = EpochLog(path)
    for epoch in epochs:
        callback.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), **logs})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "training.csv"


def test_a_line_an_epoch(path):
    log(path, 0, 1, accuracy=0.5)
    assert path.read_text() == ("epoch,accuracy,loss\n0,0.5,1.0\n1,0.5,0.5\n")


def test_an_epoch_that_runs_again_has_one_line(path):
    log(path, 0, 1, 2)
    # Its checkpoint was that of the end of epoch 0.
    log(path, 1, 2, 3)
    assert [line["epoch"] for line in read(path)] == ["0", "1", "2", "3"]


def test_other_columns_are_added(path):
    log(path, 0)
    log(path, 1, val_accuracy=0.5)
    first, second = read(path)
    assert (first["val_accuracy"], second["val_accuracy"]) == ("", "0.5")


@pytest.mark.parametrize("end", ["1,0.", "1", "\0\0\0", "1,0.5,3,4\n", "\xff"])
def test_a_line_that_a_kill_cut_off_is_dropped(path, end):
    # As `keras.callbacks.CSVLogger` left it, which appends.
    text = "epoch,accuracy,loss\n0,0.5,1.0\n0,0.25,1.0\n" + end
    path.write_bytes(text.encode("latin-1"))
    log(path, 2, accuracy=0.75)
    lines = [(line["epoch"], line["accuracy"]) for line in read(path)]
    assert lines[0] == ("0", "0.25")
    assert lines[-1] == ("2", "0.75")
    assert len(lines) == 2
