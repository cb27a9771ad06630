import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches import random_search
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.random_search import draw
from keras_elastic.selection.searches.random_search import draw_again

CLASSES = 10
# Listed, sampled, and sampled with genes of blocks that are left out.
NAMES = ("bignas_digits", "bignas", "ofa_mobilenet_v3")


def make(name):
    return Candidates(families.get(name), CLASSES, lambda arch: 0)


def smallest_flops(candidates):
    smallest = candidates.genes.least[None]
    return int(candidates.costs(smallest).flops[0])


def rng(seed=0):
    return np.random.default_rng(seed)


def check_drawn(candidates, budget, encoded):
    assert candidates.fits(encoded, budget).all()
    assert len(np.unique(encoded, axis=0)) == len(encoded)
    canonical = candidates.genes.canonical(encoded)
    np.testing.assert_array_equal(canonical, encoded)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bounds", [{}, {"params": 1e9}, {"resolution": 224}])
def test_draw(name, bounds):
    candidates = make(name)
    if "resolution" in bounds:
        bounds = {"resolution": candidates.space.resolution[-1]}
    encoded = draw(candidates, Budget(**bounds), 100, rng())
    assert len(encoded) == 100
    check_drawn(candidates, Budget(**bounds), encoded)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_the_draw(name):
    candidates = make(name)
    first, same, other = (
        draw(candidates, Budget(), 30, rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_scored_is_not_drawn_again(name):
    candidates = make(name)
    budget = Budget(resolution=candidates.space.resolution[0])
    first = draw(candidates, budget, 50, rng())
    candidates.add(first)
    second = draw(candidates, budget, 50, rng())
    check_drawn(candidates, budget, np.concatenate([first, second]))


def test_every_choice_is_drawn_as_often():
    for name, shares in (("bignas", 1 / 5), ("bignas_digits", 1 / 3)):
        candidates = make(name)
        encoded = draw(candidates, Budget(), 3000, rng())
        _, counts = np.unique(encoded[:, 0], return_counts=True)
        np.testing.assert_allclose(counts / 3000, shares, atol=0.03)


def test_a_listed_space_is_drawn_whole():
    candidates = make("bignas_digits")
    encoded = draw(candidates, Budget(), 10**6, rng())
    assert len(encoded) == candidates.space.size
    check_drawn(candidates, Budget(), encoded)


@pytest.mark.parametrize("name", ["bignas", "ofa_mobilenet_v3"])
def test_walks_where_almost_nothing_fits(name, monkeypatch):
    candidates = make(name)
    budget = Budget(flops=1.03 * smallest_flops(candidates))
    monkeypatch.setattr(random_search, "MAX_SAMPLES", 2**12)
    encoded = draw(candidates, budget, 50, rng())
    assert len(encoded) == 50
    check_drawn(candidates, budget, encoded)
    # Not one of them came from the samples.
    samples = candidates.space.sample_encoded(rng(), 2**12)
    assert not candidates.fits(samples, budget).any()
    # What was scored is walked through, and not drawn.
    candidates.add(encoded)
    more = draw(candidates, budget, 20, rng())
    check_drawn(candidates, budget, np.concatenate([encoded, more]))
    assert len(more) == 20


def test_walks_at_a_resolution(monkeypatch):
    candidates = make("bignas")
    smallest = candidates.genes.least[None].copy()
    smallest[0, 0] = 256
    flops = 1.01 * candidates.costs(smallest).flops[0]
    budget = Budget(flops=flops, resolution=256)
    monkeypatch.setattr(random_search, "MAX_SAMPLES", 2**10)
    encoded = draw(candidates, budget, 10, rng())
    check_drawn(candidates, budget, encoded)
    assert len(encoded) == 10


def test_ends_where_one_fits(monkeypatch):
    candidates = make("bignas")
    monkeypatch.setattr(random_search, "MAX_SAMPLES", 2**10)
    budget = Budget(flops=smallest_flops(candidates))
    encoded = draw(candidates, budget, 10, rng())
    assert encoded.tolist() == [candidates.genes.least.tolist()]
    candidates.add(encoded)
    assert draw(candidates, budget, 10, rng()).shape == (0, 31)


@pytest.mark.parametrize("attempts", [1, 64, 100, 1000, 2**15])
def test_proposals_are_bounded(attempts):
    candidates = make("bignas")
    proposed = []

    def propose(count):
        proposed.append(count)
        return np.tile(candidates.genes.least, (count, 1))

    found = draw_again(candidates, Budget(), 2, propose, attempts)
    assert len(found) == 1
    assert sum(proposed) == attempts
    assert max(proposed) <= random_search.CHUNK


def test_proposals_end_when_enough_is_found():
    candidates = make("bignas")
    proposed = []

    def propose(count):
        proposed.append(count)
        return candidates.space.sample_encoded(rng(), count)

    found = draw_again(candidates, Budget(), 20, propose, 10**6)
    assert len(found) == 20
    assert len(proposed) == 1
