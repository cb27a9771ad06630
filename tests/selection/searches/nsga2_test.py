import sys

import numpy as np
import pytest
from selection.searches import search_checks

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.nsga2 import NSGA2Search
from keras_elastic.selection.searches.nsga2 import import_pymoo

pytest.importorskip("pymoo")

SMALL = NSGA2Search(population=16, generations=6)
DIGITS = search_checks.DIGITS
CHECKS = (
    *search_checks.CHECKS,
    search_checks.check_only_what_a_budget_allows_is_scored,
    search_checks.check_another_seed,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(SMALL)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "family", [search_checks.BIGNAS, search_checks.ONCE_FOR_ALL]
)
def test_beats_random_search(family):
    way = NSGA2Search(population=24, generations=16)
    assert search_checks.advantage_over_random(way, family) > 0.5


def test_global_random_numbers_are_left_alone():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    search_checks.search(SMALL)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def unbeaten(score):
    """How many of the scored nothing beats in flops, parameters and score."""
    costs = [search_checks.costs_of(DIGITS, arch) for arch in score.asked]
    values = [-score.value(arch) for arch in score.asked]
    points = np.array(
        [[c.flops, c.params, v] for c, v in zip(costs, values, strict=True)]
    )
    no_worse = (points[:, np.newaxis] <= points).all(axis=2)
    differ = (points[:, np.newaxis] != points).any(axis=2)
    return np.sum(~(no_worse & differ).any(axis=0))


def test_a_second_cost_widens_the_front():
    found = []
    for objectives in (("flops",), ("flops", "params")):
        way = NSGA2Search(30, 10, objectives)
        _, score = search_checks.search(way, DIGITS, [Budget()])
        found.append(unbeaten(score))
    assert found[1] > found[0] > 3


def test_it_reaches_from_the_smallest_to_the_largest():
    # Without noise, all genes at their largest are the best.
    family = search_checks.BIGNAS
    score = search_checks.SmoothScore(family.space, noise=0)
    way = NSGA2Search(40, 15)
    [selection], _ = search_checks.search(way, family, [Budget()], score)
    assert family.space.smallest in score.asked
    largest = search_checks.costs_of(family, family.space.largest)
    assert selection.costs == largest


def test_scores_that_are_tuples():
    def score(arch):
        return (round(sum(arch.width), -2), -arch.resolution)

    way = NSGA2Search(16, 6)
    budgets = search_checks.middle_budgets(DIGITS)
    selections = way.search(DIGITS, 10, score, budgets)
    for selection in selections:
        assert selection.score == score(selection.arch)
    # The second entry decides: nothing is gained by the resolution.
    assert {s.arch.resolution for s in selections} == {8}


def test_more_budgets_than_architectures_of_a_generation():
    way = NSGA2Search(population=4, generations=2)
    least = search_checks.costs_of(DIGITS, DIGITS.space.smallest).flops
    budgets = [
        Budget(flops=least * (1 + step / 10), resolution=8)
        for step in range(10)
    ]
    selections, _ = search_checks.search(way, DIGITS, budgets)
    assert len(selections) == 10


def test_ends_where_all_was_scored():
    family = families.get("efficientnet_b0", resolution=(192, 208, 224))
    _, score = search_checks.search(NSGA2Search(16, 50), family, [Budget()])
    assert len(score.asked) == 3


def test_without_pymoo(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymoo.algorithms.moo.nsga2", None)
    with pytest.raises(ImportError, match=r"keras-elastic\[search\]"):
        import_pymoo()
    score = search_checks.SmoothScore(DIGITS.space)
    with pytest.raises(ImportError, match="`NSGA2Search` needs pymoo"):
        SMALL.search(DIGITS, 10, score, [Budget()])
    assert score.asked == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"population": 3}, "`population` must be .* at least 4"),
        ({"generations": 0}, "`generations` must be a positive integer"),
        ({"objectives": ()}, "`objectives` must be different names"),
        ({"objectives": ("latency",)}, "Received: objectives=.'latency'"),
        ({"objectives": ("flops", "flops")}, "different names"),
        ({"objectives": ("flops", "speed")}, "different names"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        NSGA2Search(**arguments)
