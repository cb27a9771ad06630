import dataclasses

import numpy as np
import pytest
from selection.searches import search_checks

from keras_elastic import families
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection.searches.coarse_to_fine import MAX_DRAWS
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces import costs
from keras_elastic.spaces import skeletons

FAMILY = families.get("bignas_digits")
SPACE = FAMILY.space
CLASSES = 10
BUDGETS = [Budget(flops=250e3), Budget(flops=700e3), Budget(params=40e3)]
# A network that no skeleton is near: of every gene another end.
TARGET = dataclasses.replace(
    SPACE.smallest,
    width=(16, 12, 24, 40, 96),
    kernel_size=(3, 5, 3),
    expand_ratio=(1, 4, 6),
)


def costs_of(arch):
    return costs(FAMILY.plan(arch, CLASSES))


def likeness(arch):
    """Genes that are as in the target."""
    return int(np.sum(SPACE.encode(arch) == SPACE.encode(TARGET)))


class Recorder:
    """A score that remembers what it was asked."""

    def __init__(self, score=likeness):
        self.score = score
        self.asked = []

    def __call__(self, arch):
        self.asked.append(arch)
        return self.score(arch)


def search(score=likeness, budgets=BUDGETS, family=FAMILY, **arguments):
    arguments.setdefault("mutants", 20)
    way = CoarseToFineSearch(**arguments)
    return way.search(family, CLASSES, score, budgets)


def best_likeness(budget):
    """By looking at every architecture of the space."""
    genes = np.meshgrid(*[choices for _, choices in SPACE.genes])
    encoded = np.stack([gene.ravel() for gene in genes], axis=1)
    counted = costs(FAMILY.plan(SPACE.unstack(encoded), CLASSES))
    fits = budget.holds(counted, encoded[:, 0])
    alike = (encoded == SPACE.encode(TARGET)).sum(axis=1)
    return alike[fits].max()


# Search


@pytest.mark.slow
@pytest.mark.parametrize("budget", BUDGETS, ids=str)
def test_finds_the_optimum_of_the_whole_space(budget):
    coarse, fine = (
        search(budgets=[budget], mutants=mutants)[0] for mutants in (0, 300)
    )
    assert fine.score == best_likeness(budget)
    # And not because the grid held it.
    assert coarse.score < fine.score


def test_finds_the_largest_where_larger_is_better():
    [selection] = search(lambda arch: costs_of(arch).flops, [Budget()])
    assert selection.arch == SPACE.largest


def test_every_selection_fits_its_budget():
    # Without the budget the largest would win.
    score = Recorder(lambda arch: costs_of(arch).flops)
    budgets = [*BUDGETS, Budget(resolution=10), Budget(memory=20e3)]
    selections = search(score, budgets)
    assert len(selections) == len(budgets)
    for selection, budget in zip(selections, budgets, strict=True):
        assert selection.costs == costs_of(selection.arch)
        assert budget.holds(selection.costs, selection.arch.resolution)
        assert selection.score == score.score(selection.arch)


def test_the_selection_is_the_best_of_what_was_scored():
    score = Recorder()
    selections = search(score)
    for selection, budget in zip(selections, BUDGETS, strict=True):
        fitting = [
            arch
            for arch in score.asked
            if budget.holds(costs_of(arch), arch.resolution)
        ]
        assert selection.score == max(map(likeness, fitting))
        assert selection.reason == (
            f"the best of {len(fitting)} candidates with {budget}"
        )


def test_nothing_is_scored_twice_and_nothing_that_no_budget_allows():
    score = Recorder()
    search(score, mutants=50)
    assert len(set(score.asked)) == len(score.asked)
    for arch in score.asked:
        assert any(b.holds(costs_of(arch), arch.resolution) for b in BUDGETS)


def test_counts_of_candidates():
    score = Recorder()
    fitting = [
        arch
        for arch in skeletons(SPACE)
        if any(b.holds(costs_of(arch), arch.resolution) for b in BUDGETS)
    ]
    search(score, mutants=5)
    assert score.asked[: len(fitting)] == fitting
    assert len(score.asked) == len(fitting) + 5 * len(BUDGETS)


def test_a_seed_repeats_the_search():
    first, same, other = Recorder(), Recorder(), Recorder()
    assert search(first, seed=3) == search(same, seed=3)
    search(other, seed=4)
    assert first.asked == same.asked
    assert first.asked != other.asked


def test_a_budget_out_of_reach_scores_nothing():
    score = Recorder()
    with pytest.raises(ValueError, match="need flops from 139e3"):
        search(score, [Budget(flops=700e3), Budget(flops=100e3)])
    assert score.asked == []


def test_progress():
    reports = []
    CoarseToFineSearch(mutants=3).search(
        FAMILY, CLASSES, likeness, BUDGETS, lambda *r: reports.append(r)
    )
    [total] = {total for _, total in reports}
    assert [done for done, _ in reports] == list(range(1, total + 1))


CHECKS = (
    *search_checks.CHECKS,
    search_checks.check_only_what_a_budget_allows_is_scored,
    search_checks.check_another_seed,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(CoarseToFineSearch(mutants=8))


@pytest.mark.parametrize(
    "family", [search_checks.BIGNAS, search_checks.ONCE_FOR_ALL]
)
def test_beats_random_search(family):
    way = CoarseToFineSearch(mutants=8)
    advantage = search_checks.advantage_over_random(way, family, 2)
    assert advantage > 0.5


@pytest.mark.parametrize(
    "arguments",
    [{"mutants": -1}, {"mutants": 1.5}, {"probability": 2}],
)
def test_wrong_arguments(arguments):
    [(name, value)] = arguments.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        CoarseToFineSearch(**arguments)


# Others beside the grid


def test_others_are_candidates_too():
    score = Recorder()
    budget = Budget(flops=1e6)
    [without] = search(score, [budget], mutants=0, band=0.0)
    [chosen] = search(score, [budget], mutants=0, band=0.0, also=(TARGET,))
    assert chosen.score == likeness(TARGET) > without.score
    assert chosen.arch == TARGET


def test_others_are_scored_once_and_only_if_a_budget_allows():
    first = next(iter(skeletons(SPACE)))
    known, score = Recorder(), Recorder()
    search(known, mutants=0)
    search(score, mutants=0, also=(first, SPACE.largest, TARGET, TARGET))
    assert first in known.asked
    assert SPACE.largest not in known.asked
    assert score.asked == [*known.asked, TARGET]


def test_others_must_be_of_the_space():
    other = dataclasses.replace(TARGET, resolution=9)
    with pytest.raises(ValueError, match="not in the space"):
        search(also=(other,))


# Where there is little to find


def test_ends_where_no_mutant_fits(monkeypatch):
    draws = []
    mutate = GeneTable.mutate

    def counted(table, encoded, *arguments):
        draws.extend(encoded)
        return mutate(table, encoded, *arguments)

    monkeypatch.setattr(GeneTable, "mutate", counted)
    score = Recorder()
    budget = Budget(flops=costs_of(SPACE.smallest).flops)
    [selection] = search(score, [budget], mutants=3)
    assert selection.arch == SPACE.smallest
    assert score.asked == [SPACE.smallest]
    assert len(draws) == 3 * MAX_DRAWS


def test_ends_where_all_was_scored():
    family = families.get("efficientnet_b0", resolution=(192, 208, 224))
    score = Recorder(lambda arch: -arch.resolution)
    [selection] = search(score, [Budget()], family)
    assert selection.arch == family.space.smallest
    assert len(score.asked) == family.space.size == 3


def test_a_space_of_one_architecture():
    family = families.get("efficientnet_b0")
    score = Recorder(lambda arch: 0)
    [selection] = search(score, [Budget()], family)
    assert selection.arch == family.space.smallest
    assert score.asked == [family.space.smallest]


# A band below each budget


def test_cheap_skeletons_are_not_scored():
    budgets = BUDGETS[:2]
    scores, all_scores = Recorder(), Recorder()
    search(scores, budgets, band=0.2, mutants=0)
    search(all_scores, budgets, mutants=0)
    spent = [costs_of(arch).flops for arch in scores.asked]
    assert 0 < len(spent) < len(all_scores.asked)
    assert all(200e3 <= f <= 250e3 or 560e3 <= f <= 700e3 for f in spent)


def test_an_empty_band_has_the_costliest_within_the_budget():
    scores = Recorder()
    [chosen] = search(scores, BUDGETS[:1], band=0.0, mutants=0)
    assert {costs_of(arch).flops for arch in scores.asked} == {
        chosen.costs.flops
    }


def test_budgets_of_something_else_have_no_band():
    narrow, wide = Recorder(), Recorder()
    search(narrow, [Budget(params=40e3)], band=0.0, mutants=0)
    search(wide, [Budget(params=40e3)], mutants=0)
    assert narrow.asked == wide.asked


@pytest.mark.parametrize("band", [-0.1, 1.5, "wide", True])
def test_a_band_is_a_part(band):
    with pytest.raises(ValueError, match="`band` must be a number"):
        CoarseToFineSearch(band=band)
