import dataclasses

import pytest
from selection.searches import search_checks

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.slimming import SlimmingSearch
from keras_elastic.spaces.architecture import FIELDS

ALL = SlimmingSearch(fields=FIELDS, groups=4)
DIGITS = search_checks.DIGITS
AUTOSLIM = families.get("autoslim_mobilenet_v2")


@pytest.mark.parametrize(
    "check", search_checks.CHECKS, ids=lambda check: check.__name__
)
def test_contract(check):
    # Two levels of each gene: few steps, also where there are 46 genes.
    check(SlimmingSearch(fields=FIELDS, groups=2))


@pytest.mark.parametrize(
    "family",
    [
        search_checks.BIGNAS,
        pytest.param(search_checks.ONCE_FOR_ALL, marks=pytest.mark.exhaustive),
    ],
)
def test_beats_random_search(family):
    advantage = search_checks.advantage_over_random(ALL, family, seeds=2)
    assert advantage > 0.5


def test_beats_random_search_by_widths():
    advantage = search_checks.advantage_over_random(
        SlimmingSearch(groups=5),
        AUTOSLIM,
        seeds=2,
        kind=search_checks.LogarithmicScore,
    )
    assert advantage > 0.2


def widths_matter(weights):
    """A score that loses by a weight for every channel of a layer."""
    asked = []

    def score(arch):
        asked.append(arch)
        pairs = zip(weights, arch.width, strict=True)
        return sum(weight * width for weight, width in pairs)

    return score, asked


def test_the_layer_that_is_missed_least_is_lowered_first():
    largest = DIGITS.space.largest
    flops = search_checks.costs_of(DIGITS, largest).flops
    # Of all layers, 8 channels of the third are missed least.
    score, asked = widths_matter([9, 9, 1, 9, 9])
    [selection] = SlimmingSearch().search(
        DIGITS, 10, score, [Budget(flops=flops - 1)]
    )
    lowered = (*largest.width[:2], 16, *largest.width[3:])
    assert largest.width[2] == 24
    assert selection.arch == dataclasses.replace(largest, width=lowered)
    # The largest, and one trial for each layer.
    assert len(asked) == 1 + 5
    for arch in asked[1:]:
        changed = zip(arch.width, largest.width, strict=True)
        assert sum(a != b for a, b in changed) == 1


def test_of_equal_scores_the_cheapest_is_kept():
    flops = search_checks.costs_of(DIGITS, DIGITS.space.largest).flops
    score, asked = widths_matter([0, 0, 0, 0, 0])
    budget = Budget(flops=0.9 * flops)
    SlimmingSearch().search(DIGITS, 10, score, [budget])
    costs = [search_checks.costs_of(DIGITS, a).flops for a in asked[1:6]]
    best = asked[1:6][costs.index(min(costs))]
    # The next trials go on from it.
    for arch in asked[6:10]:
        assert all(a <= b for a, b in zip(arch.width, best.width, strict=True))


def test_one_descent_serves_all_budgets():
    largest = search_checks.costs_of(AUTOSLIM, AUTOSLIM.space.largest).flops
    budgets = [Budget(flops=largest * share) for share in (0.9, 0.8, 0.7)]
    counts = []
    for some in (budgets, budgets[::-1], budgets[2:]):
        _, score = search_checks.search(SlimmingSearch(), AUTOSLIM, some)
        counts.append(len(score.asked))
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.parametrize("groups", [2, 5, 10])
def test_groups(groups):
    # The space has up to 40 widths of a layer.
    _, score = search_checks.search(
        SlimmingSearch(groups=groups),
        AUTOSLIM,
        [Budget(flops=search_checks.middle_budgets(AUTOSLIM)[0].flops)],
    )
    for gene, choices in enumerate(AUTOSLIM.space.width):
        widths = {arch.width[gene] for arch in score.asked}
        assert len(widths) <= min(groups, len(choices))
        assert choices[-1] in widths


def test_other_fields_stay_at_their_largest():
    budget = Budget(flops=1.9e6)
    _, score = search_checks.search(SlimmingSearch(), DIGITS, [budget])
    largest = DIGITS.space.largest
    for arch in score.asked:
        assert dataclasses.replace(arch, width=largest.width) == largest


def test_a_resolution_has_a_descent_of_its_own():
    budgets = [Budget(resolution=8), Budget(resolution=12), Budget()]
    selections, score = search_checks.search(SlimmingSearch(), DIGITS, budgets)
    resolutions = [selection.arch.resolution for selection in selections]
    assert resolutions == [8, 12, 12]
    assert {arch.resolution for arch in score.asked} == {8, 12}


def test_out_of_reach_by_these_fields_scores_nothing():
    budget = Budget(flops=500e3)
    budget.check_reachable(DIGITS, 10)
    score = search_checks.SmoothScore(DIGITS.space)
    message = (
        "Lowering `fields` alone does not meet flops <= 500e3 in the space "
        r"'bignas_digits'. Received: fields=\('width',\)."
    )
    with pytest.raises(ValueError, match=message):
        search_checks.search(SlimmingSearch(), DIGITS, [budget], score)
    assert score.asked == []
    search_checks.search(ALL, DIGITS, [budget], score)


@pytest.mark.parametrize("fields", [(), "width", ("widths",), None])
def test_wrong_fields(fields):
    with pytest.raises(ValueError, match="`fields` must be"):
        SlimmingSearch(fields=fields)


@pytest.mark.parametrize("groups", [1, 0, 2.5])
def test_wrong_groups(groups):
    with pytest.raises(ValueError, match=f"Received: groups={groups}"):
        SlimmingSearch(groups=groups)
