import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.training import AdaptiveAlphaDivergence
from keras_elastic.training import EnsembleBootstrapping
from keras_elastic.training import InPlaceDistillation
from keras_elastic.training import SoftCrossEntropy
from keras_elastic.training import Supervised
from keras_elastic.training.objectives import OBJECTIVES

SUBNETS, BATCH, CLASSES = 4, 5, 3
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (BATCH, 2, 2, 3)).astype("float32")
LOGITS = RNG.normal(0, 2, (SUBNETS, BATCH, CLASSES)).astype("float32")
TARGETS = RNG.dirichlet([1] * CLASSES, BATCH).astype("float32")
AVERAGES = RNG.normal(0, 2, (SUBNETS, BATCH, CLASSES)).astype("float32")
# The encodings stand for their places only.
ARCHS = np.arange(SUBNETS, dtype="int32")[:, None]


def softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def cross_entropy(targets, logits):
    return -(targets * np.log(softmax(logits))).sum(-1)


def teacher(images):
    """Logits that depend on the images."""
    return tf.reduce_sum(images, axis=1)[:, 0] / 100.0


def average(archs):
    """Logits of the averaged weights, of the wanted architectures."""
    return tf.gather(AVERAGES, archs[:, 0])


def refuse(archs):
    raise AssertionError("The average is not needed.")


def run(objective, average=refuse, learners=range(SUBNETS)):
    """Losses of the subnets, one after another, as a step runs them."""
    lessons = objective.begin(IMAGES, TARGETS, ARCHS, average)
    losses = []
    for index in learners:
        losses.append(objective.loss(lessons, index, LOGITS[index]).numpy())
        lessons = objective.learn(lessons, index, LOGITS[index])
    return np.array(losses)


# Supervised


def test_supervised_learns_from_the_labels():
    expected = [cross_entropy(TARGETS, logits) for logits in LOGITS]
    np.testing.assert_allclose(run(Supervised()), expected, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_supervised_learns_from_a_teacher_too(weight):
    objective = Supervised(teacher=teacher, teacher_weight=weight)
    taught = softmax(teacher(IMAGES).numpy())
    expected = [
        cross_entropy(TARGETS, logits) + weight * cross_entropy(taught, logits)
        for logits in LOGITS
    ]
    np.testing.assert_allclose(run(objective), expected, rtol=1e-5)


def test_soft_labels_alone():
    objective = Supervised(teacher=teacher, label_weight=0.0)
    taught = softmax(teacher(IMAGES).numpy())
    expected = [cross_entropy(taught, logits) for logits in LOGITS]
    np.testing.assert_allclose(run(objective), expected, rtol=1e-5)
    assert objective.chance(CLASSES) == pytest.approx(np.log(CLASSES))
    with pytest.raises(ValueError, match="`label_weight` must be positive"):
        Supervised(label_weight=0.0)
    with pytest.raises(ValueError, match="`label_weight` must be a number of"):
        Supervised(label_weight=-1.0)


def test_labels_may_weigh_less():
    expected = [0.5 * cross_entropy(TARGETS, logits) for logits in LOGITS]
    losses = run(Supervised(label_weight=0.5))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


# Prioritized distillation


def test_students_learn_from_the_best_before_them_image_by_image():
    losses = np.stack([cross_entropy(TARGETS, logits) for logits in LOGITS])
    expected = [losses[0]]
    for index in range(1, SUBNETS):
        best = losses[:index].argmin(axis=0)
        taught = softmax(LOGITS[best, np.arange(BATCH)])
        expected.append(cross_entropy(taught, LOGITS[index]))
    found = run(OBJECTIVES["prioritized_distillation"]())
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # Who teaches differs from image to image.
    assert len(set(losses[:3].argmin(axis=0))) > 1


def test_no_gradient_reaches_the_best():
    objective = OBJECTIVES["prioritized_distillation"]()
    logits = tf.constant(LOGITS[0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        lessons = objective.begin(IMAGES, TARGETS, ARCHS, refuse)
        lessons = objective.learn(lessons, 0, logits)
        loss = tf.reduce_sum(objective.loss(lessons, 1, LOGITS[1]))
    assert tape.gradient(loss, logits) is None


# In-place distillation


def test_the_first_teaches_the_others():
    first = softmax(LOGITS[0])
    expected = [
        cross_entropy(TARGETS, LOGITS[0]),
        *(cross_entropy(first, logits) for logits in LOGITS[1:]),
    ]
    np.testing.assert_allclose(run(InPlaceDistillation()), expected, rtol=1e-5)


def test_a_teacher_teaches_the_first_only():
    objective = InPlaceDistillation(teacher=teacher, teacher_weight=0.5)
    taught = cross_entropy(softmax(teacher(IMAGES).numpy()), LOGITS[0])
    plain = run(InPlaceDistillation())
    found = run(objective)
    np.testing.assert_allclose(found[0], plain[0] + 0.5 * taught, rtol=1e-5)
    np.testing.assert_allclose(found[1:], plain[1:], rtol=1e-6)


def test_the_divergence_is_that_of_the_others():
    objective = InPlaceDistillation(divergence="alpha")
    divergence = AdaptiveAlphaDivergence()
    expected = [
        cross_entropy(TARGETS, LOGITS[0]),
        *(divergence(LOGITS[0], logits) for logits in LOGITS[1:]),
    ]
    np.testing.assert_allclose(run(objective), expected, rtol=1e-4)


def test_no_gradient_reaches_the_first_from_the_others():
    objective = InPlaceDistillation()
    first, second = tf.Variable(LOGITS[0]), tf.Variable(LOGITS[1])
    lessons = objective.begin(IMAGES, TARGETS, ARCHS, refuse)
    with tf.GradientTape() as tape:
        lessons = objective.learn(lessons, 0, first)
        loss = tf.reduce_sum(objective.loss(lessons, 1, second))
    to_first, to_second = tape.gradient(loss, [first, second])
    assert to_first is None
    np.testing.assert_allclose(
        to_second, softmax(LOGITS[1]) - softmax(LOGITS[0]), atol=1e-5
    )


# Ensemble bootstrapping


def test_the_smallest_learns_from_the_ensemble():
    found = run(EnsembleBootstrapping(), average)
    probabilities = softmax(AVERAGES)
    ensemble = probabilities[[0, 2, 3]].mean(axis=0)
    expected = [
        cross_entropy(TARGETS, LOGITS[0]),
        cross_entropy(ensemble, LOGITS[1]),
        cross_entropy(probabilities[0], LOGITS[2]),
        cross_entropy(probabilities[0], LOGITS[3]),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_without_an_ensemble_all_learn_from_the_averaged_largest():
    found = run(EnsembleBootstrapping(ensemble=False), average)
    largest = softmax(AVERAGES[0])
    expected = [
        cross_entropy(TARGETS, LOGITS[0]),
        *(cross_entropy(largest, logits) for logits in LOGITS[1:]),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_bootstrapping_does_not_depend_on_the_order():
    # Nobody learns from what the step itself computed.
    forth = run(EnsembleBootstrapping(), average)
    back = run(EnsembleBootstrapping(), average, range(SUBNETS)[::-1])
    np.testing.assert_array_equal(forth, back[::-1])


@pytest.mark.parametrize("scale", [1e4, 1e-30])
def test_bootstrapping_by_extreme_averages_is_finite(scale):
    objective = EnsembleBootstrapping(divergence="alpha")
    found = run(objective, lambda archs: scale * average(archs))
    assert np.isfinite(found).all()


# Temperature


def test_what_is_taught_is_softened():
    plain = run(InPlaceDistillation())
    found = run(InPlaceDistillation(temperature=4.0))
    first = softmax(LOGITS[0] / 4)
    # The labels are not.
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-6)
    for place in range(1, SUBNETS):
        softened = 16 * cross_entropy(first, LOGITS[place] / 4)
        np.testing.assert_allclose(found[place], softened, rtol=1e-5)


def test_a_teacher_is_softened():
    objective = Supervised(teacher=teacher, temperature=2.0, teacher_weight=0.5)
    taught = softmax(teacher(IMAGES).numpy() / 2)
    expected = cross_entropy(TARGETS, LOGITS[0]) + 0.5 * 4 * cross_entropy(
        taught, LOGITS[0] / 2
    )
    np.testing.assert_allclose(run(objective)[0], expected, rtol=1e-5)
    assert objective.chance(CLASSES) == pytest.approx(3 * np.log(CLASSES))


def test_an_ensemble_is_the_mean_of_softened_probabilities():
    found = run(EnsembleBootstrapping(temperature=4.0), average)
    probabilities = softmax(AVERAGES / 4)
    ensemble = probabilities[[0, 2, 3]].mean(axis=0)
    for place, taught in ((1, ensemble), (2, probabilities[0])):
        expected = 16 * cross_entropy(taught, LOGITS[place] / 4)
        np.testing.assert_allclose(found[place], expected, rtol=1e-4)


# All


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_place_may_be_a_tensor(name):
    objective = OBJECTIVES[name]()
    lessons = objective.begin(IMAGES, TARGETS, ARCHS, average)

    @tf.function(autograph=False)
    def loss(index, logits):
        return objective.loss(lessons, index, logits)

    for index, logits in enumerate(LOGITS):
        np.testing.assert_allclose(
            loss(tf.constant(index), logits),
            objective.loss(lessons, index, logits),
            rtol=1e-5,
        )
    assert loss.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_lessons_keep_their_shapes(name):
    # A loop in a graph carries them from subnet to subnet.
    objective = OBJECTIVES[name](teacher=teacher)
    before = objective.begin(IMAGES, TARGETS, ARCHS, average)
    after = objective.learn(before, 0, tf.constant(LOGITS[0]))
    assert {k: (v.shape, v.dtype) for k, v in before.items()} == {
        k: (v.shape, v.dtype) for k, v in after.items()
    }


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_gradient_reaches_a_teacher(name):
    weight = tf.Variable(1.0)
    objective = OBJECTIVES[name](teacher=lambda x: weight * teacher(x))
    with tf.GradientTape() as tape:
        lessons = objective.begin(IMAGES, TARGETS, ARCHS, average)
        loss = tf.reduce_sum(objective.loss(lessons, 0, LOGITS[0]))
    assert tape.gradient(loss, weight) is None


def test_half_precision_teachers_are_cast():
    objective = Supervised(teacher=lambda x: tf.cast(teacher(x), "bfloat16"))
    lessons = objective.begin(IMAGES, TARGETS, ARCHS, refuse)
    assert lessons["teacher"].dtype == "float32"


def test_names_of_divergences():
    assert Supervised().divergence == SoftCrossEntropy()
    assert Supervised(divergence="alpha").divergence == (
        AdaptiveAlphaDivergence()
    )
    own = AdaptiveAlphaDivergence(clip=2.0)
    assert Supervised(divergence=own).divergence is own


def test_only_bootstrapping_needs_the_average():
    assert [objective.needs_average for objective in OBJECTIVES.values()] == [
        objective is EnsembleBootstrapping for objective in OBJECTIVES.values()
    ]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_wrong_arguments_are_refused(name):
    with pytest.raises(ValueError, match=r"`divergence`.*'kl', 'alpha'.*'js'"):
        OBJECTIVES[name](divergence="js")
    with pytest.raises(ValueError, match="`teacher_weight`.*-1"):
        OBJECTIVES[name](teacher_weight=-1)
    for wrong in (0, -1, np.inf, "hot"):
        with pytest.raises(ValueError, match="`temperature`"):
            OBJECTIVES[name](temperature=wrong)


def test_averaged_probabilities_come_back():
    # The logarithm that the lessons hold is cut at Keras's epsilon.
    lessons = EnsembleBootstrapping().begin(IMAGES, TARGETS, ARCHS, average)
    np.testing.assert_allclose(
        keras.ops.softmax(lessons["largest"]), softmax(AVERAGES[0]), atol=1e-5
    )
