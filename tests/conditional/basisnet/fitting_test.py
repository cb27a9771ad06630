"""`fit` trains both stages of a BasisNet.

Tests of `conditional/basisnet/for_core.py` and `conditional/for_core.py`, too.
"""

import basisnet_tiny
import keras
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic.models.heads import compile_classifier

IMAGES = basisnet_tiny.images(16)
LABELS = np.arange(16) % basisnet_tiny.CLASSES


@pytest.fixture(scope="module")
def made():
    return basisnet_tiny.make(exit_threshold=0.5)


@pytest.fixture
def model(made):
    return copied(made)


def copied(made, run_eagerly=True):
    """A compiled copy that drops nothing."""
    model = compile_classifier(made.with_exit_threshold(0.5))
    # To trace the gradient takes longer than the steps.
    model.run_eagerly = run_eagerly
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


def changed(model, before):
    """Names of the layers whose weights `fit` has changed."""
    return {
        layer.name
        for layer in model.layers
        if not all(
            np.array_equal(a, b)
            for a, b in zip(
                layer.get_weights(), before[layer.name], strict=True
            )
        )
    }


def weights(model):
    return {layer.name: layer.get_weights() for layer in model.layers}


def cross_entropy(logits):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(loss(LABELS, logits))


def test_fit_trains_every_layer_of_both_stages(model):
    before = weights(model)
    model.fit(IMAGES, LABELS, batch_size=16, verbose=0)
    assert changed(model, before) == {n for n, w in before.items() if w}


@pytest.mark.exhaustive
def test_a_traced_step_is_the_eager_one(made):
    losses = []
    for run_eagerly in (True, False):
        model = copied(made, run_eagerly)
        history = model.fit(
            IMAGES, LABELS, batch_size=16, epochs=2, verbose=0, shuffle=False
        )
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_the_loss_is_that_of_both_stages(model):
    model.configure_training(light_weight=0.5)
    light_logits, coefficients = model.preview(IMAGES, training=True)
    logits = model.specialize(IMAGES, coefficients, training=True)
    expected = cross_entropy(logits) + 0.5 * cross_entropy(light_logits)
    # Of its only step, before any weight has changed.
    history = model.fit(IMAGES, LABELS, batch_size=16, verbose=0, shuffle=False)
    assert history.history["loss"][0] == pytest.approx(expected, abs=1e-3)
    evaluated, _ = model.evaluate(IMAGES, LABELS, verbose=0)
    assert evaluated == pytest.approx(cross_entropy(model(IMAGES)), abs=1e-3)


@pytest.mark.parametrize(
    "steps, epsilon", [(0, 1.0), (2, 1.0), (3, 1.0), (5, 0.5), (7, 0.0)]
)
def test_preheat_follows_the_steps_of_the_optimizer(model, steps, epsilon):
    model.configure_training(preheat_steps=3, decay_steps=4)
    model.optimizer.iterations.assign(steps)
    assert float(model._fitting._epsilon()) == pytest.approx(epsilon)


def test_preheat_and_basis_dropout_are_used(model):
    plain = np.asarray(model(IMAGES, training=True))
    model.configure_training(preheat_steps=10)
    even = np.asarray(model(IMAGES, training=True))
    mean = np.full((16, len(basisnet_tiny.BLOCKS), basisnet_tiny.BASES), 1 / 3)
    expected = model.specialize(IMAGES, mean.astype("float32"), training=True)
    np.testing.assert_allclose(even, expected, atol=1e-4)
    model.configure_training(basis_dropout=0.5)
    first = np.asarray(model(IMAGES, training=True))
    second = np.asarray(model(IMAGES, training=True))
    assert not np.allclose(first, plain) and not np.allclose(first, second)


@pytest.mark.parametrize(
    "wrong",
    [
        {"light_weight": -1},
        {"preheat_steps": 1.5},
        {"decay_steps": -1},
        {"basis_dropout": 1.0},
    ],
)
def test_wrong_settings(wrong):
    with pytest.raises(ValueError, match=f"`{list(wrong)[0]}`"):
        basisnet_tiny.shared().configure_training(**wrong)


def test_a_recipe_trains_both_heads_first(model):
    recipe = ke.finetune_recipe(model, epochs=1, head_epochs=1)
    head, _ = recipe.stages
    assert head.layers == model.head_layers
    assert len(head.layers) == 2
    before = weights(model)
    head.prepare(model, steps_per_epoch=1)
    model.run_eagerly = True
    model.fit(IMAGES, LABELS, batch_size=16, verbose=0)
    assert changed(model, before) == {*model.head_layers}
