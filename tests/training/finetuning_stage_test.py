"""A stage trains what it names, as fast as it says, and nothing else."""

import keras
import numpy as np
import pytest
from training.tiny_classifier import IMAGES
from training.tiny_classifier import LABELS
from training.tiny_classifier import make_classifier

from keras_elastic.models import heads
from keras_elastic.training import FineTuningStage

HEAD = ("classifier",)


def make_stage(**changes):
    return FineTuningStage(
        **{
            "name": "all",
            "epochs": 2,
            "layers": None,
            "learning_rate": 0.01,
            "statistics": "kept",
            **changes,
        }
    )


def fit(model, **arguments):
    model.fit(
        IMAGES, LABELS, batch_size=8, shuffle=False, verbose=0, **arguments
    )


def changes(model, act):
    """Names of the layers whose weights an action changes."""
    before = {layer.name: layer.get_weights() for layer in model.layers}
    act()
    return {
        layer.name
        for layer in model.layers
        if layer.weights and not same(before[layer.name], layer.get_weights())
    }


def same(some, others):
    return all(map(np.array_equal, some, others))


def is_normalization(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


# What is trained


def test_a_frozen_trunk_stays_as_it_is_statistics_included():
    model = make_classifier()
    make_stage(layers=HEAD).prepare(model, 2)
    assert changes(model, lambda: fit(model)) == {"classifier"}


def test_kept_normalizations_stay_as_they_are():
    model = make_classifier()
    make_stage().prepare(model, 2)
    expected = {
        layer.name
        for layer in model.layers
        if layer.weights and not is_normalization(layer)
    }
    assert changes(model, lambda: fit(model)) == expected


def test_normalizations_that_are_measured_afterwards_are_trained():
    model = make_classifier()
    make_stage(statistics="measured").prepare(model, 2)
    expected = {layer.name for layer in model.layers if layer.weights}
    assert changes(model, lambda: fit(model)) == expected


@pytest.mark.parametrize("steps, momentum", [(20, 0.9), (1000, 0.99)])
def test_moving_averages_follow_within_an_epoch(steps, momentum):
    model = make_classifier()
    make_stage(statistics="measured").prepare(model, steps)
    assert model.get_layer("norm").momentum == pytest.approx(momentum)


def test_a_stage_thaws_what_the_last_one_froze():
    model = make_classifier()
    make_stage(layers=HEAD).prepare(model, 2)
    make_stage(statistics="measured").prepare(model, 2)
    assert all(layer.trainable for layer in model.layers)


def test_kept_normalizations_inside_a_model_that_is_a_layer():
    inner = heads.without_head(make_classifier(), "avg")
    inputs = keras.Input((8, 8, 3))
    outer = keras.Model(inputs, keras.layers.Dense(3)(inner(inputs)))
    outer.compile("sgd", "mse")
    make_stage().prepare(outer, 2)
    frozen = [layer for layer in inner.layers if not layer.trainable]
    assert frozen and all(map(is_normalization, frozen))


# How fast


@pytest.mark.parametrize("step, rate", [(0, 0.01), (5, 0.055), (10, 0.1)])
def test_the_warm_up_begins_at_a_tenth(step, rate):
    stage = make_stage(epochs=3, learning_rate=0.1, warmup_epochs=0.5)
    assert float(stage.schedule(20)(step)) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("warmup_epochs", [0, 0.5])
def test_the_cosine_ends_at_zero(warmup_epochs):
    stage = make_stage(learning_rate=0.1, warmup_epochs=warmup_epochs)
    schedule = stage.schedule(20)
    rates = [float(schedule(step)) for step in range(10, 41)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-8)
    half = 25 if warmup_epochs else 20
    assert float(schedule(half)) == pytest.approx(0.05, rel=1e-5)


def test_a_warm_up_is_shorter_than_its_stage():
    schedule = make_stage(epochs=1, warmup_epochs=5).schedule(4)
    assert float(schedule(3)) == pytest.approx(0.01)
    assert float(schedule(4)) == pytest.approx(0, abs=1e-8)


def test_only_kernels_decay():
    # Without a gradient nothing but the decay moves a weight.
    model = make_classifier()
    stage = make_stage(
        learning_rate=0.1, weight_decay=0.5, statistics="measured"
    )
    stage.prepare(model, 2)
    before = [w.numpy() for w in model.trainable_weights]
    fit(model, sample_weight=np.zeros(16))
    # The rates of the two steps of this epoch, of four in all.
    kept = np.prod([1 - 0.5 * float(stage.schedule(2)(n)) for n in (0, 1)])
    for weight, old in zip(model.trainable_weights, before, strict=True):
        expected = old * kept if weight.ndim > 1 else old
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5)


# What is kept


@pytest.mark.slow
@pytest.mark.parametrize("multi_label", [False, True])
def test_loss_and_metrics_are_those_before(multi_label):
    model = make_classifier(multi_label)
    labels = np.eye(3)[LABELS] if multi_label else LABELS
    before = model.evaluate(IMAGES, labels, verbose=0, return_dict=True)
    make_stage().prepare(model, 2)
    after = model.evaluate(IMAGES, labels, verbose=0, return_dict=True)
    assert after == pytest.approx(before)
    assert ("auc" in after) == multi_label


@pytest.mark.parametrize("layers", [HEAD, None])
def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(layers, tmp_path):
    model = make_classifier()
    make_stage(layers=layers).prepare(model, 2)
    fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    frozen, frozen_again = (
        [layer.name for layer in m.layers if not layer.trainable]
        for m in (model, again)
    )
    assert frozen == frozen_again != []
    for one in (model, again):
        fit(one)
    for weight, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-6)


# Bad input


def test_a_model_that_is_not_compiled():
    model = heads.without_head(make_classifier(), "avg")
    with pytest.raises(ValueError, match="must be compiled: its loss"):
        make_stage().prepare(model, 2)


def test_a_loss_that_keras_cannot_save():
    def mean_logit(labels, logits):
        return keras.ops.mean(logits)

    model = make_classifier()
    model.compile("sgd", loss=mean_logit)
    with pytest.raises(ValueError, match="register_keras_serializable"):
        make_stage().prepare(model, 2)


@pytest.mark.parametrize("layers", [("head",), ("logits",), ()])
def test_layers_that_cannot_be_trained(layers):
    model = make_classifier()
    with pytest.raises(ValueError, match="last ones are.*classifier"):
        make_stage(layers=layers).prepare(model, 2)
    assert all(layer.trainable for layer in model.layers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"learning_rate": 0},
        {"warmup_epochs": -1},
        {"weight_decay": -1e-4},
        {"momentum": 1.0},
        {"statistics": "frozen"},
    ],
)
def test_numbers_out_of_range(wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}` must.*{name}={value!r}"):
        make_stage(**wrong)


def test_steps_that_are_none():
    with pytest.raises(ValueError, match="`steps_per_epoch` must be a pos"):
        make_stage().prepare(make_classifier(), 0)


def test_a_stage_is_readable():
    stage = make_stage(layers=HEAD, learning_rate=0.1)
    assert str(stage).startswith("all: 2 epochs of 'classifier'; SGD")
    assert "all layers but normalizations" in str(make_stage())
    assert "of all layers;" in str(make_stage(statistics="measured"))
