import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.spaces import costs

FAMILY = families.get("ofa_mobilenet_v3")
SPACE = FAMILY.space
CLASSES = 10


def sample(count, seed=0):
    return SPACE.sample_encoded(np.random.default_rng(seed), count)


def depth(arch):
    return sum(arch.depth)


def make(score=depth, **arguments):
    return Candidates(FAMILY, CLASSES, score, **arguments)


def costs_of(row):
    return costs(FAMILY.plan(SPACE.decode(row), CLASSES))


def test_costs_of_many_are_those_of_each():
    encoded = sample(20)
    counted = make().costs(encoded)
    for number, row in enumerate(encoded):
        assert tuple(c[number] for c in counted) == costs_of(row)


def test_costs_of_a_space_of_one_architecture():
    family = families.get("efficientnet_b0")
    candidates = Candidates(family, CLASSES, depth)
    encoded = np.tile(family.space.encode(family.space.smallest), (3, 1))
    counted = candidates.costs(encoded)
    expected = costs(family.plan(family.space.smallest, CLASSES))
    assert [c.tolist() for c in counted] == [[c] * 3 for c in expected]


def test_fits_any_of_the_budgets():
    encoded = sample(200)
    budgets = [Budget(flops=150e6), Budget(resolution=128)]
    fits = make().fits(encoded, *budgets)
    expected = [
        costs_of(row).flops <= 150e6 or row[0] == 128 for row in encoded
    ]
    assert fits.tolist() == expected
    assert 0 < fits.sum() < 200


def test_nothing_fits_no_budget():
    assert not make().fits(sample(5)).any()


def test_a_budget_out_of_reach():
    with pytest.raises(ValueError, match="No architecture of"):
        make(budgets=[Budget(), Budget(flops=1)])


def test_add_scores_once():
    asked = []
    candidates = make(lambda arch: asked.append(arch) or depth(arch))
    encoded = sample(4)
    twice = np.concatenate([encoded, encoded[::-1]])
    added = candidates.add(twice)
    assert asked == [SPACE.decode(row) for row in encoded]
    np.testing.assert_array_equal([c.encoded for c in added], twice)
    assert candidates.add(encoded[:2]) == added[:2]
    assert len(asked) == len(candidates) == 4
    fresh = sample(2, seed=1)
    mixed = np.concatenate([fresh, encoded, fresh[::-1]])
    np.testing.assert_array_equal(candidates.new(mixed), fresh)
    assert candidates.new(encoded).shape == (0, encoded.shape[1])
    for candidate in added:
        assert candidate.costs == costs_of(candidate.encoded)
        assert candidate.score == depth(SPACE.decode(candidate.encoded))


def test_add_of_nothing():
    candidates = make()
    assert candidates.add(sample(0)) == []
    assert len(candidates) == 0


def test_many_are_scored_at_once():
    class Score:
        batches = []

        def many(self, encoded):
            self.batches.append(encoded)
            return encoded[:, 0]

    score = Score()
    candidates = make(score)
    encoded = sample(6)
    added = candidates.add(encoded)
    candidates.add(encoded)
    assert [c.score for c in added] == encoded[:, 0].tolist()
    [batch] = score.batches
    np.testing.assert_array_equal(batch, encoded)


def test_too_few_scores_of_many():
    class Score:
        def many(self, encoded):
            return encoded[1:, 0]

    with pytest.raises(ValueError, match="Received: 2 scores of 3"):
        make(Score()).add(sample(3))


def test_within_has_the_best_first():
    candidates = make(lambda arch: depth(arch) // 4)
    candidates.add(sample(100))
    budget = Budget(flops=200e6)
    fitting = candidates.within(budget)
    scores = [c.score for c in fitting]
    assert scores == sorted(scores, reverse=True)
    assert all(budget.holds(c.costs, c.encoded[0]) for c in fitting)
    assert len(fitting) == sum(c.costs.flops <= 200e6 for c in candidates)
    # Of equal ones the first that was scored.
    ties = [c for c in candidates if c in fitting and c.score == scores[0]]
    assert len(ties) > 1
    assert candidates.best(budget) is ties[0]


def test_select():
    candidates = make()
    candidates.add(sample(100))
    selection = candidates.select(Budget(flops=200e6))
    best = candidates.best(Budget(flops=200e6))
    assert selection.arch == SPACE.decode(best.encoded)
    assert (selection.costs, selection.score) == (best.costs, best.score)
    count = len(candidates.within(Budget(flops=200e6)))
    reason = f"the best of {count} candidates with flops <= 200e6"
    assert selection.reason == reason


def test_progress():
    reports = []
    candidates = make(progress=lambda *report: reports.append(report))
    candidates.expect(10)
    candidates.add(sample(2))
    candidates.add(sample(2))
    candidates.skip(0)
    candidates.skip(3)
    candidates.skip_to(7)
    candidates.skip_to()
    candidates.skip_to()
    assert reports == [(done, 10) for done in (1, 2, 5, 7, 10)]


class Ends(Search):
    """A search of one's own: the smallest and the largest that fits."""

    def _run(self, candidates, budgets):
        ends = (SPACE.smallest, SPACE.largest)
        rows = np.stack([SPACE.encode(arch) for arch in ends])
        candidates.add(rows[candidates.fits(rows, *budgets)])
        candidates.remark = "; an end"


def test_a_search_of_ones_own():
    most = costs_of(SPACE.encode(SPACE.largest)).flops
    budgets = [Budget(flops=most - 1), Budget()]
    small, large = Ends().search(FAMILY, CLASSES, depth, budgets)
    assert small.arch == SPACE.smallest and large.arch == SPACE.largest
    assert large.score == depth(SPACE.largest)
    assert large.reason == "the best of 2 candidates with no limit; an end"


def test_a_search_without_budgets_scores_nothing():
    asked = []
    assert Ends().search(FAMILY, CLASSES, asked.append, []) == []
    assert asked == []


def test_progress_of_many_at_once():
    class Score:
        def many(self, encoded):
            return encoded[:, 0]

    reports = []
    candidates = make(Score(), progress=lambda *report: reports.append(report))
    candidates.expect(9)
    candidates.add(sample(9)[:4])
    candidates.add(sample(9))
    assert reports == [(4, 9), (9, 9)]
