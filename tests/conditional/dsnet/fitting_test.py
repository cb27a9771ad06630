"""`fit` trains a new head of a DS-Net, and then its gates.

Tests of `conditional/dsnet/for_core.py`, too.
"""

import dsnet_models
import keras
import numpy as np
import pytest
import tensorflow as tf
from conditional_entries import mean_flops

import keras_elastic as ke
from keras_elastic.models.heads import compile_classifier
from keras_elastic.training.finetuning_run import train_stages

IMAGES = dsnet_models.make_images(16)
LABELS = np.arange(16) % 3


@pytest.fixture(scope="module")
def trained():
    return dsnet_models.make(dsnet_models.MOBILENET, IMAGES, (2, 4))


def compiled(model):
    # To trace the gradient takes longer than the steps.
    compile_classifier(model).run_eagerly = True
    return model


@pytest.fixture
def new(trained):
    return compiled(trained.with_new_classifier(3))


@pytest.fixture
def copy(trained):
    model = type(trained).from_config(trained.get_config())
    model.set_weights(trained.get_weights())
    return compiled(model)


def weights(model):
    return {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}


def changed(model, before):
    """Ends of the paths of the weights that `fit` has changed."""
    return {
        "/".join(path.split("/")[-2:])
        for path, value in weights(model).items()
        if not np.array_equal(value, before[path])
    }


def fit(model, epochs, **arguments):
    return model.fit(
        IMAGES, LABELS, batch_size=8, epochs=epochs, verbose=0, **arguments
    )


def test_a_new_head_comes_first_and_the_gates_later(new):
    before = weights(new)
    middle = {}
    spy = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: middle.setdefault(
            epoch, changed(new, before)
        )
    )
    history = fit(new, 2, callbacks=[spy])
    head = {f"{new.head_layers[0]}/{name}" for name in ("kernel", "bias")}
    assert middle == {0: head, 1: {*head, "slimming/kernel"}}
    assert history.epoch == [0, 1]
    assert len(history.history["loss"]) == 2


def test_one_epoch_is_too_few_for_both(new):
    with pytest.raises(ValueError, match="`epochs` must be 2"):
        fit(new, 1)


def test_a_trained_head_stays(trained):
    model = compile_classifier(type(trained).from_config(trained.get_config()))
    model.set_weights(trained.get_weights())
    before = weights(model)
    fit(model, 1)
    assert changed(model, before) == {"slimming/kernel"}


def test_a_new_head_is_remembered_in_a_file(trained, tmp_path):
    trained.with_new_classifier(3).save(tmp_path / "new.keras")
    loaded = keras.saving.load_model(tmp_path / "new.keras")
    with pytest.raises(ValueError, match="`epochs` must be 2"):
        fit(compiled(loaded), 1)


def test_a_high_price_of_multiply_adds_slims(copy):
    copy.configure_training(complexity_weight=100.0, guidance_weight=0.0)
    copy.optimizer.learning_rate = 1.0
    before = mean_flops(copy, IMAGES)
    fit(copy, 4)
    assert mean_flops(copy, IMAGES) < before


def test_the_stages_of_a_recipe(new):
    recipe = ke.finetune_recipe(new, epochs=1, head_epochs=1)
    assert [stage.name for stage in recipe.stages] == ["head", "gates"]
    before = weights(new)
    for stage in recipe.stages:
        stage.prepare(new, steps_per_epoch=2)
        new.run_eagerly = True
        fit(new, 1)
    head = {f"{new.head_layers[0]}/{name}" for name in ("kernel", "bias")}
    assert changed(new, before) == {*head, "slimming/kernel"}


@pytest.mark.slow
def test_a_recipe_runs_its_stages(new):
    recipe = ke.finetune_recipe(new, epochs=1, head_epochs=1)
    before = weights(new)
    histories = recipe.fit(new, IMAGES, LABELS, batch_size=8, verbose=0)
    assert set(histories) == {"head", "gates"}
    head = {f"{new.head_layers[0]}/{name}" for name in ("kernel", "bias")}
    assert changed(new, before) == {*head, "slimming/kernel"}


def test_other_layers_are_not_trained(new):
    stage = ke.training.FineTuningStage(
        name="all", epochs=1, layers=None, learning_rate=0.1
    )
    with pytest.raises(ValueError, match="the head or the gates"):
        stage.prepare(new, steps_per_epoch=1)
    with pytest.raises(ValueError, match="`head`"):
        ke.finetune_recipe(new, head=new.head_layers[0])


@pytest.mark.parametrize(
    "wrong", [{"complexity_weight": -1}, {"hard_samples": "none"}]
)
def test_wrong_settings(trained, wrong):
    with pytest.raises(ValueError, match=f"`{list(wrong)[0]}`"):
        trained.configure_training(**wrong)


def test_a_run_that_was_stopped_draws_on(trained, tmp_path):
    """Random widths are drawn after it as they would have been."""

    def train(folder, stop=None):
        keras.utils.set_random_seed(0)
        model = compile_classifier(trained.with_new_classifier(3))

        def batches(epoch):
            if epoch == stop:
                raise InterruptedError
            return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8)

        recipe = ke.finetune_recipe(model, epochs=1, head_epochs=2)
        train_stages(recipe, model, batches, folder, steps_per_epoch=2)
        return model.get_weights()

    # To trace the gradient takes longer than the steps.
    tf.config.run_functions_eagerly(True)
    try:
        whole = train(tmp_path / "whole")
        with pytest.raises(InterruptedError):
            train(tmp_path / "stopped", stop=1)
        resumed = train(tmp_path / "stopped")
    finally:
        tf.config.run_functions_eagerly(False)
    for one, other in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(one, other)
