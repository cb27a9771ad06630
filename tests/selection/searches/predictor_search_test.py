import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.selection import Budget
from keras_elastic.selection import EvolutionSearch
from keras_elastic.selection import PredictorSearch
from keras_elastic.selection import RandomSearch
from keras_elastic.spaces import costs

FAMILY = families.get("bignas_digits")
CLASSES = 10
BUDGET = Budget(flops=8e5)


class Synthetic:
    """A smooth function of the genes, which counts what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, arch):
        self.asked.append(arch)
        genes = FAMILY.space.encode(arch).astype("float64")
        return float(np.sqrt(genes).sum() / 40)


def make(**changes):
    arguments = {
        "samples": 60,
        "judged": 4,
        "inner": EvolutionSearch(population=20, generations=5),
        "epochs": 60,
    }
    return PredictorSearch(**{**arguments, **changes})


@pytest.fixture(scope="module")
def searched():
    score = Synthetic()
    [selection] = make().search(FAMILY, CLASSES, score, [BUDGET])
    return score, selection


def test_scores_the_samples_and_the_judged(searched):
    score, selection = searched
    assert len(score.asked) == len(set(score.asked)) <= 64
    assert selection.arch in score.asked


def test_the_selection_is_within_the_budget(searched):
    score, selection = searched
    found = costs(FAMILY.plan(selection.arch, CLASSES))
    assert found == selection.costs
    assert found.flops <= BUDGET.flops
    assert "Kendall's tau" in selection.reason


def test_beats_random_search_with_as_many_candidates(searched):
    score, selection = searched
    [other] = RandomSearch(candidates=64).search(
        FAMILY, CLASSES, Synthetic(), [BUDGET]
    )
    assert selection.score >= other.score


def test_the_progress_ends(searched):
    seen = []
    make(samples=30).search(
        FAMILY,
        CLASSES,
        Synthetic(),
        [BUDGET, Budget(flops=4e5)],
        lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (38, 38)


@pytest.mark.parametrize("name", ["samples", "judged", "epochs"])
def test_a_number_that_is_not_positive(name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        make(**{name: 0})


def test_a_budget_out_of_reach_scores_nothing():
    score = Synthetic()
    with pytest.raises(ValueError, match="Raise the budget"):
        make().search(FAMILY, CLASSES, score, [Budget(flops=10)])
    assert score.asked == []
