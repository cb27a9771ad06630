import dataclasses
import pathlib

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny

from keras_elastic.training import EnsembleBootstrapping
from keras_elastic.training import InPlaceDistillation
from keras_elastic.training import Sandwich
from keras_elastic.training import Supervised
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.task import SubnetTask
from keras_elastic.training.task import path_rates
from keras_elastic.training.tensorflow_step import TensorFlowStep

BATCH = 8


def make_step(supernet, objective=None, optimizer=None, **settings):
    optimizer = optimizer or keras.optimizers.SGD(1.0)
    optimizer.build(supernet.trainable_variables)
    settings = StepSettings(**{"weight_decay": 0.0, **settings})
    task = SubnetTask(
        supernet,
        Sandwich(),
        objective or InPlaceDistillation(),
        settings.statistics,
    )
    return TensorFlowStep(task, optimizer, settings)


def in_graph(function):
    """A function as the engine traces it."""
    return tf.function(function, autograph=False)


def step_gradients(
    step, archs, images, labels, mixing=None, number=0, traced=False
):
    """Gradients, losses and accuracies as arrays."""
    if mixing is None:
        mixing = np.ones(len(images) // 2, "float32")
    # Untraced where that is not the point, because tracing takes seconds.
    function = in_graph(step.gradients) if traced else step.gradients
    gradients, logs = function(
        tf.constant(images),
        tf.constant(labels),
        tf.constant(mixing),
        {},
        tf.constant(archs),
        tf.constant(number),
    )
    return [g.numpy() for g in gradients], *(
        logs[name].numpy() for name in ("loss", "accuracy")
    )


def changes(step, archs, images, labels):
    """What a step with a learning rate of one subtracts from the weights."""
    before = step.task.model.get_weights()
    step(
        tf.constant(images),
        tf.constant(labels),
        tf.ones(len(images) // 2),
        {},
        tf.constant(archs),
        tf.constant(0),
    )
    after = step.task.model.get_weights()
    return [a - b for a, b in zip(before, after, strict=True)]


def without_dropout(**changes):
    return dataclasses.replace(tiny.FAMILY, dropout=0.0, **changes)


@pytest.fixture(scope="module")
def supernet():
    """Without dropout. No test changes its weights."""
    return tiny.make_supernet(without_dropout())


@pytest.fixture(scope="module")
def archs(supernet):
    return Sandwich().draw(supernet, seed=0, step=0)


@pytest.fixture(scope="module")
def plain(supernet, archs):
    """Gradients of the first batch, without anything else."""
    return step_gradients(make_step(supernet), archs, *tiny.make_batch())[0]


def smoothed(labels):
    return np.eye(tiny.CLASSES, dtype="float32")[labels] * 0.9 + (
        0.1 / tiny.CLASSES
    )


def one_gradient(supernet, arch, images, targets):
    """Loss, gradients and logits of a subnet, by the definition."""
    variables = [v.value for v in supernet.trainable_variables]
    with tf.GradientTape() as tape:
        logits = supernet(images, arch)
        loss = tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        )
    gradients = tape.gradient(
        loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return float(loss), gradients, logits


def reference_gradients(supernet, archs, images, targets):
    """Losses and the sum of the subnets' gradients, one after another."""
    losses, parts = [], []
    for number, arch in enumerate(archs):
        loss, gradients, logits = one_gradient(supernet, arch, images, targets)
        losses.append(loss)
        parts.append(gradients)
        if number == 0:
            targets = tf.nn.softmax(logits)
    return losses, [sum(each) for each in zip(*parts, strict=True)]


def assert_close(found, expected, atol=1e-5):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


# The sum over the subnets


def test_gradient_is_the_sum_of_the_subnets_gradients(supernet, archs):
    images, labels = tiny.make_batch()
    found, loss, _ = step_gradients(
        make_step(supernet), archs, images, labels, traced=True
    )
    losses, expected = reference_gradients(
        supernet, archs, images, smoothed(labels)
    )
    np.testing.assert_allclose(loss, losses, rtol=1e-5)
    assert_close(found, expected)


def test_supervised_subnets_learn_from_the_labels(supernet, archs):
    images, labels = tiny.make_batch()
    found, loss, _ = step_gradients(
        make_step(supernet, Supervised()), archs, images, labels
    )
    each = [
        one_gradient(supernet, arch, images, smoothed(labels)) for arch in archs
    ]
    np.testing.assert_allclose(loss, [one[0] for one in each], rtol=1e-5)
    parts = zip(*(one[1] for one in each), strict=True)
    assert_close(found, [sum(part) for part in parts])


def test_accuracy_is_that_of_each_subnet(supernet, archs):
    images, labels = tiny.make_batch(32)
    *_, accuracy = step_gradients(make_step(supernet), archs, images, labels)
    for value, arch in zip(accuracy, archs, strict=True):
        predicted = np.argmax(supernet(images, arch), axis=-1)
        assert value == pytest.approx(np.mean(predicted == labels))


def test_one_trace_serves_all_steps():
    supernet = tiny.make_supernet()
    step = make_step(supernet, optimizer=keras.optimizers.SGD(0.1))
    traces = []

    def count_and_step(*args):
        traces.append(1)
        return step(*args)

    run = in_graph(count_and_step)
    for number in range(3):
        archs = Sandwich().draw(supernet, seed=0, step=number)
        run(
            *map(tf.constant, tiny.make_batch()),
            tf.ones(BATCH // 2),
            {},
            tf.constant(archs),
            tf.constant(number),
        )
    assert len(traces) == 1


# Weight decay


@pytest.mark.slow
@pytest.mark.parametrize("decayed", ["kernels", "dense_kernels", "all"])
def test_weight_decay_is_added_once(supernet, archs, plain, decayed):
    images, labels = tiny.make_batch()
    step = make_step(supernet, weight_decay=0.5, decayed=decayed)
    found, *_ = step_gradients(step, archs, images, labels)
    for variable, decays, a, b in zip(
        step.variables,
        step.settings.decays(supernet, supernet.trainable_variables),
        plain,
        found,
        strict=True,
    ):
        expected = 0.5 * variable.numpy() if decays else 0 * a
        np.testing.assert_allclose(b - a, expected, atol=1e-5)


# Dropout


def test_dropout_is_for_the_first_subnet_only():
    supernet = tiny.make_supernet()
    images, labels = tiny.make_batch()
    space = supernet.space
    # The same architecture twice: without dropout both losses would be the
    # cross-entropy of equal logits.
    archs = np.stack([space.encode(space.largest)] * 2)
    step = make_step(supernet)
    _, loss, _ = step_gradients(step, archs, images, labels)
    [(name, masks)] = step._dropout_masks(BATCH, 0).items()
    assert set(np.unique(masks)) == {0.0, np.float32(1 / 0.8)}
    dropped = supernet(images, space.largest, dropout_masks={name: masks})
    whole = supernet(images, space.largest)
    expected = tf.nn.softmax_cross_entropy_with_logits(
        tf.nn.softmax(dropped), whole
    )
    assert loss[1] == pytest.approx(float(tf.reduce_mean(expected)), rel=1e-4)


def test_dropout_differs_between_steps_and_repeats_for_one():
    step = make_step(tiny.make_supernet(), seed=2**40)
    [first] = step._dropout_masks(64, 3).values()
    [again] = step._dropout_masks(64, 3).values()
    [other] = step._dropout_masks(64, 4).values()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# Parts of the batch


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts", [2, pytest.param(4, marks=pytest.mark.exhaustive)]
)
def test_accumulation_is_the_mean_of_the_parts(supernet, archs, parts):
    images, labels = tiny.make_batch()
    step = make_step(supernet, accumulation_steps=parts, weight_decay=0.1)
    found = step_gradients(step, archs, images, labels, traced=parts == 2)
    own = BATCH // parts
    alone = make_step(supernet, weight_decay=0.1)
    # Each part is normalized by itself.
    each = [
        step_gradients(alone, archs, images[i : i + own], labels[i : i + own])
        for i in range(0, BATCH, own)
    ]
    gradients = zip(*(one[0] for one in each), strict=True)
    assert_close(found[0], [np.mean(part, axis=0) for part in gradients])
    for place in (1, 2):
        mean = np.mean([one[place] for one in each], axis=0)
        np.testing.assert_allclose(found[place], mean, rtol=1e-4, atol=1e-6)


def test_with_fixed_statistics_parts_change_nothing(supernet, archs):
    images, labels = tiny.make_batch()
    statistics = {
        name: np.stack([np.zeros(n), np.ones(n)]).astype("float32")
        for name, n in supernet.normalizations.items()
    }
    whole, in_parts = (
        step_gradients(
            make_step(
                supernet,
                statistics=statistics,
                accumulation_steps=parts,
                mixup=0.2,
            ),
            archs,
            images,
            labels,
            np.array([0.1, 0.9, 0.5, 0.7], "float32"),
        )
        for parts in (1, 4)
    )
    assert_close(whole[0], in_parts[0])
    assert_close(whole[1:], in_parts[1:])


# Mixup


def test_mixup_equals_mixing_by_hand(supernet, archs):
    images, labels = tiny.make_batch()
    mixing = np.array([0.1, 0.9, 0.5, 0.7], "float32")
    found, loss, _ = step_gradients(
        make_step(supernet, mixup=0.2), archs, images, labels, mixing
    )
    share = np.repeat(mixing, 2)
    neighbor = np.arange(BATCH) ^ 1

    def mix(values):
        own = share.reshape(-1, *[1] * (values.ndim - 1))
        return own * values + (1 - own) * values[neighbor]

    losses, expected = reference_gradients(
        supernet, archs, mix(images), mix(smoothed(labels))
    )
    np.testing.assert_allclose(loss, losses, rtol=1e-5)
    assert_close(found, expected)


# Clipping


def clipped_changes(archs, **settings):
    """Of a supernet of its own, whose weights the step may change."""
    supernet = tiny.make_supernet(without_dropout())
    return changes(make_step(supernet, **settings), archs, *tiny.make_batch())


def test_clipping_by_norm(archs, plain):
    norm = np.sqrt(sum(np.sum(g**2) for g in plain))
    assert norm > 0.2
    clipped = clipped_changes(archs, clip_norm=0.1)
    assert_close(clipped, [g * (0.1 / norm) for g in plain], atol=1e-6)


def test_a_small_gradient_is_not_clipped(archs, plain):
    clipped = clipped_changes(archs, clip_norm=1e4, clip_value=1e4)
    assert_close(clipped, plain)


def test_clipping_by_value(archs, plain):
    assert max(np.abs(g).max() for g in plain) > 0.1
    clipped = clipped_changes(archs, clip_value=0.05)
    assert_close(clipped, [np.clip(g, -0.05, 0.05) for g in plain], atol=1e-6)


# The moving average


def test_bootstrapping_learns_from_the_averaged_weights(supernet, archs):
    images, labels = tiny.make_batch()
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    step = make_step(supernet, EnsembleBootstrapping(), optimizer)
    averaged = tiny.make_supernet(without_dropout())
    rng = np.random.default_rng(1)
    for average, variable in zip(
        optimizer._model_variables_moving_average,
        averaged.trainable_variables,
        strict=True,
    ):
        variable.assign(variable + rng.normal(0, 0.1, variable.shape))
        average.assign(variable)
    found, loss, _ = step_gradients(step, archs, images, labels)
    taught = [
        tf.nn.softmax(averaged(images, arch)) for arch in archs[[0, 2, 3]]
    ]
    targets = [smoothed(labels), sum(taught) / 3, taught[0], taught[0]]
    each = [
        one_gradient(supernet, arch, images, target)
        for arch, target in zip(archs, targets, strict=True)
    ]
    np.testing.assert_allclose(loss, [one[0] for one in each], rtol=1e-4)
    parts = zip(*(one[1] for one in each), strict=True)
    assert_close(found, [sum(part) for part in parts])


# Losses without a step


def test_losses_are_those_on_the_labels(supernet, archs):
    images, labels = tiny.make_batch()
    step = make_step(supernet)
    found = in_graph(step.losses)(
        tf.constant(images), tf.constant(labels), tf.constant(archs)
    )
    expected = [
        np.mean(
            keras.losses.sparse_categorical_crossentropy(
                labels, supernet(images, arch), from_logits=True
            )
        )
        for arch in archs
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# In a process of their own


@pytest.mark.exhaustive
def test_two_replicas_sum_what_each_computes_alone():
    # Two logical devices must be asked for before TensorFlow starts.
    script = pathlib.Path(__file__).with_name("two_replicas.py")
    run = forked.run(script)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "equal" in run.stdout


def test_drop_path_is_of_the_first_subnet_alone():
    supernet = tiny.make_supernet()
    paths = path_rates(supernet, 0.5, stages=1)
    # Linear in depth, to the full rate in the last of three blocks.
    assert path_rates(supernet, 0.6) == pytest.approx(
        {"stage1_block1": 0.2, "stage2_block1": 0.4, "stage2_block2": 0.6}
    )
    assert list(paths) == ["stage2_block1", "stage2_block2"]
    assert path_rates(supernet, 0.0) == {}
    task = SubnetTask(supernet, Sandwich(), InPlaceDistillation(), paths=paths)
    assert task.dropouts["stage2_block2"] == (0.5, 1)
    step = TensorFlowStep(task, keras.optimizers.SGD(), StepSettings())
    masks = step._dropout_masks(64, 3)
    assert set(np.unique(masks["stage2_block2"])) == {0.0, 2.0}
    others = task.masks({"masks": masks}, tf.constant(1))
    assert (others["stage2_block2"].numpy() == 1).all()
    images, _ = tiny.make_batch()
    space = supernet.space
    dropped = {n: tf.zeros((8, 1)) for n in ("stage2_block2",)}
    shallow = dataclasses.replace(space.largest, depth=(1, 1))
    # A block whose path is dropped is its shortcut, here the identity.
    np.testing.assert_allclose(
        supernet(images, space.largest, dropout_masks=dropped),
        supernet(images, shallow),
        atol=1e-5,
    )
