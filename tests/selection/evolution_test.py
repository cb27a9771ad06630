import itertools

import numpy as np
import pytest
import strategy_checks

from keras_elastic.selection.budget import Budget
from keras_elastic.selection.evolution import Evolution

SMALL = Evolution(population=16, generations=4)
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
    strategy = Evolution(population=24, generations=7)
    assert strategy_checks.advantage_over_random(strategy, family) > 0.5


def test_number_of_candidates():
    _, score = strategy_checks.search(SMALL, strategy_checks.BIGNAS)
    assert len(score.asked) == 3 * 16 * (1 + 4)


def test_more_generations_are_not_worse():
    def scores(generations):
        strategy = Evolution(population=16, generations=generations)
        family = strategy_checks.ONCE_FOR_ALL
        budgets = strategy_checks.middle_budgets(family)[:1]
        [selection], _ = strategy_checks.search(strategy, family, budgets)
        return selection.score

    few, more, most = scores(0), scores(4), scores(12)
    assert few < more < most


def test_no_generations_are_a_random_search():
    _, score = strategy_checks.search(Evolution(16, generations=0))
    assert len(score.asked) == 3 * 16


def first_generation(**arguments):
    """The first population and its children, encoded."""
    strategy = Evolution(population=16, generations=1, **arguments)
    family = strategy_checks.BIGNAS
    _, score = strategy_checks.search(strategy, family, [Budget()])
    encoded = np.stack([family.space.encode(arch) for arch in score.asked])
    return encoded[:16], encoded[16:]


def test_mutants_differ_from_a_parent():
    population, children = first_generation(
        mutants=1.0, probability=0.0, resolution_probability=0.0
    )
    assert len(children) == 16
    for child in children:
        # One gene changes where none was drawn to.
        assert (population != child).sum(axis=1).min() == 1


def test_crossovers_have_the_genes_of_parents():
    population, children = first_generation(mutants=0.0, parents=0.125)
    elect = [
        pair
        for pair in itertools.combinations(population, 2)
        if all(((pair[0] == c) | (pair[1] == c)).all() for c in children)
    ]
    # Two of the first population are the parents of all.
    assert len(children) == 16
    assert len(elect) == 1


def test_the_resolution_mutates_more_often():
    shares = []
    for probability in (0.0, 0.5):
        _, children = first_generation(
            mutants=1.0,
            parents=0.125,
            resolution_probability=probability,
            probability=0.05,
        )
        shares.append(len(set(children[:, 0].tolist())))
    assert shares[0] <= 2 < shares[1]


def test_ends_where_all_that_fits_was_scored():
    family = strategy_checks.DIGITS
    strategy = Evolution(population=100, generations=50)
    budget = Budget(flops=140e3)
    _, score = strategy_checks.search(strategy, family, [budget])
    assert 1 <= len(score.asked) < 100


@pytest.mark.parametrize(
    "arguments",
    [
        {"population": 1},
        {"population": 2.0},
        {"generations": -1},
        {"parents": 1.1},
        {"mutants": -0.1},
        {"probability": "0.1"},
        {"resolution_probability": float("nan")},
    ],
)
def test_wrong_arguments(arguments):
    [(name, value)] = arguments.items()
    message = f"`{name}` must be .* Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        Evolution(**arguments)
