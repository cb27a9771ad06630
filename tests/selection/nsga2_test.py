import sys

import numpy as np
import pytest
import strategy_checks

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.nsga2 import NSGA2Search
from keras_elastic.selection.nsga2 import import_pymoo

pytest.importorskip("pymoo")

SMALL = NSGA2Search(population=16, generations=6)
DIGITS = strategy_checks.DIGITS
CHECKS = (
    *strategy_checks.CHECKS,
    strategy_checks.check_only_what_a_budget_allows_is_scored,
    strategy_checks.check_another_seed,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(SMALL)


@pytest.mark.parametrize(
    "family", [strategy_checks.BIGNAS, strategy_checks.ONCE_FOR_ALL]
)
def test_beats_random_search(family):
    strategy = NSGA2Search(population=24, generations=16)
    assert strategy_checks.advantage_over_random(strategy, family) > 0.5


def search_front(strategy, family=DIGITS, noise=0.05):
    score = strategy_checks.SmoothScore(family.space, noise=noise)
    return strategy.search_front(family, 10, score), score


def test_global_random_numbers_are_left_alone():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    search_front(SMALL)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("objectives", [("flops",), ("flops", "params")])
def test_the_front_is_what_nothing_beats(objectives):
    strategy = NSGA2Search(16, 6, objectives)
    front, score = search_front(strategy)
    points = {
        arch: (
            *[
                getattr(strategy_checks.costs_of(DIGITS, arch), name)
                for name in objectives
            ],
            -score.value(arch),
        )
        for arch in score.asked
    }
    unbeaten = {
        arch
        for arch, point in points.items()
        if not any(
            other != point and all(np.array(other) <= np.array(point))
            for other in points.values()
        )
    }
    assert {selection.arch for selection in front} == unbeaten
    costs = [selection.costs.flops for selection in front]
    assert costs == sorted(costs)
    names = ", ".join(objectives)
    assert front[0].reason == (
        f"on the front of {len(score.asked)} candidates over {names}"
    )


def test_two_costs_have_a_larger_front():
    one, _ = search_front(NSGA2Search(30, 10, ("flops",)))
    two, _ = search_front(NSGA2Search(30, 10, ("flops", "params")))
    assert len(two) > len(one) > 3


def test_the_front_reaches_from_the_smallest_to_large_ones():
    # Without noise, all genes at their largest are the best.
    family = strategy_checks.BIGNAS
    front, _ = search_front(NSGA2Search(40, 15), family, noise=0)
    assert front[0].arch == strategy_checks.BIGNAS.space.smallest
    largest = strategy_checks.costs_of(
        strategy_checks.BIGNAS, strategy_checks.BIGNAS.space.largest
    )
    assert front[-1].costs == largest


def test_scores_that_are_tuples():
    def score(arch):
        return (round(sum(arch.width), -2), -arch.resolution)

    strategy = NSGA2Search(16, 6)
    budgets = strategy_checks.middle_budgets(DIGITS)
    selections = strategy.search(DIGITS, 10, score, budgets)
    for selection in selections:
        assert selection.score == score(selection.arch)
    # The second entry decides: nothing is gained by the resolution.
    assert {s.arch.resolution for s in selections} == {8}


def test_more_budgets_than_architectures_of_a_generation():
    strategy = NSGA2Search(population=4, generations=2)
    least = strategy_checks.costs_of(DIGITS, DIGITS.space.smallest).flops
    budgets = [
        Budget(flops=least * (1 + step / 10), resolution=8)
        for step in range(10)
    ]
    selections, _ = strategy_checks.search(strategy, DIGITS, budgets)
    assert len(selections) == 10


def test_ends_where_all_was_scored():
    family = families.get("efficientnet_b0", resolution=(192, 208, 224))
    front, score = search_front(NSGA2Search(16, 50), family)
    assert len(score.asked) == 3
    assert 1 <= len(front) <= 3


def test_without_pymoo(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymoo.algorithms.moo.nsga2", None)
    with pytest.raises(ImportError, match=r"keras-elastic\[search\]"):
        import_pymoo()
    score = strategy_checks.SmoothScore(DIGITS.space)
    with pytest.raises(ImportError, match="`NSGA2Search` needs pymoo"):
        SMALL.search_front(DIGITS, 10, score)
    assert score.asked == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"population": 3}, "`population` must be .* at least 4"),
        ({"generations": 0}, "`generations` must be .* at least 1"),
        ({"objectives": ()}, "`objectives` must be different names"),
        ({"objectives": ("latency",)}, "Received: objectives=.'latency'"),
        ({"objectives": ("flops", "flops")}, "different names"),
        ({"objectives": ("flops", "speed")}, "different names"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        NSGA2Search(**arguments)
