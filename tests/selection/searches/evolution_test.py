import itertools

import numpy as np
import pytest
from selection.searches import search_checks

from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.evolution import EvolutionSearch

SMALL = EvolutionSearch(population=16, generations=4)
CHECKS = (
    *search_checks.CHECKS,
    search_checks.check_only_what_a_budget_allows_is_scored,
    search_checks.check_another_seed,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        search_checks.BIGNAS,
        pytest.param(search_checks.ONCE_FOR_ALL, marks=pytest.mark.exhaustive),
    ],
)
def test_beats_random_search(family):
    way = EvolutionSearch(population=24, generations=7)
    assert search_checks.advantage_over_random(way, family) > 0.5


def test_number_of_candidates():
    _, score = search_checks.search(SMALL, search_checks.BIGNAS)
    assert len(score.asked) == 3 * 16 * (1 + 4)


def test_more_generations_are_not_worse():
    def scores(generations):
        way = EvolutionSearch(population=16, generations=generations)
        family = search_checks.ONCE_FOR_ALL
        budgets = search_checks.middle_budgets(family)[:1]
        [selection], _ = search_checks.search(way, family, budgets)
        return selection.score

    few, more, most = scores(0), scores(4), scores(12)
    assert few < more < most


def test_no_generations_are_a_random_search():
    _, score = search_checks.search(EvolutionSearch(16, generations=0))
    assert len(score.asked) == 3 * 16


def first_generation(**arguments):
    """The first population and its children, encoded."""
    way = EvolutionSearch(population=16, generations=1, **arguments)
    family = search_checks.BIGNAS
    _, score = search_checks.search(way, family, [Budget()])
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
    family = search_checks.DIGITS
    way = EvolutionSearch(population=100, generations=50)
    budget = Budget(flops=140e3)
    _, score = search_checks.search(way, family, [budget])
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
        EvolutionSearch(**arguments)
