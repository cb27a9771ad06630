import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.containment import contains
from keras_elastic.selection.flips import negative_flip_rate
from keras_elastic.selection.searches.evolution import EvolutionSearch
from keras_elastic.selection.searches.regression_free import (
    RegressionFreeSearch,
)
from keras_elastic.selection.searches.regression_free import Reward
from keras_elastic.selection.searches.regression_free import reward

FAMILY = families.get("bignas_digits")
SPACE = FAMILY.space
CLASSES = 10
IMAGES = 400
BUDGETS = [Budget(flops=400e3), Budget(flops=800e3), Budget(flops=1600e3)]
SHORT = EvolutionSearch(population=20, generations=4)


class Predictions:
    """Networks of which larger ones are right more often, each in its way.

    An image is right where its ease and the network's strength, together with
    a leaning that the genes have towards it, are enough. Networks with like
    genes are right and wrong on like images.
    """

    def __init__(self):
        rng = np.random.default_rng(0)
        genes = len(SPACE.genes)
        self.leaning = rng.normal(size=(genes, IMAGES)) * 0.5
        self.ease = rng.normal(size=IMAGES)
        self.asked = []

    def __call__(self, arch):
        self.asked.append(arch)
        return self.of(arch)

    def of(self, arch):
        encoded = SPACE.encode(arch)
        least, most = SPACE.encode(SPACE.smallest), SPACE.encode(SPACE.largest)
        shares = (encoded - least) / np.maximum(most - least, 1)
        centered = shares - shares.mean()
        strength = 0.15 * shares.sum() - 0.5
        return self.ease + strength + centered @ self.leaning > 0


def search(predictions=None, budgets=BUDGETS, **arguments):
    arguments.setdefault("inner", SHORT)
    way = RegressionFreeSearch(**arguments)
    predictions = predictions or Predictions()
    return way.search(FAMILY, CLASSES, predictions, budgets)


def mean_flips(selections, predictions):
    """Mean negative flip rate from every model to every later one."""
    correct = [predictions.of(selection.arch) for selection in selections]
    return np.mean(
        [
            negative_flip_rate(correct[i], correct[j])
            for j in range(len(correct))
            for i in range(j)
        ]
    )


# Rewards

rates = st.floats(0, 1)
weights = st.floats(0, 100)


@hypothesis.given(rates, rates, weights, weights)
def test_rewards(accuracy, flips, lambda1, lambda2):
    arguments = (accuracy, flips, lambda1, lambda2)
    assert reward("R0", *arguments) == accuracy
    assert reward("R1", *arguments) == -flips
    expected = lambda1 * accuracy - lambda2 * flips
    assert reward("R2", *arguments) == pytest.approx(expected)


@hypothesis.given(rates, rates)
def test_r2_without_flips_is_r0(accuracy, flips):
    without = reward("R2", accuracy, flips, lambda2=0)
    assert without == reward("R0", accuracy, flips)


def test_an_unknown_reward():
    with pytest.raises(ValueError, match="`kind` must be one of"):
        reward("R3", 0.5, 0.1)
    with pytest.raises(ValueError, match="Received: kind='r2'"):
        RegressionFreeSearch(kind="r2")


@pytest.mark.parametrize("name", ["lambda1", "lambda2"])
def test_negative_weights(name):
    with pytest.raises(ValueError, match=f"{name}=-1"):
        RegressionFreeSearch(**{name: -1})


# Search


def test_scores_are_rewards():
    predictions = Predictions()
    selections = search(predictions, lambda1=1, lambda2=3)
    correct = [predictions.of(selection.arch) for selection in selections]
    assert selections[0].score == Reward(
        correct[0].mean(), correct[0].mean(), 0.0
    )
    for number, selection in enumerate(selections[1:], start=1):
        flips = np.mean(
            [
                negative_flip_rate(before, correct[number])
                for before in correct[:number]
            ]
        )
        accuracy = correct[number].mean()
        expected = (accuracy - 3 * flips, accuracy, flips)
        assert selection.score == pytest.approx(expected)


def test_each_fits_its_budget_and_contains_the_one_before():
    selections = search()
    for selection, budget in zip(selections, BUDGETS, strict=True):
        assert selection.costs.flops <= budget.flops
    assert is_chain(selections)


def test_all_contain_the_reference():
    reference = dataclasses.replace(
        SPACE.smallest, kernel_size=tuple(c[-1] for c in SPACE.kernel_size)
    )
    predictions = Predictions()
    selections = search(predictions, reference=reference)
    smaller = FAMILY.plan(reference, CLASSES)
    for selection in selections:
        assert contains(FAMILY.plan(selection.arch, CLASSES), smaller)
    flips = negative_flip_rate(
        predictions.of(reference), predictions.of(selections[0].arch)
    )
    assert selections[0].score.negative_flips == pytest.approx(flips)


def is_chain(selections):
    plans = [FAMILY.plan(selection.arch, CLASSES) for selection in selections]
    pairs = zip(plans, plans[1:], strict=False)
    return all(contains(larger, smaller) for smaller, larger in pairs)


@pytest.mark.exhaustive
def test_unconstrained_search_need_not_contain():
    chains = []
    for seed in range(6):
        inner = dataclasses.replace(SHORT, seed=seed)
        unconstrained = search(constrained=False, inner=inner)
        chains.append(is_chain(unconstrained))
        assert is_chain(search(inner=inner))
    assert not all(chains)


@pytest.mark.slow
def test_fewer_flips_than_by_accuracy_alone():
    by_accuracy, by_reward, constrained = [], [], []
    for seed in range(3):
        predictions = Predictions()
        inner = dataclasses.replace(SHORT, seed=seed)
        by_accuracy.append(
            mean_flips(
                search(
                    predictions,
                    kind="R0",
                    constrained=False,
                    inner=inner,
                ),
                predictions,
            )
        )
        by_reward.append(
            mean_flips(
                search(predictions, constrained=False, inner=inner),
                predictions,
            )
        )
        constrained.append(
            mean_flips(search(predictions, inner=inner), predictions)
        )
    assert np.mean(by_reward) < np.mean(by_accuracy)
    assert np.mean(constrained) < np.mean(by_accuracy)


def test_nothing_is_asked_twice():
    predictions = Predictions()
    search(predictions)
    assert len(set(predictions.asked)) == len(predictions.asked) > 100


def test_a_seed_repeats_the_search():
    assert search() == search()


@pytest.mark.parametrize(
    "budgets, message",
    [
        ([Budget(flops=1)], "No architecture of"),
        ([Budget(flops=4e5), Budget(flops=1)], "No architecture of"),
        (BUDGETS[::-1], "'flops <= 800e3' after 'flops <= 1.6e6'"),
        ([Budget(), Budget(flops=1e6)], "after 'no limit'"),
        ([Budget(flops=4e5), Budget(params=1e5)], "from the tightest"),
        ([Budget(resolution=8), Budget(resolution=10)], "after 'resolution"),
    ],
)
def test_wrong_budgets_score_nothing(budgets, message):
    predictions = Predictions()
    with pytest.raises(ValueError, match=message):
        search(predictions, budgets)
    assert predictions.asked == []


def test_budgets_may_become_looser_in_any_bound():
    budgets = [
        Budget(flops=5e5, resolution=8),
        Budget(flops=5e5),
        Budget(flops=9e5, params=None),
        Budget(),
    ]
    assert len(search(budgets=budgets)) == 4


def test_a_budget_below_the_reference():
    predictions = Predictions()
    with pytest.raises(ValueError, match="need flops from"):
        search(predictions, reference=SPACE.largest)
    assert predictions.asked == []


def test_a_deployed_model_of_any_kind_is_a_reference():
    predictions = Predictions()
    deployed = predictions.ease > 0
    selections = search(predictions, deployed=deployed, lambda2=2)
    correct = [predictions.of(selection.arch) for selection in selections]
    flips = negative_flip_rate(deployed, correct[0])
    accuracy = correct[0].mean()
    assert selections[0].score == pytest.approx(
        (accuracy - 2 * flips, accuracy, flips)
    )
    both = [negative_flip_rate(one, correct[1]) for one in correct[:1]]
    both.append(negative_flip_rate(deployed, correct[1]))
    assert selections[1].score.negative_flips == pytest.approx(np.mean(both))
    assert is_chain(selections)
    way = RegressionFreeSearch(deployed=deployed)
    report = way.report(predictions.of, selections[:1], deployed)
    assert report.names == ("reference", "model 1")
    assert report.negative[0][1] == pytest.approx(flips)
    assert way.report(predictions.of, selections[:1]).names == ("model 1",)


def test_wrong_deployed_models():
    with pytest.raises(ValueError, match="`deployed` must be booleans"):
        RegressionFreeSearch(deployed=np.ones(5))
    with pytest.raises(ValueError, match="`deployed` must be None with"):
        RegressionFreeSearch(SPACE.smallest, deployed=np.ones(5, bool))
    with pytest.raises(ValueError, match="same images"):
        search(deployed=np.ones(5, bool))


def test_a_reference_of_another_family():
    reference = families.get("bignas").space.smallest
    with pytest.raises(ValueError, match="is of another family"):
        search(reference=reference)


def test_predictions_that_are_no_booleans():
    with pytest.raises(ValueError, match=r"`predictions\(arch\)` must be bool"):
        search(lambda arch: np.ones(5))


def test_no_budgets():
    assert search(budgets=[]) == []


def test_one_architecture():
    family = families.get("efficientnet_b0")
    [selection] = RegressionFreeSearch(inner=SHORT).search(
        family, CLASSES, lambda arch: np.array([True, False]), [Budget()]
    )
    assert selection.score == (0.5, 0.5, 0.0)


# Report


def test_report():
    predictions = Predictions()
    way = RegressionFreeSearch(reference=SPACE.smallest, inner=SHORT)
    selections = way.search(FAMILY, CLASSES, predictions, BUDGETS)
    report = way.report(predictions.of, selections)
    assert report.names == ("reference", "model 1", "model 2", "model 3")
    for number, selection in enumerate(selections, start=1):
        score = selection.score
        assert report.top1[number] == pytest.approx(score.accuracy)
        before = [report.negative[i][number] for i in range(number)]
        assert score.negative_flips == pytest.approx(np.mean(before))
    without = dataclasses.replace(way, reference=None)
    assert without.report(predictions.of, selections).names == (
        "model 1",
        "model 2",
        "model 3",
    )
