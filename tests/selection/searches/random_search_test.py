import numpy as np
import pytest
from selection.searches import search_checks

from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.random_search import RandomSearch
from keras_elastic.spaces import costs

CHECKS = (
    *search_checks.CHECKS,
    search_checks.check_only_what_a_budget_allows_is_scored,
    search_checks.check_another_seed,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(RandomSearch(candidates=40))


def test_number_of_candidates():
    _, score = search_checks.search(RandomSearch(candidates=30))
    assert len(score.asked) == 3 * 30


def test_a_budget_of_a_few_is_searched_to_the_end():
    family = search_checks.DIGITS
    budget = Budget(flops=145e3)
    _, score = search_checks.search(RandomSearch(10**6), family, [budget])
    genes = np.meshgrid(*[choices for _, choices in family.space.genes])
    encoded = np.stack([gene.ravel() for gene in genes], axis=1)
    counted = costs(family.plan(family.space.unstack(encoded), 10))
    fits = budget.holds(counted, encoded[:, 0])
    fitting = {family.space.decode(row) for row in encoded[fits]}
    assert set(score.asked) == fitting
    assert 1 < len(fitting)


@pytest.mark.parametrize("candidates", [0, -1, 1.5, True])
def test_wrong_number_of_candidates(candidates):
    message = f"Received: candidates={candidates}"
    with pytest.raises(ValueError, match=message):
        RandomSearch(candidates=candidates)
