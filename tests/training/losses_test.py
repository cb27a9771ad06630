import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from keras_elastic.training import losses
from keras_elastic.training.objectives import DIVERGENCES


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


# Adaptive alpha-divergence


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def divergence(alpha, teacher, student, clip):
    """The definition, with the clipped ratio, in float64."""
    log_p, log_q = log_softmax(teacher), log_softmax(student)
    if alpha == 1:
        return (np.exp(log_p) * (log_p - log_q)).sum(-1)
    ratio = np.exp(np.minimum(alpha * (log_p - log_q), np.log(clip)))
    return (np.exp(log_q) * (ratio - 1)).sum(-1) / (alpha * (alpha - 1))


def surrogate(alpha, teacher, student, clip):
    """What is differentiated, with the student's log q left to a tape."""
    log_p, log_q = log_softmax(teacher), log_softmax(student.numpy())
    log_student = tf.nn.log_softmax(student)
    if alpha == 1:
        return -tf.reduce_sum(np.exp(log_p) * log_student, -1)
    ratio = np.minimum(np.exp(alpha * (log_p - log_q)), clip)
    return -tf.reduce_sum(np.exp(log_q) * ratio * log_student, -1) / alpha


def gradient(function, variable):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(function(variable))
    return tape.gradient(loss, variable).numpy()


LOGITS = hypothesis.extra.numpy.arrays(
    "float64", (4, 5), elements=st.floats(-6, 6, width=32)
)


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(LOGITS, LOGITS)
def test_value_is_the_larger_of_both_divergences(teacher, student):
    found = losses.AdaptiveAlphaDivergence()(
        teacher.astype("float32"), student.astype("float32")
    )
    both = [divergence(alpha, teacher, student, 5.0) for alpha in (-1, 1)]
    np.testing.assert_allclose(found, np.maximum(*both), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("alpha", [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("clip", [1.5, 5.0, 1e6])
def test_value_and_gradient_of_one_alpha(alpha, clip):
    loss = losses.AdaptiveAlphaDivergence(alpha, alpha, clip)
    teacher = (2 * random_logits(0)).astype("float64")
    student = tf.Variable((2 * random_logits(1)).astype("float64"))
    value = loss(teacher, student)
    expected = divergence(alpha, teacher, student.numpy(), clip)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        gradient(lambda s: loss(teacher, s), student),
        gradient(lambda s: surrogate(alpha, teacher, s, clip), student),
        rtol=1e-5,
        atol=1e-6,
    )


def test_unclipped_gradient_is_that_of_the_divergence():
    # The surrogate is made such that only clipping changes the gradient.
    teacher, student = random_logits(0), tf.Variable(random_logits(1))
    log_p = tf.nn.log_softmax(teacher)

    def definition(student):
        log_q = tf.nn.log_softmax(student)
        return tf.reduce_sum(tf.exp(2 * log_q - log_p), -1) / 2

    loss = losses.AdaptiveAlphaDivergence(-1.0, -1.0, clip=1e9)
    np.testing.assert_allclose(
        gradient(lambda s: loss(teacher, s), student),
        gradient(definition, student),
        rtol=1e-4,
        atol=1e-5,
    )


def test_gradient_of_the_larger_divergence_is_chosen_image_by_image():
    teacher, student = 3 * random_logits(0), tf.Variable(3 * random_logits(1))
    both = [divergence(a, teacher, student.numpy(), 5.0) for a in (-1, 1)]
    first = both[0] > both[1]
    assert first.any() and not first.all()
    slopes = [
        gradient(lambda s, a=a: surrogate(a, teacher, s, 5.0), student)
        for a in (-1, 1)
    ]
    found = gradient(
        lambda s: losses.AdaptiveAlphaDivergence()(teacher, s), student
    )
    np.testing.assert_allclose(
        found, np.where(first[:, None], *slopes), rtol=1e-4, atol=1e-5
    )


def test_equal_distributions_do_not_diverge():
    logits = tf.Variable(random_logits(0))
    loss = losses.AdaptiveAlphaDivergence()
    np.testing.assert_allclose(loss(logits + 3.0, logits), 0, atol=1e-6)
    found = gradient(lambda s: loss(tf.stop_gradient(s), s), logits)
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("divergence", list(DIVERGENCES.values()))
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (0, 1), (1, 0)])
def test_extreme_logits_stay_finite(divergence, signs):
    extremes = 1e4 * np.sign(random_logits(0))
    teacher, student = (sign * extremes for sign in signs)
    student = tf.Variable(student)
    assert np.isfinite(divergence(teacher, student)).all()
    found = gradient(lambda s: divergence(teacher, s), student)
    assert np.isfinite(found).all()
    # At most the clip, times one of probability.
    assert np.abs(found).max() <= 5


@pytest.mark.parametrize("divergence", list(DIVERGENCES.values()))
def test_no_gradient_reaches_the_teacher_of_a_divergence(divergence):
    teacher, student = (tf.Variable(random_logits(seed)) for seed in (0, 1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(divergence(teacher, student))
    to_teacher, to_student = tape.gradient(loss, [teacher, student])
    assert to_teacher is None
    assert np.any(to_student)


def test_cross_entropy_of_logits_is_that_of_their_probabilities():
    teacher, student = random_logits(0), random_logits(1)
    np.testing.assert_allclose(
        losses.SoftCrossEntropy()(teacher, student),
        losses.soft_cross_entropy(softmax(teacher), student),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "arguments",
    [(0.0, 1.0), (-1.0, 0.0), (1.0, -1.0), (-1.0, 1.0, 0.0), (-1.0, 1.0, -5.0)],
)
def test_wrong_alphas_and_clips_are_refused(arguments):
    with pytest.raises(ValueError, match="`(alpha_min|clip)` must"):
        losses.AdaptiveAlphaDivergence(*arguments)
