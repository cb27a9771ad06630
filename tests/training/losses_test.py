import numpy as np
import tensorflow as tf

from keras_elastic.training import losses


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def random_logits(seed):
    return np.random.default_rng(seed).normal(size=(5, 7)).astype("float32")


def test_soft_cross_entropy_sums_over_classes():
    targets, logits = softmax(random_logits(0)), random_logits(1)
    expected = -(targets * np.log(softmax(logits))).sum(axis=-1)
    loss = losses.soft_cross_entropy(targets, logits)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_gradient_is_the_difference_of_probabilities():
    targets, logits = softmax(random_logits(0)), tf.Variable(random_logits(1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(losses.soft_cross_entropy(targets, logits))
    expected = (softmax(logits.numpy()) - targets) / len(targets)
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, atol=1e-6)


def test_no_gradient_reaches_the_teacher():
    teacher, student = tf.Variable(random_logits(0)), random_logits(1)
    with tf.GradientTape() as tape:
        loss = losses.soft_cross_entropy(tf.nn.softmax(teacher), student)
    assert tape.gradient(loss, teacher) is None


def test_labels_are_smoothed():
    smooth = losses.smooth_labels(np.array([2]), classes=4, smoothing=0.1)
    np.testing.assert_allclose(smooth, [[0.025, 0.025, 0.925, 0.025]])
