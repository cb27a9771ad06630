"""Tests of `selection/score_cache.py`, too."""

import contracts
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.calibration import calibrate
from keras_elastic.families import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.models import Supernet
from keras_elastic.selection import Scorer
from keras_elastic.selection.front import Score

SIZE = 8
CLASSES = 5
IMAGES = contracts.random_images(30, SIZE)
CALIBRATION = contracts.random_images(40, SIZE, seed=1)
LABELS = np.random.default_rng(0).integers(0, CLASSES, 30)


class Counting(EfficientNet):
    """A family that counts its plans: one for each trace of a subnet."""

    plans = 0

    def plan(self, genes, classes):
        Counting.plans += 1
        return super().plan(genes, classes)


@pytest.fixture(scope="module")
def supernet():
    family = Counting(
        name="counting",
        resolution=(8, 12),
        stem=(8, 16),
        stages=(
            Stage((8, 16), (1, 2), expand_ratio=(1,)),
            Stage((16, 24), (1, 2), (3, 5), (4, 6), strides=2),
        ),
        head=(24, 32),
        stem_strides=1,
    )
    supernet = Supernet(family, CLASSES)
    contracts.randomize(supernet)
    return supernet


def batches(sizes):
    ends = np.cumsum(sizes)
    for start, end in zip(ends - sizes, ends, strict=True):
        yield IMAGES[start:end], LABELS[start:end]


@pytest.fixture(scope="module")
def scorer(supernet):
    return Scorer(supernet, CALIBRATION, batches([7, 13, 10]))


@pytest.fixture(scope="module")
def archs(supernet):
    rng = np.random.default_rng(0)
    space = supernet.space
    return [space.smallest, space.largest, space.sample(rng)]


def judge(model, resolution):
    """Accuracy and loss of a child, by Keras and NumPy."""
    images = tf.image.resize(
        IMAGES, (resolution, resolution), "bicubic", antialias=True
    )
    images = tf.clip_by_value(images, 0, 255)
    logits = model.predict(images, verbose=0)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(LABELS)), LABELS]).mean()
    return np.mean(logits.argmax(axis=1) == LABELS), loss


@pytest.mark.parametrize("index", range(3))
def test_equals_the_extracted_and_calibrated_child(
    supernet, scorer, archs, index
):
    arch = archs[index]
    child = calibrate(supernet.child(arch), CALIBRATION)
    accuracy, loss = judge(child, arch.resolution)
    score = scorer(arch)
    assert score.accuracy == pytest.approx(accuracy, abs=1e-9)
    assert score.negative_loss == pytest.approx(-loss, rel=1e-4)


def test_equals_the_child_with_its_statistics(supernet, scorer, archs):
    arch = archs[1]
    child = supernet.child(arch, scorer.statistics(arch))
    accuracy, loss = judge(child, arch.resolution)
    assert scorer(arch).accuracy == pytest.approx(accuracy, abs=1e-9)
    assert scorer(arch).negative_loss == pytest.approx(-loss, rel=1e-4)


def test_scores_of_architectures_differ(scorer, archs):
    # Else the tests above would prove little.
    assert len({scorer(arch).negative_loss for arch in archs}) == 3


def test_one_trace_for_all_architectures(supernet):
    scorer = Scorer(supernet, CALIBRATION, batches([20, 10]))
    rng = np.random.default_rng(1)
    archs = {supernet.space.sample(rng) for _ in range(6)}
    before = Counting.plans
    for arch in archs:
        scorer(arch)
    # One to measure the statistics, one to score.
    assert Counting.plans - before == 2
    assert set(scorer.scores) == archs


def test_nothing_is_scored_twice(scorer, archs, monkeypatch):
    score = scorer(archs[0])
    monkeypatch.setattr(scorer, "_evaluate", None)
    assert scorer(archs[0]) == score
    assert scorer.scores[archs[0]] == score


@pytest.mark.parametrize("sizes", [[30], [1, 29]])
def test_every_image_counts_alike(scorer, archs, sizes):
    statistics = scorer.statistics(archs[0])
    score = scorer.evaluate(archs[0], statistics, batches(sizes))
    assert score.accuracy == pytest.approx(scorer(archs[0]).accuracy)
    assert score.negative_loss == pytest.approx(
        scorer(archs[0]).negative_loss, rel=1e-5
    )


def test_evaluates_other_images_without_keeping_the_score(scorer, archs):
    kept = scorer(archs[0])
    statistics = scorer.statistics(archs[0])
    logits = scorer.supernet(
        tf.cast(IMAGES[:4], "float32"), archs[0], statistics=statistics
    )
    wrong = (np.argmax(logits, axis=1) + 1) % CLASSES
    other = scorer.evaluate(archs[0], statistics, [(IMAGES[:4], wrong)])
    assert other.accuracy == 0
    assert scorer(archs[0]) == kept


def test_batches_may_be_read_once(supernet, archs):
    # A generator is exhausted after one pass.
    scorer = Scorer(supernet, CALIBRATION, batches([30]))
    first = scorer(archs[0])
    assert scorer(archs[1]).negative_loss != first.negative_loss


def test_no_evaluation_batches(supernet):
    with pytest.raises(ValueError, match="`evaluation_batches` must hold"):
        Scorer(supernet, CALIBRATION, [])


def test_no_calibration_images(supernet, archs):
    scorer = Scorer(supernet, CALIBRATION[:0], batches([30]))
    with pytest.raises(ValueError, match="at least one image"):
        scorer(archs[0])


def test_an_architecture_of_another_space(scorer, archs):
    wrong = archs[0].from_dict({**archs[0].to_dict(), "resolution": 9})
    with pytest.raises(ValueError, match="not in the space"):
        scorer(wrong)


def test_scores_compare_by_accuracy_then_by_loss():
    assert Score(0.6, -9.0) > Score(0.5, -1.0)
    assert Score(0.5, -1.0) > Score(0.5, -1.1)


def make_cached(supernet, path, images=IMAGES):
    return Scorer(supernet, CALIBRATION, [(images, LABELS)], cache=path)


@pytest.fixture
def cached(supernet, archs, tmp_path):
    """A file with the scores of two architectures."""
    path = tmp_path / "scores.jsonl"
    scorer = make_cached(supernet, path)
    return path, {arch: scorer(arch) for arch in archs[:2]}


def test_predictions_agree_with_the_score(scorer, archs):
    score = scorer(archs[0])
    assert scorer.predictions(archs[0]).shape == (30,)
    np.testing.assert_array_equal(scorer.labels, LABELS)
    assert scorer.correct(archs[0]).mean() == pytest.approx(score.accuracy)


@pytest.mark.slow
def test_a_cache_goes_on(supernet, archs, cached, monkeypatch):
    path, scores = cached
    again = make_cached(supernet, path)
    before = make_cached(supernet, None).predictions(archs[1])
    monkeypatch.setattr(again, "_evaluate", None)
    assert again.scores == scores
    np.testing.assert_array_equal(again.predictions(archs[1]), before)


@pytest.mark.slow
def test_a_line_that_was_cut_off_is_scored_again(supernet, archs, cached):
    path, scores = cached
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.warns(UserWarning, match="was cut off"):
        scorer = make_cached(supernet, path)
    assert list(scorer.scores) == archs[:1]
    assert scorer(archs[1]) == scores[archs[1]]
    assert path.read_text() == whole


def test_a_line_that_was_edited_is_named(supernet, cached):
    path, _ = cached
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace('"arch": [', '"arch": [9')
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="Line 2 of the score file"):
        make_cached(supernet, path)
    assert path.read_text().splitlines() == lines


def test_a_cache_of_other_images_is_refused(supernet, cached):
    path, _ = cached
    with pytest.raises(ValueError, match="'evaluation_images'. differ"):
        make_cached(supernet, path, IMAGES[::-1])


def test_evaluation_on_calibration_images_is_refused(supernet):
    with pytest.raises(ValueError, match="Received: 30 images"):
        Scorer(supernet, IMAGES, [(IMAGES, LABELS)])


class Values:
    """What replicas returned: a leaf, for TensorFlow."""

    def __init__(self, leaves):
        self.leaves = leaves


@pytest.mark.slow
def test_batches_are_spread_over_the_replicas(supernet, archs):
    class TwoReplicas:
        """A strategy whose replicas run one after another, here."""

        num_replicas_in_sync = 2

        class Context:
            def __init__(self, replica):
                self.replica_id_in_sync_group = replica

        def experimental_distribute_values_from_function(self, function):
            return [function(self.Context(i)) for i in range(2)]

        def run(self, function, args):
            parts, *rest = args
            results = [function(part, *rest) for part in parts]
            return tf.nest.map_structure(
                lambda *leaves: Values(leaves), *results
            )

        def experimental_local_results(self, leaf):
            return leaf.leaves

    alone = Scorer(supernet, CALIBRATION, [(IMAGES, LABELS)])
    pair = Scorer(
        supernet, CALIBRATION, [(IMAGES, LABELS)], strategy=TwoReplicas()
    )
    statistics = alone.statistics(archs[1])
    expected = alone.evaluate(archs[1], statistics, [(IMAGES, LABELS)])
    found = pair.evaluate(archs[1], statistics, [(IMAGES, LABELS)])
    assert found == pytest.approx(expected, rel=1e-5)
