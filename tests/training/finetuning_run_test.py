"""Tests of `training/finetuning_run.py`; see those of the command, too."""

import numpy as np
import pytest
import tensorflow as tf
from training.tiny_classifier import IMAGES
from training.tiny_classifier import LABELS
from training.tiny_classifier import make_classifier

import keras_elastic as ke
from keras_elastic.training.finetuning_run import train_stages
from keras_elastic.training.guard import TrainingLost

STEPS = 2


class Batches:
    """Batches of which each epoch has others, and what was asked for."""

    def __init__(self, most=99):
        self.epochs = []
        self._most = most

    def __call__(self, epoch):
        if len(self.epochs) == self._most:
            raise InterruptedError
        self.epochs.append(epoch)
        order = np.random.default_rng(epoch).permutation(len(IMAGES))
        pairs = (IMAGES[order], LABELS[order])
        return tf.data.Dataset.from_tensor_slices(pairs).batch(8)


def train(folder, batches, learning_rate=0.03):
    model = make_classifier()
    recipe = ke.finetune_recipe(
        model, epochs=2, head_epochs=2, learning_rate=learning_rate
    )
    train_stages(recipe, model, batches, folder, steps_per_epoch=STEPS)
    return model.get_weights()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    batches = Batches()
    weights = train(tmp_path_factory.mktemp("whole"), batches)
    assert batches.epochs == [0, 1, 2, 3]
    return weights


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_run_that_was_stopped_goes_on(whole, tmp_path, epochs):
    with pytest.raises(InterruptedError):
        train(tmp_path, Batches(most=epochs))
    batches = Batches()
    weights = train(tmp_path, batches)
    assert batches.epochs == list(range(epochs, 4))
    for one, other in zip(weights, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_that_is_over_trains_no_more(whole, tmp_path):
    train(tmp_path, Batches())
    weights = train(tmp_path, Batches(most=0))
    for one, other in zip(weights, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_that_are_not_finite_are_not_kept(tmp_path):
    with pytest.raises(TrainingLost):
        train(tmp_path, Batches(), learning_rate=1e30)
    assert not list((tmp_path / "all").glob("*.npz"))
