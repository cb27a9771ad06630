import keras
import numpy as np
import pytest
from selection.searches import search_checks

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.predictor import AccuracyPredictor
from keras_elastic.selection.predictor import PredictedScore
from keras_elastic.selection.searches.coarse_to_fine import CoarseToFineSearch
from keras_elastic.selection.searches.evolution import EvolutionSearch
from keras_elastic.selection.searches.nsga2 import NSGA2Search
from keras_elastic.selection.searches.query_table import QueryTableSearch
from keras_elastic.selection.searches.random_search import RandomSearch
from keras_elastic.selection.searches.slimming import SlimmingSearch
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces.architecture import FIELDS

FAMILY = families.get("bignas")
SPACE = FAMILY.space


def samples(space=SPACE, count=300, seed=0):
    """Encoded architectures and what they score, as accuracies."""
    encoded = space.sample_encoded(np.random.default_rng(seed), count)
    score = search_checks.SmoothScore(space)
    accuracies = [score.value(space.decode(row)) / 20 for row in encoded]
    return encoded, np.array(accuracies)


@pytest.fixture(scope="module")
def predictor():
    predictor = AccuracyPredictor(SPACE)
    predictor.fit(*samples(), epochs=30)
    return predictor


def test_orders_architectures_that_it_has_not_seen(predictor):
    assert predictor.report.kendall > 0.7
    assert predictor.report.spearman > 0.85
    encoded, accuracies = samples(count=500, seed=1)
    predicted = predictor.predict(encoded)
    assert np.corrcoef(predicted, accuracies)[0, 1] > 0.85
    error = np.sqrt(np.mean((predicted - accuracies) ** 2))
    # Well below what the mean of all would be off.
    assert error < 0.5 * np.std(accuracies)


def test_the_report_is_on_a_fifth(predictor):
    assert predictor.report.trained == 240
    assert predictor.report.held_out == 60


def test_what_was_held_out_was_not_trained_on():
    encoded, accuracies = samples(count=50)
    noise = np.random.default_rng(3).normal(size=50)
    report = AccuracyPredictor(SPACE).fit(encoded, noise, epochs=100)
    # Noise can be learned by heart, and not foreseen.
    assert abs(report.kendall) < 0.6
    assert report.error > 0.5


@pytest.mark.parametrize("name", ["ofa_mobilenet_v3", "mobilenet_v1"])
def test_other_spaces(name):
    space = families.get(name).space
    report = AccuracyPredictor(space, units=100).fit(*samples(space), epochs=60)
    assert report.kendall > 0.4


def test_many_are_predicted_like_each(predictor):
    encoded, _ = samples(count=20, seed=2)
    each = [predictor(SPACE.decode(row)) for row in encoded]
    many = predictor.predict(encoded)
    np.testing.assert_allclose(many, each, rtol=1e-5)


@pytest.mark.slow
def test_a_seed_repeats_the_training():
    encoded, accuracies = samples(count=40)
    predictions = []
    for seed in (0, 0, 1):
        predictor = AccuracyPredictor(SPACE, units=16)
        predictor.fit(encoded, accuracies, epochs=3, seed=seed)
        predictions.append(predictor.predict(encoded))
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert (predictions[0] != predictions[2]).any()


def test_global_random_numbers_are_left_alone():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    AccuracyPredictor(SPACE, units=8).fit(*samples(count=20), epochs=1)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_architectures_or_encodings():
    encoded, accuracies = samples(count=40)
    archs = [SPACE.decode(row) for row in encoded]
    reports = [
        AccuracyPredictor(SPACE, units=16).fit(given, accuracies, epochs=2)
        for given in (encoded, archs)
    ]
    assert reports[0] == reports[1]


def test_the_units_of_accuracies_do_not_matter():
    encoded, accuracies = samples(count=100)
    reports = []
    for given in (accuracies, 1000 * accuracies - 7):
        predictor = AccuracyPredictor(SPACE, units=64)
        reports.append(predictor.fit(encoded, given, epochs=20))
    assert reports[0].kendall == pytest.approx(reports[1].kendall, abs=0.05)
    assert reports[1].error == pytest.approx(1000 * reports[0].error, rel=0.05)


# As the score of searches


SEARCHES = (
    RandomSearch(50),
    CoarseToFineSearch(mutants=10),
    EvolutionSearch(population=20, generations=4),
    NSGA2Search(population=20, generations=5),
    SlimmingSearch(fields=FIELDS),
    QueryTableSearch(),
)


@pytest.mark.parametrize("way", SEARCHES, ids=lambda s: type(s).__name__)
def test_is_a_score_for_every_search(way, predictor):
    score = PredictedScore(predictor)
    [selection] = way.search(FAMILY, 10, score, [Budget(flops=400e6)])
    assert selection.costs.flops <= 400e6
    assert selection.score == pytest.approx(score(selection.arch), rel=1e-5)


@pytest.mark.slow
def test_a_long_search_with_predictions_beats_a_short_one_without():
    budget = Budget(flops=350e6)
    measured = search_checks.SmoothScore(SPACE)
    encoded, accuracies = samples()
    predictor = AccuracyPredictor(SPACE)
    predictor.fit(encoded, accuracies, epochs=30)
    [selection] = EvolutionSearch(generations=30).search(
        FAMILY, 10, PredictedScore(predictor), [budget]
    )
    [random] = RandomSearch(len(encoded)).search(FAMILY, 10, measured, [budget])
    assert measured.value(selection.arch) > random.score + 0.5


# Files


def test_save_and_load(predictor, tmp_path):
    predictor.save(tmp_path / "predictor.keras")
    loaded = AccuracyPredictor.load(tmp_path / "predictor.keras", SPACE)
    encoded, _ = samples(count=20, seed=2)
    np.testing.assert_array_equal(
        loaded.predict(encoded), predictor.predict(encoded)
    )
    assert loaded.report == predictor.report
    assert loaded.units == predictor.units == 400


def test_load_for_another_space(predictor, tmp_path):
    predictor.save(tmp_path / "predictor.keras")
    other = families.get("attentivenas").space
    with pytest.raises(
        ValueError, match="of another space than 'attentivenas'"
    ):
        AccuracyPredictor.load(tmp_path / "predictor.keras", other)


def test_the_file_is_one_of_keras(predictor, tmp_path):
    predictor.save(tmp_path / "predictor.keras")
    network = keras.saving.load_model(tmp_path / "predictor.keras")
    encoded, _ = samples(count=20, seed=2)
    features = GeneTable(SPACE).one_hot(encoded)
    np.testing.assert_allclose(
        network.predict(features, verbose=0)[:, 0],
        predictor.predict(encoded),
        rtol=1e-5,
    )


def test_load_another_file(tmp_path):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    network.save(tmp_path / "other.keras")
    (tmp_path / "text.keras").write_text("no archive")
    for name in ("other.keras", "text.keras", "absent.keras"):
        with pytest.raises(ValueError, match=f"`path` must .*{name}"):
            AccuracyPredictor.load(tmp_path / name, SPACE)


def test_save_with_another_ending(predictor, tmp_path):
    with pytest.raises(ValueError, match="`path` must end in '.keras'"):
        predictor.save(tmp_path / "predictor.pkl")
    assert not list(tmp_path.iterdir())


def test_nothing_without_training(tmp_path):
    predictor = AccuracyPredictor(SPACE)
    assert predictor.report is None
    with pytest.raises(ValueError, match="Call `fit`"):
        predictor(SPACE.smallest)
    with pytest.raises(ValueError, match="Call `fit`"):
        predictor.save(tmp_path / "predictor.keras")


# Wrong samples


def test_too_few_samples():
    encoded, accuracies = samples(count=9)
    message = "at least 10 different architectures. Received: 9. Score more."
    with pytest.raises(ValueError, match=message):
        AccuracyPredictor(SPACE).fit(encoded, accuracies)
    with pytest.raises(ValueError, match="Received: 0"):
        AccuracyPredictor(SPACE).fit([], [])


def test_equal_architectures_count_once():
    encoded, _ = samples(count=5)
    with pytest.raises(ValueError, match="Received: 5"):
        AccuracyPredictor(SPACE).fit(np.tile(encoded, (9, 1)), np.arange(45))


def test_one_accuracy_for_each():
    encoded, accuracies = samples(count=20)
    message = "Received: 20 architectures and an array of shape"
    for wrong in (accuracies[1:], accuracies[:, None]):
        with pytest.raises(ValueError, match=message):
            AccuracyPredictor(SPACE).fit(encoded, wrong)


def test_accuracies_must_be_finite():
    encoded, accuracies = samples(count=20)
    accuracies[3] = np.nan
    with pytest.raises(ValueError, match="Received: 1 values that are not"):
        AccuracyPredictor(SPACE).fit(encoded, accuracies)


def test_accuracies_must_differ():
    encoded, _ = samples(count=20)
    with pytest.raises(ValueError, match="Received: all are 0.5"):
        AccuracyPredictor(SPACE).fit(encoded, [0.5] * 20)


def test_architectures_of_another_space():
    arch = families.get("mobilenet_v1").space.smallest
    with pytest.raises(ValueError, match="is of another family"):
        AccuracyPredictor(SPACE).fit([arch] * 10, range(10))


@pytest.mark.parametrize("name, value", [("epochs", 0), ("units", 0)])
def test_wrong_arguments(name, value):
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        if name == "units":
            AccuracyPredictor(SPACE, units=value)
        AccuracyPredictor(SPACE).fit(*samples(count=20), epochs=value)
