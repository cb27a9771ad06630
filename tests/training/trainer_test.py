"""Tests of `training/task.py`, too."""

import copy
import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny

from keras_elastic import Supernet
from keras_elastic.training import AttentiveSandwich
from keras_elastic.training import EnsembleBootstrapping
from keras_elastic.training import RandomSubnets
from keras_elastic.training import Sandwich
from keras_elastic.training import Single
from keras_elastic.training import Trainer
from keras_elastic.training import TrainingLost

STEPS = 3
# Tracing takes longer than training: few subnets in few steps say enough.
PAIR = Sandwich(num_random=0)


def make_optimizer(**arguments):
    return keras.optimizers.RMSprop(0.01, momentum=0.9, **arguments)


def make_trainer(sampler=PAIR, optimizer=None, supernet=None, **arguments):
    return Trainer(
        supernet or tiny.make_supernet(tiny.SMALL),
        optimizer or make_optimizer(),
        sampler,
        **arguments,
    )


class Traced:
    """A trainer that is given out as new, but for its step's trace."""

    def __init__(self, **arguments):
        self.trainer = make_trainer(**arguments)
        self.guard = copy.deepcopy(self.trainer._guard)
        self.values = [
            np.array(keras.ops.convert_to_numpy(variable))
            for variable in self.variables()
        ]

    def variables(self):
        trainer = self.trainer
        return [*trainer.supernet.variables, *trainer.optimizer.variables]

    def new(self):
        """As it was made."""
        for variable, value in zip(self.variables(), self.values, strict=True):
            variable.assign(value)
        self.trainer.step = 0
        self.trainer._guard = copy.deepcopy(self.guard)
        return self.trainer


@pytest.fixture(scope="module")
def traced():
    return Traced()


@pytest.fixture
def trainer(traced):
    """What `make_trainer()` makes, and is traced once for all tests."""
    return traced.new()


def fit(trainer, epochs=2, batches=tiny.batches, **arguments):
    return trainer.fit(
        batches,
        **{
            "epochs": epochs,
            "steps_per_epoch": STEPS,
            "verbose": 0,
            **arguments,
        },
    )


def assert_equal_weights(one, other):
    for a, b in zip(
        one.supernet.get_weights(), other.supernet.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


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


# Learning


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype",
    [
        "mixed_bfloat16",
        # So do other trainings, of conditional models and from end to end.
        pytest.param("float32", marks=pytest.mark.exhaustive),
    ],
)
def test_training_lowers_the_loss(dtype):
    supernet = tiny.make_supernet(tiny.SMALL, dtype=dtype)
    trainer = make_trainer(supernet=supernet)
    assert trainer.supernet.compute_dtype == dtype.removeprefix("mixed_")
    images, labels = tiny.make_batch()
    data = tf.data.Dataset.from_tensors((images, labels)).repeat(40)
    history = fit(
        trainer,
        batches=lambda epoch, start: data,
        steps_per_epoch=20,
    )
    losses = history.history["loss"]
    assert np.isfinite(losses).all()
    assert losses[1] < 0.9 * losses[0]
    assert all(v.dtype == "float32" for v in trainer.supernet.variables)


def test_the_default_is_a_sandwich_of_four():
    trainer = make_trainer(None)
    assert trainer.task.sampler == Sandwich(num_random=2)
    assert len(trainer.task.sampler.names()) == 4


def test_single_trains_one_architecture():
    # Weight decay moves every kernel; without it only live weights move.
    trainer = make_trainer(Single(tiny.SMALL.space.smallest), weight_decay=0.0)
    before = trainer.supernet.head_classifier.kernel.numpy()
    fit(trainer, epochs=1)
    change = trainer.supernet.head_classifier.kernel.numpy() - before
    assert np.all(np.any(change[:8] != 0, axis=-1))
    np.testing.assert_array_equal(change[8:], 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remembering(AttentiveSandwich):
    """Notes the losses it gets, and those by hand of the same batch."""

    seen: list

    def draw(self, supernet, seed, step, losses=None):
        def remember(archs):
            images, labels = tiny.make_batch(seed=step)
            by_hand = [
                np.mean(
                    keras.losses.sparse_categorical_crossentropy(
                        labels, supernet(images, arch), from_logits=True
                    )
                )
                for arch in archs
            ]
            self.seen.append((losses(archs), by_hand))
            return by_hand

        return super().draw(supernet, seed, step, remember)


@pytest.mark.slow
def test_an_attentive_training_uses_the_losses_of_the_batch():
    sampler = Remembering(seen=[], num_random=1)
    fit(make_trainer(sampler), epochs=1)
    assert len(sampler.seen) == STEPS
    for losses, by_hand in sampler.seen:
        np.testing.assert_allclose(losses, by_hand, rtol=1e-4)


def test_a_bootstrapped_training():
    trainer = make_trainer(
        Sandwich(num_random=1),
        make_optimizer(use_ema=True, ema_momentum=0.9),
        objective=EnsembleBootstrapping(),
    )
    history = fit(trainer)
    assert np.isfinite(history.history["smallest_loss"]).all()


# Resuming


@pytest.fixture(scope="module")
def whole():
    """A run that nothing interrupted."""
    trainer = make_trainer(mixup=0.2)
    fit(trainer)
    return trainer


@pytest.fixture(scope="module")
def to_kill():
    return Traced(mixup=0.2)


@pytest.mark.parametrize("epoch, step", [(0, 1), (1, 2)])
def test_a_killed_run_ends_with_the_same_weights(
    tmp_path, whole, to_kill, epoch, step
):
    with pytest.raises(Killed):
        fit(
            to_kill.new(),
            folder=tmp_path,
            checkpoint_every=1,
            callbacks=[KillAt(epoch, step)],
        )
    resumed = make_trainer(mixup=0.2)
    fit(resumed, folder=tmp_path)
    assert resumed.step == 2 * STEPS
    assert_equal_weights(resumed, whole)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run of one epoch."""
    folder = tmp_path_factory.mktemp("run")
    fit(make_trainer(), folder=folder, epochs=1)
    return folder


def test_a_finished_run_trains_no_more(finished):
    history = fit(make_trainer(), folder=finished, epochs=1)
    assert history.history == {}


def test_checkpoints_are_named_by_their_steps(finished):
    names = {path.name for path in finished.glob("*.npz")}
    assert names == {"step-0.npz", f"step-{STEPS}.npz"}


def test_checkpoints_hold_the_optimizer_too(finished):
    with np.load(finished / f"step-{STEPS}.npz") as arrays:
        trainer = make_trainer()
        variables = trainer.supernet.variables + trainer.optimizer.variables
        assert len(arrays.files) == len(variables)
        assert {v.path for v in trainer.supernet.variables} <= set(arrays)
        counter = trainer.optimizer.iterations.path.split("/")[-1]
        assert arrays[f"optimizer/{counter}"] == STEPS


@pytest.mark.exhaustive
def test_more_epochs_go_on(tmp_path):
    fit(make_trainer(), folder=tmp_path, epochs=1)
    history = fit(make_trainer(), folder=tmp_path, epochs=3)
    assert history.epoch == [1, 2]


def test_the_name_of_the_optimizer_does_not_matter(finished):
    # Keras numbers the optimizers of a process.
    optimizer = keras.optimizers.RMSprop(0.01, momentum=0.9, name="rmsprop_2")
    trainer = make_trainer(optimizer=optimizer)
    assert fit(trainer, folder=finished, epochs=1).history == {}


def test_checkpoints_of_another_supernet_are_refused(finished):
    family = dataclasses.replace(tiny.SMALL, name="other", head=(8, 16))
    trainer = make_trainer(supernet=tiny.make_supernet(family))
    expected = "`folder` must hold checkpoints of this supernet"
    with pytest.raises(ValueError, match=f"{expected}.*head_"):
        fit(trainer, folder=finished)


def test_checkpoints_of_another_optimizer_are_refused(finished):
    trainer = make_trainer(optimizer=keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError, match="of this supernet and optimizer"):
        fit(trainer, folder=finished)


# Logs and callbacks


def test_callbacks_see_epochs_and_logs(tmp_path):
    csv = tmp_path / "log.csv"
    trainer = make_trainer(Sandwich(num_random=1))
    history = fit(trainer, callbacks=[keras.callbacks.CSVLogger(csv)])
    header, *rows = csv.read_text().splitlines()
    expected = {"epoch", "images_per_second", "loss", "accuracy"} | {
        f"{name}_{value}"
        for name in ("smallest", "random_1")
        for value in ("loss", "accuracy")
    }
    columns = set(header.split(","))
    # Keras adds a column of validation for each.
    assert columns == expected | {f"val_{n}" for n in expected - {"epoch"}}
    assert [row.split(",")[0] for row in rows] == ["0", "1"]
    assert all(speed > 0 for speed in history.history["images_per_second"])


def test_logs_of_an_epoch_are_means_over_its_steps(trainer):
    losses = Losses()
    history = fit(trainer, epochs=1, callbacks=[losses])
    # What a callback sees after a batch is the mean so far, as in Keras.
    assert history.history["loss"] == [losses.values[-1]]
    assert losses.values[0] != losses.values[-1]


def test_the_first_subnets_logs_have_keras_names():
    history = fit(make_trainer(RandomSubnets(num_random=2)), epochs=1)
    assert set(history.history) == {
        "loss",
        "accuracy",
        "random_2_loss",
        "random_2_accuracy",
        "images_per_second",
    }


def test_tensorboard_writes(trainer, tmp_path):
    board = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    fit(trainer, epochs=1, callbacks=[board])
    assert list(tmp_path.glob("**/events*"))


def test_the_weights_file_holds_no_optimizer(trainer, tmp_path):
    before = tmp_path / "before.weights.h5"
    trainer.supernet.save_weights(before)
    fit(trainer, epochs=1)
    after = tmp_path / "after.weights.h5"
    trainer.supernet.save_weights(after)
    assert after.stat().st_size == before.stat().st_size


def test_early_stopping_stops(trainer):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    history = fit(trainer, epochs=5, callbacks=[Stop()])
    assert history.epoch == [0]


def test_progress_bar(trainer, capsys):
    fit(trainer, verbose=1)
    printed = capsys.readouterr().out
    assert "Epoch 2/2" in printed
    assert f"{STEPS}/{STEPS}" in printed
    assert "smallest_accuracy" in printed


@pytest.mark.exhaustive
def test_the_seed_decides():
    runs = [Losses() for _ in range(3)]
    for losses, seed in zip(runs, (1, 1, 2**70), strict=True):
        trainer = make_trainer(RandomSubnets(), seed=seed)
        fit(trainer, epochs=1, callbacks=[losses])
    assert runs[0].values == runs[1].values
    assert runs[0].values != runs[2].values


# Lost trainings


def poisoned(epoch, start_batch):
    """Batches of which the fifth of all holds pixels that are no numbers."""

    def poison(number, batch):
        images, labels = batch
        bad = tf.equal(epoch * STEPS + number, 4)
        return tf.where(bad, math.nan, images), labels

    return tiny.batches(epoch, 0).enumerate().map(poison).skip(start_batch)


def assert_finite(supernet):
    assert all(np.isfinite(weight).all() for weight in supernet.get_weights())


@pytest.mark.slow
def test_a_poisoned_batch_is_rolled_back(trainer, tmp_path):
    expected = r"lost at step 5: the loss is nan\..*those of step 4 again"
    with pytest.raises(TrainingLost, match=expected):
        fit(trainer, batches=poisoned, folder=tmp_path, checkpoint_every=1)
    assert trainer.step == 4
    assert_finite(trainer.supernet)
    good = make_trainer()
    fit(good, folder=tmp_path, epochs=2)
    assert good.step == 2 * STEPS
    assert_finite(good.supernet)


def test_without_a_checkpoint_there_is_nothing_to_roll_back_to(trainer):
    with pytest.raises(TrainingLost, match="step 5.*no checkpoint"):
        fit(trainer, batches=poisoned)


def test_a_lost_training_leaves_no_optimizer_behind(trainer, tmp_path):
    with pytest.raises(TrainingLost):
        fit(trainer, batches=poisoned, folder=tmp_path)
    assert not hasattr(trainer.supernet, "optimizer")


class Poison(keras.callbacks.Callback):
    """Makes a weight infinite after a step with a finite loss."""

    def on_train_batch_end(self, batch, logs=None):
        kernel = self.model.head_classifier.kernel
        kernel.assign(np.full(kernel.shape, np.inf))


@pytest.mark.slow
def test_weights_that_are_not_finite_are_never_kept(trainer, tmp_path):
    with pytest.raises(TrainingLost, match="those of step 0 again"):
        fit(trainer, folder=tmp_path, checkpoint_every=1, callbacks=[Poison()])
    assert [path.name for path in tmp_path.glob("*.npz")] == ["step-0.npz"]
    assert_finite(trainer.supernet)


def test_a_collapse_is_rolled_back(tmp_path):
    # Losses by hand: it learns, and comes back to guessing.
    chance = math.log(tiny.CLASSES)
    fall, rise, ground = 0.1 * chance, 1.2 * chance, 20
    trainer = make_trainer()

    def train(batch, mixing, draws, choices, step):
        loss = fall if step < ground else rise
        return {"loss": np.full(4, loss), "accuracy": np.zeros(4)}

    trainer._engine.train = train
    trainer._engine.batch_size = 8
    data = tf.data.Dataset.from_tensors(tiny.make_batch()).repeat()
    with pytest.raises(TrainingLost, match="back at.*guessing") as error:
        fit(
            trainer,
            batches=lambda epoch, start: data,
            steps_per_epoch=300,
            folder=tmp_path,
            checkpoint_every=1,
        )
    # Checkpoints ended before it was half-way back.
    assert ground <= trainer.step < ground + 60
    assert f"those of step {trainer.step} again" in str(error.value)
    kept = {f"step-{step}.npz" for step in (trainer.step - 1, trainer.step)}
    assert {path.name for path in tmp_path.glob("*.npz")} == kept


def test_without_the_guard_nothing_is_checked(tmp_path):
    trainer = make_trainer(guard=False)
    history = fit(trainer, batches=poisoned, folder=tmp_path)
    assert math.isnan(history.history["loss"][1])


# The average of the weights


def test_averaged_weights_are_the_moving_average():
    momentum = 0.5
    optimizer = make_optimizer(use_ema=True, ema_momentum=momentum)
    trainer = make_trainer(optimizer=optimizer)
    averages = trainer.supernet.get_weights()

    class Average(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            # The first step of Keras's average takes the weights as they are.
            share = 0.0 if int(optimizer.iterations) == 1 else momentum
            for average, weight in zip(
                averages, self.model.get_weights(), strict=True
            ):
                average *= share
                average += (1 - share) * weight

    fit(trainer, epochs=1, callbacks=[Average()])
    weights = trainer.supernet.get_weights()
    with trainer.averaged_weights():
        found = trainer.supernet.get_weights()
    for a, b in zip(found, averages, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert any(
        not np.allclose(a, b) for a, b in zip(found, weights, strict=True)
    )
    for a, b in zip(trainer.supernet.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_an_average_they_are_the_weights():
    trainer = make_trainer()
    weights = trainer.supernet.get_weights()
    with trainer.averaged_weights():
        for a, b in zip(trainer.supernet.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_weights_come_back_after_an_error():
    optimizer = make_optimizer(use_ema=True, ema_momentum=0.5)
    trainer = make_trainer(optimizer=optimizer)
    for average in optimizer._model_variables_moving_average:
        average.assign(average + 1)
    weights = trainer.supernet.get_weights()
    with pytest.raises(Killed), trainer.averaged_weights():
        assert not np.allclose(trainer.supernet.get_weights()[0], weights[0])
        raise Killed
    np.testing.assert_array_equal(trainer.supernet.get_weights()[0], weights[0])


# XLA


@pytest.mark.slow
def test_a_compiled_training_equals_one_that_is_not():
    assert len(tiny.SMALL.resolution) == 2
    runs = []
    for jit_compile in (False, True):
        # XLA draws other random numbers for dropout.
        family = dataclasses.replace(tiny.SMALL, dropout=0.0)
        supernet = tiny.make_supernet(family, mode="masked")
        losses = Losses()
        trainer = make_trainer(
            Sandwich(num_random=1), supernet=supernet, jit_compile=jit_compile
        )
        fit(trainer, epochs=1, callbacks=[losses])
        runs.append((losses.values, supernet.get_weights()))
    (plain, weights), (compiled, compiled_weights) = runs
    np.testing.assert_allclose(compiled, plain, rtol=1e-4)
    for a, b in zip(compiled_weights, weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_xla_needs_the_masked_mode():
    with pytest.raises(ValueError, match="`jit_compile`.*mode='masked'"):
        make_trainer(jit_compile=True)


# Errors


def test_data_that_end_early_are_reported(trainer):
    with pytest.raises(ValueError, match="ended after 6"):
        fit(trainer, steps_per_epoch=9)


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


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match=r"\['mix_up'\].*'mixup'"):
        make_trainer(mix_up=0.2)


def test_bootstrapping_needs_an_average():
    with pytest.raises(ValueError, match="EnsembleBootstrapping needs.*use_em"):
        make_trainer(objective=EnsembleBootstrapping())


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="'tensorflow' or 'torch'.*'jax'"):
        make_trainer(supernet=Supernet(tiny.FAMILY, tiny.CLASSES))


def test_averages_begin_at_the_weights():
    optimizer = keras.optimizers.SGD(0.01, use_ema=True)
    trainer = make_trainer(optimizer=optimizer)
    before = trainer.supernet.get_weights()
    with trainer.averaged_weights():
        averaged = trainer.supernet.get_weights()
    for a, b in zip(averaged, before, strict=True):
        np.testing.assert_array_equal(a, b)
