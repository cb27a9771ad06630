"""Tests of `conditional/model_task.py`, too."""

import math

import basisnet_tiny
import keras
import numpy as np
import pytest
import tensorflow as tf
from basisnet_tiny import BASES
from basisnet_tiny import BLOCKS
from basisnet_tiny import CLASSES

from keras_elastic.conditional import BasisNetTask
from keras_elastic.training import KerasTeacher
from keras_elastic.training.losses import smooth_labels
from keras_elastic.training.losses import soft_cross_entropy


@pytest.fixture(scope="module")
def model():
    return basisnet_tiny.shared()


@pytest.fixture(scope="module")
def teacher():
    inputs = keras.Input((12, 12, 3))
    features = keras.layers.GlobalAveragePooling2D()(inputs)
    logits = keras.layers.Dense(CLASSES)(features / 50)
    return KerasTeacher(keras.Model(inputs, logits))


def make_batch(task, count=6, step=0, seed=0):
    labels = np.arange(count) % CLASSES
    return {
        "images": basisnet_tiny.images(count, seed),
        "labels": tf.constant(labels),
        "targets": smooth_labels(labels, CLASSES, 0.1),
        **task.draw(np.random.default_rng(seed), count, step),
    }


def run(task, batch):
    with keras.StatelessScope():
        return task.loss(batch)


# What is drawn


def test_epsilon_holds_and_falls_in_a_line(model):
    task = BasisNetTask(model)
    steps = (0, 9_999, 10_000, 30_000, 50_000, 60_000)
    expected = [1, 1, 1, 0.5, 0, 0]
    assert [task.epsilon(step) for step in steps] == pytest.approx(expected)
    at_once = BasisNetTask(model, preheat_steps=2, decay_steps=0)
    assert [at_once.epsilon(step) for step in (1, 2)] == [1.0, 0.0]


def test_draws_have_the_batch_first(model):
    task = BasisNetTask(model, basis_dropout=0.5)
    drawn = task.draw(np.random.default_rng(0), 6, 0)
    shapes = {name: array.shape for name, array in drawn.items()}
    assert shapes == {
        "epsilon": (6,),
        "basis_mask": (6, len(BLOCKS), BASES),
        "dropout_light_head_dropout": (6, 96),
        "dropout_specialist_head_dropout": (6, 128),
    }
    assert {array.dtype for array in drawn.values()} == {np.dtype("float32")}
    again = task.draw(np.random.default_rng(0), 6, 0)
    for name, array in drawn.items():
        np.testing.assert_array_equal(array, again[name])


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("per_block", [True, False])
def test_what_shares_a_draw_of_bases(model, per_image, per_block):
    task = BasisNetTask(
        model,
        basis_dropout=0.4,
        dropout_per_image=per_image,
        dropout_per_block=per_block,
    )
    mask = task.draw(np.random.default_rng(0), 200, 0)["basis_mask"]
    assert set(np.unique(mask)) == {0, 1}
    assert (mask == mask[:1]).all() == (not per_image)
    assert (mask == mask[:, :1]).all() == (not per_block)


def test_a_basis_is_left_out_as_often_as_wanted(model):
    task = BasisNetTask(model, basis_dropout=0.25)
    mask = task.draw(np.random.default_rng(0), 20_000, 0)["basis_mask"]
    # All three are drawn to be left out for one image in 64: then none is.
    assert 1 - mask.mean() == pytest.approx(0.25 - 1 / 64, abs=0.005)
    assert mask.any(axis=-1).all()
    none = BasisNetTask(model).draw(np.random.default_rng(0), 50, 0)
    assert none["basis_mask"].all()


def test_feature_dropout_keeps_the_mean(model):
    drawn = BasisNetTask(model).draw(np.random.default_rng(0), 2000, 0)
    mask = drawn["dropout_light_head_dropout"]
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1.25)}
    assert mask.mean() == pytest.approx(1, abs=0.01)


# How coefficients are mixed

DRAWN = np.random.default_rng(0).dirichlet(np.ones(BASES), (4, len(BLOCKS)))
COEFFICIENTS = DRAWN.astype("float32")


def mix(task, epsilon=0.0, mask=None):
    if mask is None:
        mask = np.ones_like(COEFFICIENTS)
    epsilon = tf.fill([4], epsilon)
    return task.mix(tf.constant(COEFFICIENTS), epsilon, mask).numpy()


def test_epsilon_blends_with_the_mean(model):
    task = BasisNetTask(model)
    np.testing.assert_allclose(mix(task, 0.0), COEFFICIENTS, atol=1e-6)
    np.testing.assert_allclose(mix(task, 1.0), 1 / BASES, atol=1e-6)
    np.testing.assert_allclose(
        mix(task, 0.25), 0.25 / BASES + 0.75 * COEFFICIENTS, atol=1e-6
    )


def test_what_is_left_out_is_zero_and_the_sum_stays(model):
    mask = np.ones_like(COEFFICIENTS)
    mask[:, :, 1] = 0
    mixed = mix(BasisNetTask(model), 0.0, mask)
    assert not mixed[:, :, 1].any()
    np.testing.assert_allclose(mixed.sum(-1), 1, atol=1e-5)
    ratio = COEFFICIENTS[..., 0] / COEFFICIENTS[..., 2]
    np.testing.assert_allclose(mixed[..., 0] / mixed[..., 2], ratio, rtol=1e-4)
    plain = mix(BasisNetTask(model, renormalize=False), 0.0, mask)
    np.testing.assert_allclose(plain, COEFFICIENTS * mask, atol=1e-6)


def test_with_an_epsilon_of_one_coefficients_do_not_matter(model):
    task = BasisNetTask(model)
    batch = make_batch(task, step=0)
    with tf.GradientTape() as tape:
        loss, _ = run(task, batch)
    head = model.get_layer("light_coefficients").kernel.value
    gradient = tape.gradient(loss, head)
    assert gradient is None or not np.any(gradient)
    late = make_batch(task, step=40_000)
    with tf.GradientTape() as tape:
        loss, _ = run(task, late)
    assert np.any(tape.gradient(loss, head))


# The loss


def test_loss_is_both_stages(model):
    task = BasisNetTask(model, light_weight=0.3)
    batch = make_batch(task)
    loss, metrics = run(task, batch)
    with keras.StatelessScope():
        light_logits, logits = task.run_stages(batch)
    targets = batch["targets"]
    expected = soft_cross_entropy(targets, logits)
    light = soft_cross_entropy(targets, light_logits)
    np.testing.assert_allclose(loss, expected + 0.3 * light, rtol=1e-4)
    assert list(metrics)[:2] == ["accuracy", "light_accuracy"]
    for name, values in (
        ("accuracy", logits),
        ("light_accuracy", light_logits),
    ):
        right = np.argmax(values, -1) == batch["labels"]
        np.testing.assert_array_equal(metrics[name], right)
    assert {m.shape for m in metrics.values()} == {(6,)}
    assert loss.shape == (6,)


def test_what_is_drawn_is_used(model):
    task = BasisNetTask(model, basis_dropout=0.3)
    batch = make_batch(task, step=30_000)
    loss, _ = run(task, batch)
    for name in ("epsilon", "basis_mask", *batch):
        if name.startswith(("epsilon", "basis", "dropout")):
            changed = np.zeros_like(batch[name])
            changed[..., 0] = 1
            other, _ = run(task, {**batch, name: changed})
            assert not np.allclose(loss, other), name


def test_chance(model):
    assert BasisNetTask(model).chance() == pytest.approx(2 * math.log(CLASSES))
    task = BasisNetTask(model, light_weight=0.5)
    assert task.chance() == pytest.approx(1.5 * math.log(CLASSES))
    assert task.classes == CLASSES
    assert len(task.variables) == len(model.trainable_variables)


def stage_losses(task, batch):
    _, metrics = run(task, batch)
    return metrics["specialist_loss"], metrics["light_loss"]


def test_who_learns_from_the_teacher(model, teacher):
    batch = make_batch(BasisNetTask(model))
    own = stage_losses(BasisNetTask(model), batch)
    one = stage_losses(BasisNetTask(model, teacher=teacher), batch)
    both = stage_losses(
        BasisNetTask(model, teacher=teacher, taught="both"), batch
    )
    np.testing.assert_allclose(one[1], own[1], rtol=1e-5)
    np.testing.assert_allclose(both[0], one[0], rtol=1e-5)
    assert not np.allclose(one[0], own[0])
    assert not np.allclose(both[1], own[1])
    half = stage_losses(
        BasisNetTask(model, teacher=teacher, teacher_share=0.5), batch
    )
    np.testing.assert_allclose(half[0], (own[0] + one[0]) / 2, rtol=1e-4)
    other = stage_losses(
        BasisNetTask(model, teacher=teacher, divergence="alpha"), batch
    )
    assert not np.allclose(other[0], one[0])
    function = stage_losses(
        BasisNetTask(
            model,
            teacher=teacher,
            divergence=lambda taught, logits: 0 * logits[:, 0],
        ),
        batch,
    )
    assert not np.any(function[0])


def test_hard_labels_of_the_light_network(model):
    task = BasisNetTask(model, light_hard_labels=True)
    batch = make_batch(task)
    with keras.StatelessScope():
        light_logits, _ = task.run_stages(batch)
    expected = keras.losses.sparse_categorical_crossentropy(
        batch["labels"], light_logits, from_logits=True
    )
    np.testing.assert_allclose(
        stage_losses(task, batch)[1], expected, rtol=1e-4
    )


def test_images_of_another_size(model):
    task = BasisNetTask(model)
    batch = make_batch(task)
    batch["images"] = basisnet_tiny.images(6, size=16)
    loss, _ = run(task, batch)
    assert np.isfinite(loss).all()


@pytest.mark.exhaustive
def test_steps_of_gradient_descent_lower_the_loss():
    task = BasisNetTask(
        basisnet_tiny.make(seed=4), preheat_steps=2, decay_steps=5
    )
    optimizer = keras.optimizers.SGD(0.02)
    batch = make_batch(task, step=10)
    fixed = {name: tf.constant(value) for name, value in batch.items()}

    @tf.function(autograph=False)
    def step(epsilon):
        with tf.GradientTape() as tape, keras.StatelessScope():
            losses, _ = task.loss({**fixed, "epsilon": epsilon})
            loss = tf.reduce_mean(losses)
        values = [variable.value for variable in task.variables]
        optimizer.apply(tape.gradient(loss, values), task.variables)
        return loss

    epsilons = [
        tf.fill([6], np.float32(task.epsilon(number))) for number in range(12)
    ]
    losses = [float(step(epsilon)) for epsilon in epsilons]
    assert losses[-1] < 0.6 * losses[0]


# Errors


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"light_weight": -1}, "`light_weight` must be.*at least 0"),
        ({"preheat_steps": -1}, "`preheat_steps` must be.*at least 0"),
        ({"basis_dropout": 1.0}, "`basis_dropout` must be.*below 1"),
        ({"teacher_share": 2}, "`teacher_share` must be.*from 0 to 1"),
        ({"taught": "light"}, "`taught` must be one of.*'light'"),
        ({"divergence": "wasserstein"}, "`divergence` must be one of"),
    ],
)
def test_errors(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        BasisNetTask(model, **arguments)


def test_a_teacher_of_other_classes_is_refused(model):
    inputs = keras.Input((12, 12, 3))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match="`teacher` must know the 5 classes"):
        BasisNetTask(model, teacher=KerasTeacher(keras.Model(inputs, outputs)))
