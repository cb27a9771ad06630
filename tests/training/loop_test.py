import pathlib

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny
from training.tiny_task import TinyTask
from training.tiny_task import make_model

from keras_elastic.training import TaskTrainer
from keras_elastic.training import TrainingLost
from keras_elastic.training.ingredients import RMSpropFrom

STEPS = 4


def make_trainer(
    *, only_head=False, training=True, make_optimizer=None, **settings
):
    task = TinyTask(make_model(), only_head=only_head, training=training)
    optimizer = (make_optimizer or make_sgd)()
    settings = {"weight_decay": 0.01, "mixup": 0.2, **settings}
    return TaskTrainer(task, optimizer, **settings)


def make_sgd():
    return keras.optimizers.SGD(0.05, momentum=0.9)


def make_rmsprop():
    return RMSpropFrom(1.0, 0.05, momentum=0.9)


def fit(trainer, **options):
    options = {"epochs": 2, "steps_per_epoch": STEPS, "verbose": 0, **options}
    return trainer.fit(options.pop("batches", tiny.batches), **options)


def weights_of(trainer):
    return [np.array(w) for w in trainer.model.get_weights()]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_learns():
    def same(epoch, start):
        return tiny.batches(0, start)

    plain = {"mixup": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0}
    history = fit(make_trainer(**plain), epochs=40, batches=same).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_metrics_are_means_over_the_batch_and_the_epoch():
    history = fit(make_trainer()).history
    # Steps 0 to 3, then 4 to 7.
    assert history["step"] == [1.5, 5.5]
    assert 0.5 < history["weight"][0] < 1.5
    assert 0 <= history["accuracy"][0] <= 1


def test_draws_depend_on_the_seed_and_the_step():
    weights = [
        fit(make_trainer(seed=seed)).history["weight"] for seed in (0, 0, 1)
    ]
    assert weights[0] == weights[1] != weights[2]
    assert weights[0][0] != weights[0][1]


def test_only_the_task_s_variables_change():
    trainer = make_trainer(only_head=True)
    before = weights_of(trainer)
    fit(trainer)
    after = weights_of(trainer)
    head = {v.path for v in trainer.model.get_layer("head").variables}
    for variable, a, b in zip(
        trainer.model.weights, before, after, strict=True
    ):
        assert np.array_equal(a, b) == (variable.path not in head)


def test_running_statistics_do_not_move():
    trainer = make_trainer()
    fit(trainer)
    norm = trainer.model.get_layer("norm")
    np.testing.assert_array_equal(norm.moving_mean, 0 * norm.moving_mean)
    np.testing.assert_array_equal(norm.moving_variance, 0 * norm.gamma + 1)


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_of_a_batch_add_up(parts):
    # With fixed statistics; those of a batch would be the part's.
    found = []
    for accumulation_steps in (1, parts):
        trainer = make_trainer(
            training=False, accumulation_steps=accumulation_steps
        )
        fit(trainer)
        found.append(weights_of(trainer))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_gradients_are_clipped():
    trainer = make_trainer(clip_norm=1e-6, weight_decay=0.0)
    before = weights_of(trainer)
    fit(trainer)
    for a, b in zip(before, weights_of(trainer), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("make", [make_sgd, make_rmsprop])
def test_a_killed_run_goes_on_bit_by_bit(tmp_path, make):
    whole = make_trainer(make_optimizer=make)
    fit(whole)

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if killed.step == STEPS + 2:
                raise KeyboardInterrupt

    killed = make_trainer(make_optimizer=make)
    with pytest.raises(KeyboardInterrupt):
        fit(killed, folder=tmp_path, checkpoint_every=1, callbacks=[Kill()])
    again = make_trainer(make_optimizer=make)
    fit(again, folder=tmp_path)
    assert_equal(weights_of(again), weights_of(whole))


def test_a_divergence_is_named():
    trainer = make_trainer()
    trainer.task.model.get_layer("head").kernel.assign(
        np.full(trainer.task.model.get_layer("head").kernel.shape, np.nan)
    )
    with pytest.raises(TrainingLost, match="the loss is nan"):
        fit(trainer)


def test_averaged_weights_are_those_of_the_task():
    optimizer = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5)
    task = TinyTask(make_model(), only_head=True)
    trainer = TaskTrainer(task, optimizer)
    fit(trainer)
    weights = weights_of(trainer)
    with trainer.averaged_weights():
        averaged = weights_of(trainer)
    assert_equal(weights_of(trainer), weights)
    changed = [
        not np.array_equal(a, b) for a, b in zip(weights, averaged, strict=True)
    ]
    assert sum(changed) == 2


def test_unknown_settings_are_named():
    with pytest.raises(TypeError, match="temperature"):
        make_trainer(temperature=4)


def test_one_trace_serves_all_steps():
    trainer = make_trainer()
    fit(trainer)
    assert trainer._engine._train.experimental_get_tracing_count() == 1


def run_two_replicas():
    """Weights by one replica, and by two with half of the batch each."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            trainer = make_trainer(training=False, clip_norm=0.5)
        fit(trainer)
        found.append(weights_of(trainer))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    print("equal")


@pytest.mark.slow
def test_two_replicas_equal_one():
    # Two logical devices must be asked for before TensorFlow starts.
    path = str(pathlib.Path(__file__).parents[1])
    code = (
        f"import sys; sys.path[:0] = [{path!r}]\n"
        "from training.loop_test import run_two_replicas\n"
        "run_two_replicas()"
    )
    run = forked.run("-c", code)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "equal" in run.stdout
