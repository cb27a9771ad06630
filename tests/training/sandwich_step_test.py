import dataclasses
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny

from keras_elastic.training import Sandwich
from keras_elastic.training.sandwich_step import SandwichStep


def make_step(supernet, weight_decay=0.0, label_smoothing=0.1):
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(supernet.trainable_variables)
    return SandwichStep(
        supernet, optimizer, label_smoothing, weight_decay, seed=0
    )


def step_gradients(step, archs, images, labels):
    function = tf.function(step.gradients)
    gradients, loss, accuracy = function(
        images, labels, tf.constant(archs), tf.constant(0)
    )
    return [g.numpy() for g in gradients], loss.numpy(), accuracy.numpy()


def without_dropout():
    return dataclasses.replace(tiny.FAMILY, dropout=0.0)


def reference_gradients(supernet, archs, images, labels):
    """Gradients of each subnet, by the definition, one after another."""
    targets = tf.one_hot(labels, tiny.CLASSES) * 0.9 + 0.1 / tiny.CLASSES
    variables = [v.value for v in supernet.trainable_variables]
    gradients, losses = [], []
    for number, arch in enumerate(archs):
        with tf.GradientTape() as tape:
            logits = supernet(images, arch)
            loss = tf.reduce_mean(
                tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            )
        gradients.append(
            tape.gradient(
                loss,
                variables,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
        )
        losses.append(float(loss))
        if number == 0:
            targets = tf.nn.softmax(logits)
    return gradients, losses


def test_gradient_is_the_sum_of_the_subnets_gradients():
    supernet = tiny.make_supernet(without_dropout())
    images, labels = tiny.make_batch()
    archs = Sandwich().draw(supernet.space, seed=0, step=0)
    found, loss, _ = step_gradients(make_step(supernet), archs, images, labels)
    parts, losses = reference_gradients(supernet, archs, images, labels)
    np.testing.assert_allclose(loss, losses, rtol=1e-5)
    for gradient, *each in zip(found, *parts, strict=True):
        np.testing.assert_allclose(gradient, sum(each), atol=1e-5)


def test_weight_decay_is_added_once_and_to_kernels_only():
    supernet = tiny.make_supernet(without_dropout())
    images, labels = tiny.make_batch()
    archs = Sandwich().draw(supernet.space, seed=0, step=0)
    plain, *_ = step_gradients(make_step(supernet), archs, images, labels)
    decayed, *_ = step_gradients(
        make_step(supernet, weight_decay=0.5), archs, images, labels
    )
    for variable, a, b in zip(
        supernet.trainable_variables, plain, decayed, strict=True
    ):
        is_kernel = len(variable.shape) > 1
        expected = 0.5 * variable.numpy() if is_kernel else 0 * a
        np.testing.assert_allclose(b - a, expected, atol=1e-5)


def test_dropout_is_for_the_first_subnet_only():
    supernet = tiny.make_supernet()
    images, labels = tiny.make_batch()
    space = supernet.space
    # The same architecture twice: without dropout both losses would be the
    # cross-entropy of equal logits.
    archs = np.stack([space.encode(space.largest)] * 2)
    _, loss, _ = step_gradients(make_step(supernet), archs, images, labels)
    [masks] = make_step(supernet)._dropout_masks(8, 1, 0).values()
    assert set(np.unique(masks)) == {0.0, np.float32(1 / 0.8)}
    name = next(iter(supernet.dropouts))
    dropped = supernet(images, space.largest, dropout_masks={name: masks})
    whole = supernet(images, space.largest)
    expected = tf.nn.softmax_cross_entropy_with_logits(
        tf.nn.softmax(dropped), whole
    )
    assert loss[1] == pytest.approx(float(tf.reduce_mean(expected)), rel=1e-4)


def test_dropout_differs_between_steps_and_repeats_for_one():
    step = make_step(tiny.make_supernet())
    [first] = step._dropout_masks(64, 1, 3).values()
    [again] = step._dropout_masks(64, 1, 3).values()
    [other] = step._dropout_masks(64, 1, 4).values()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_accuracy_is_that_of_each_subnet():
    supernet = tiny.make_supernet(without_dropout())
    images, labels = tiny.make_batch(32)
    archs = Sandwich().draw(supernet.space, seed=0, step=0)
    *_, accuracy = step_gradients(make_step(supernet), archs, images, labels)
    for value, arch in zip(accuracy, archs, strict=True):
        predicted = np.argmax(supernet(images, arch), axis=-1)
        assert value == pytest.approx(np.mean(predicted == labels))


def test_one_trace_serves_all_steps():
    supernet = tiny.make_supernet()
    step = make_step(supernet)
    traces = []

    @tf.function
    def run(images, labels, archs, number):
        traces.append(1)
        return step(images, labels, archs, number)

    for number in range(3):
        archs = Sandwich().draw(supernet.space, seed=0, step=number)
        run(*tiny.make_batch(), tf.constant(archs), tf.constant(number))
    assert len(traces) == 1


@pytest.mark.slow
def test_two_replicas_sum_what_each_computes_alone():
    # Two logical devices must be asked for before TensorFlow starts.
    script = pathlib.Path(__file__).with_name("two_replicas.py")
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "equal" in run.stdout
