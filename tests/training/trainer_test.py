import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny

from keras_elastic.training import Sandwich
from keras_elastic.training import Single
from keras_elastic.training import Trainer

STEPS = 6


def make_trainer(sampler=None, **arguments):
    return Trainer(
        tiny.make_supernet(),
        keras.optimizers.RMSprop(0.01, momentum=0.9),
        sampler,
        **arguments,
    )


def fit(trainer, epochs=2, **arguments):
    return trainer.fit(
        tiny.batches,
        epochs=epochs,
        steps_per_epoch=STEPS,
        **{"verbose": 0, **arguments},
    )


class Killed(Exception):
    """Stands for a kill: nothing of the trainer runs after it."""


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch, step):
        super().__init__()
        self.at = (epoch, step)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise Killed


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"])


def test_training_lowers_the_loss():
    trainer = make_trainer()
    images, labels = tiny.make_batch()
    data = tf.data.Dataset.from_tensors((images, labels)).repeat(40)
    history = trainer.fit(
        lambda epoch, start: data, epochs=2, steps_per_epoch=20, verbose=0
    )
    losses = history.history["loss"]
    assert losses[1] < 0.8 * losses[0]


@pytest.fixture(scope="module")
def whole():
    """A run that nothing interrupted."""
    trainer = make_trainer()
    fit(trainer)
    return trainer


@pytest.mark.parametrize("epoch, step", [(0, 2), (1, 4)])
def test_a_killed_run_ends_with_the_same_weights(tmp_path, whole, epoch, step):
    killed = make_trainer()
    with pytest.raises(Killed):
        fit(
            killed,
            folder=tmp_path,
            checkpoint_every=1,
            callbacks=[KillAt(epoch, step)],
        )
    resumed = make_trainer()
    fit(resumed, folder=tmp_path)
    for a, b in zip(
        resumed.supernet.get_weights(),
        whole.supernet.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_finished_run_trains_no_more(tmp_path):
    fit(make_trainer(), folder=tmp_path)
    history = fit(make_trainer(), folder=tmp_path)
    assert history.history == {}


def test_more_epochs_go_on(tmp_path):
    fit(make_trainer(), folder=tmp_path, epochs=1)
    history = fit(make_trainer(), folder=tmp_path, epochs=3)
    assert history.epoch == [1, 2]


def test_single_trains_one_architecture():
    trainer = make_trainer(Single(tiny.FAMILY.space.smallest))
    before = trainer.supernet.head_classifier.kernel.numpy()
    # Weight decay moves every kernel; without it only live weights move.
    trainer = make_trainer(Single(tiny.FAMILY.space.smallest), weight_decay=0.0)
    fit(trainer, epochs=1)
    change = trainer.supernet.head_classifier.kernel.numpy() - before
    assert np.all(np.any(change[:8] != 0, axis=-1))
    np.testing.assert_array_equal(change[8:], 0)


def test_callbacks_see_epochs_and_logs(tmp_path):
    csv = tmp_path / "log.csv"
    fit(make_trainer(), callbacks=[keras.callbacks.CSVLogger(csv)])
    header, *rows = csv.read_text().splitlines()
    columns = "epoch,accuracy,loss,smallest_accuracy,smallest_loss"
    assert header.startswith(columns)
    assert [row.split(",")[0] for row in rows] == ["0", "1"]


def test_tensorboard_writes(tmp_path):
    board = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    fit(make_trainer(), callbacks=[board])
    assert list(tmp_path.glob("**/events*"))


def test_the_weights_file_holds_no_optimizer(tmp_path):
    trainer = make_trainer()
    before = tmp_path / "before.weights.h5"
    trainer.supernet.save_weights(before)
    fit(trainer, epochs=1)
    after = tmp_path / "after.weights.h5"
    trainer.supernet.save_weights(after)
    assert after.stat().st_size == before.stat().st_size


def test_early_stopping_stops():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    history = fit(make_trainer(), epochs=5, callbacks=[Stop()])
    assert history.epoch == [0]


def test_progress_bar(capsys):
    fit(make_trainer(), verbose=1)
    printed = capsys.readouterr().out
    assert "Epoch 2/2" in printed
    assert f"{STEPS}/{STEPS}" in printed
    assert "smallest_accuracy" in printed


def test_the_seed_decides():
    runs = [Losses() for _ in range(3)]
    for losses, seed in zip(runs, (1, 1, 2), strict=True):
        fit(make_trainer(seed=seed), epochs=1, callbacks=[losses])
    assert runs[0].values == runs[1].values
    assert runs[0].values != runs[2].values


def test_data_that_end_early_are_reported():
    with pytest.raises(ValueError, match="ended after 6"):
        make_trainer().fit(tiny.batches, epochs=1, steps_per_epoch=9, verbose=0)


def test_checkpoints_of_another_supernet_are_refused(tmp_path):
    fit(make_trainer(), folder=tmp_path)
    other = tiny.make_supernet(
        tiny.EfficientNet(
            **{**vars(tiny.FAMILY), "name": "other", "head": (8, 16)}
        )
    )
    trainer = Trainer(other, keras.optimizers.RMSprop(0.01, momentum=0.9))
    with pytest.raises(ValueError, match="does not fit or is damaged"):
        fit(trainer, folder=tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    fit(make_trainer(), folder=tmp_path)
    for path in tmp_path.glob("*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="does not fit or is damaged"):
        fit(make_trainer(), folder=tmp_path)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"label_smoothing": 1.0}, "`label_smoothing` must be"),
        ({"weight_decay": -1.0}, "`weight_decay` must not"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_trainer(**arguments)


def test_the_default_is_a_sandwich_of_four():
    assert make_trainer().sampler == Sandwich(num_random=2)
