"""What every search must do, and scores to show it with."""

import dataclasses
import math
from unittest import mock

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches import random_search
from keras_elastic.selection.searches.random_search import RandomSearch
from keras_elastic.spaces import costs

CLASSES = 10
DIGITS = families.get("bignas_digits")
BIGNAS = families.get("bignas")
ONCE_FOR_ALL = families.get("ofa_mobilenet_v3")


class SmoothScore:
    """A sum of smooth functions of the genes, with noise; it remembers.

    Every gene adds the more, the larger it is, with a weight of its own and
    less and less, and the noise is that of the architecture.

    Args:
        space: `SearchSpace`.
        seed: Integer, of the weights and of the noise.
        noise: Float. Standard deviation.
    """

    def __init__(self, space, seed=0, noise=0.05):
        self.space = space
        self.seed = seed
        self.noise = noise
        rng = np.random.default_rng(seed)
        self.weights = rng.uniform(0.2, 1, len(space.genes))
        self.asked = []

    def __call__(self, arch):
        self.asked.append(arch)
        return self.value(arch)

    def value(self, arch):
        encoded = self.space.encode(arch)
        total = 0.0
        for weight, value, (_, choices) in zip(
            self.weights, encoded, self.space.genes, strict=True
        ):
            spread = max(choices[-1] - choices[0], 1)
            total += weight * math.sqrt((value - choices[0]) / spread)
        noise = np.random.default_rng([self.seed, *encoded.tolist()])
        return total + self.noise * noise.standard_normal()


class LogarithmicScore(SmoothScore):
    """A score that loses by the share of channels that a layer loses."""

    def value(self, arch):
        encoded = self.space.encode(arch)
        largest = [choices[-1] for _, choices in self.space.genes]
        noise = np.random.default_rng([self.seed, *encoded.tolist()])
        shares = np.log(encoded / largest)
        return self.weights @ shares + self.noise * noise.standard_normal()


class BatchScore(SmoothScore):
    """A score that is asked for many at once."""

    def __call__(self, arch):
        raise NotImplementedError("`many` was not used.")

    def many(self, encoded):
        return [
            SmoothScore.__call__(self, self.space.decode(row))
            for row in encoded
        ]


def costs_of(family, arch):
    return costs(family.plan(arch, CLASSES))


def holds(family, arch, budget):
    return bool(budget.holds(costs_of(family, arch), arch.resolution))


def fitting(family, archs, *budgets):
    """Those of some architectures that fit one of the budgets."""
    encoded = np.stack([family.space.encode(arch) for arch in archs])
    counted = costs(family.plan(family.space.unstack(encoded), CLASSES))
    fits = [budget.holds(counted, encoded[:, 0]) for budget in budgets]
    return [archs[i] for i in np.flatnonzero(np.any(fits, axis=0))]


def middle_budgets(family):
    """Budgets that a tenth, a third and two thirds of samples fit."""
    space = family.space
    encoded = space.sample_encoded(np.random.default_rng(0), 2000)
    counted = costs(family.plan(space.unstack(encoded), CLASSES))
    flops = np.broadcast_to(counted.flops, 2000)
    return [Budget(flops=int(np.quantile(flops, q))) for q in (0.1, 0.33, 0.67)]


def search(way, family=DIGITS, budgets=None, score=None):
    """Returns the selections and the score, which knows what was asked."""
    budgets = middle_budgets(family) if budgets is None else budgets
    score = score or SmoothScore(family.space)
    return way.search(family, CLASSES, score, budgets), score


def check_selections_fit_and_are_the_best(way):
    for family in (DIGITS, ONCE_FOR_ALL):
        budgets = middle_budgets(family)
        selections, score = search(way, family, budgets)
        assert len(selections) == len(budgets)
        for selection, budget in zip(selections, budgets, strict=True):
            assert selection.costs == costs_of(family, selection.arch)
            assert holds(family, selection.arch, budget)
            assert str(budget) in selection.reason
            tried = fitting(family, score.asked, budget)
            assert selection.score == max(map(score.value, tried))
            assert selection.score == score.value(selection.arch)


def check_nothing_is_scored_twice(way):
    for family in (DIGITS, ONCE_FOR_ALL):
        budgets = middle_budgets(family)
        _, score = search(way, family, budgets + budgets[:1])
        assert len(set(score.asked)) == len(score.asked) > 1
        canonical = [family.space.canonical(arch) for arch in score.asked]
        assert canonical == score.asked


def check_a_budget_that_only_the_smallest_meets(way):
    for family in (DIGITS, BIGNAS):
        smallest = family.space.smallest
        budget = Budget(flops=costs_of(family, smallest).flops)
        # All others are drawn in vain, so often and no more.
        with mock.patch.object(random_search, "MAX_SAMPLES", 2**12):
            [selection], _ = search(way, family, [budget])
        assert selection.arch == smallest


def check_a_resolution(way):
    for family in (DIGITS, ONCE_FOR_ALL):
        resolution = family.space.resolution[1]
        [selection], _ = search(way, family, [Budget(resolution=resolution)])
        assert selection.arch.resolution == resolution


def check_out_of_reach_scores_nothing(way):
    score = SmoothScore(DIGITS.space)
    budgets = [Budget(flops=700e3), Budget(flops=100e3)]
    with pytest.raises(ValueError, match="need flops from 139e3"):
        search(way, DIGITS, budgets, score)
    assert score.asked == []


def check_one_architecture(way):
    family = families.get("efficientnet_b0")
    [selection], score = search(way, family, [Budget()])
    assert selection.arch == family.space.smallest
    assert score.asked == [family.space.smallest]


def check_no_budgets(way):
    assert search(way, DIGITS, [])[0] == []


def check_the_same_again(way):
    first, score = search(way)
    same, again = search(way)
    assert first == same
    assert score.asked == again.asked


def check_progress(way):
    for family in (DIGITS, families.get("efficientnet_b0")):
        reports = []
        way.search(
            family,
            CLASSES,
            SmoothScore(family.space),
            [Budget(), Budget(resolution=family.space.resolution[0])],
            lambda *report, reports=reports: reports.append(report),
        )
        done = [done for done, _ in reports]
        assert done == sorted(set(done))
        assert {total for _, total in reports} == {done[-1]}


def check_scores_of_many_at_once(way):
    batch = BatchScore(DIGITS.space)
    assert search(way, score=batch)[0] == search(way)[0]


# Those of searches with a seed and those without.
CHECKS = (
    check_selections_fit_and_are_the_best,
    check_nothing_is_scored_twice,
    check_a_budget_that_only_the_smallest_meets,
    check_a_resolution,
    check_out_of_reach_scores_nothing,
    check_one_architecture,
    check_no_budgets,
    check_the_same_again,
    check_progress,
    check_scores_of_many_at_once,
)


def check_only_what_a_budget_allows_is_scored(way):
    for family in (DIGITS, ONCE_FOR_ALL):
        budgets = middle_budgets(family)
        _, score = search(way, family, budgets)
        assert fitting(family, score.asked, *budgets) == score.asked


def check_another_seed(way):
    _, score = search(way)
    _, other = search(dataclasses.replace(way, seed=way.seed + 1))
    assert score.asked != other.asked


def advantage_over_random(way, family, seeds=4, kind=SmoothScore):
    """How much better than random search it is, at as many candidates."""
    budgets = middle_budgets(family)
    differences = []
    for seed in range(seeds):
        if hasattr(way, "seed"):
            way = dataclasses.replace(way, seed=seed)
        score = kind(family.space, seed)
        selections, _ = search(way, family, budgets, score)
        # At least as many for random search: rounded up for each budget.
        candidates = math.ceil(len(score.asked) / len(budgets))
        random, asked = search(
            RandomSearch(candidates, seed),
            family,
            budgets,
            kind(family.space, seed),
        )
        assert len(asked.asked) >= len(score.asked)
        differences.append(
            np.mean([s.score for s in selections])
            - np.mean([r.score for r in random])
        )
    return np.mean(differences)
