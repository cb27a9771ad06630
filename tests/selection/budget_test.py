import re

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.selection import Budget
from keras_elastic.selection import Limit
from keras_elastic.selection import RandomSearch
from keras_elastic.selection.budget import short
from keras_elastic.spaces import Costs
from keras_elastic.spaces import costs

DIGITS = families.get("bignas_digits")
COSTS = Costs(flops=100, params=20, memory=3)
BOUNDS = ("flops", "params", "memory")


def costs_of(arch):
    return costs(DIGITS.plan(arch, 10))


# Holding


@pytest.mark.parametrize(
    "bounds, expected",
    [
        ({}, True),
        ({"flops": 100}, True),
        ({"flops": 99.9}, False),
        ({"params": 20}, True),
        ({"params": 19}, False),
        ({"memory": 3}, True),
        ({"memory": 2}, False),
        ({"resolution": 8}, True),
        ({"resolution": 10}, False),
        ({"flops": 100, "params": 20, "memory": 3, "resolution": 8}, True),
        ({"flops": 100, "params": 20, "memory": 2, "resolution": 8}, False),
    ],
)
def test_holds_of_integers(bounds, expected):
    assert bool(Budget(**bounds).holds(COSTS, resolution=8)) is expected


def test_holds_of_arrays():
    many = Costs(
        np.array([1, 5, 1, 1]), np.array([2, 2, 5, 2]), np.array([3, 3, 3, 3])
    )
    holds = Budget(flops=4, params=4, resolution=8).holds(
        many, np.array([8, 8, 8, 10])
    )
    np.testing.assert_array_equal(holds, [True, False, False, False])


def test_holds_alike_for_arrays_and_one_by_one():
    space = DIGITS.space
    encoded = space.sample_encoded(np.random.default_rng(0), 50)
    genes = space.unstack(encoded)
    budget = Budget(flops=600e3, params=60e3, memory=50e3)
    together = budget.holds(costs(DIGITS.plan(genes, 10)), encoded[:, 0])
    archs = [space.decode(row) for row in encoded]
    alone = [budget.holds(costs_of(a), a.resolution) for a in archs]
    assert together.tolist() == alone
    assert 0 < sum(alone) < len(alone)


# Wrong bounds


@pytest.mark.parametrize("name", [*BOUNDS, "resolution"])
@pytest.mark.parametrize(
    "value", [0, -1, -0.5, float("nan"), "400e6", [1], True, 1j]
)
def test_a_bound_must_be_a_positive_number(name, value):
    received = re.escape(f"Received: {name}={value!r}")
    with pytest.raises(ValueError, match=f"`{name}` must be.*{received}"):
        Budget(**{name: value})


@pytest.mark.parametrize("value", [1, 0.5, np.int64(3), np.float32(0.1)])
def test_any_positive_number_is_a_bound(value):
    assert Budget(flops=value).flops == value


# Reach


@pytest.mark.parametrize("name", BOUNDS)
def test_the_smallest_architecture_is_just_in_reach(name):
    least = getattr(costs_of(DIGITS.space.smallest), name)
    Budget(**{name: least}).check_reachable(DIGITS, 10)
    with pytest.raises(ValueError, match=f"need {name} from"):
        Budget(**{name: least - 1}).check_reachable(DIGITS, 10)


def test_out_of_reach_states_the_range():
    message = (
        "No architecture of 'bignas' meets flops <= 50e6; the architectures "
        "need flops from 217.6e6 to 1.892e9. Raise the budget."
    )
    with pytest.raises(ValueError) as error:
        Budget(flops=50e6).check_reachable(families.get("bignas"), 1000)
    assert str(error.value) == message


def test_out_of_reach_names_the_bounds_that_fail_only():
    budget = Budget(flops=1, params=1e9, memory=1)
    with pytest.raises(ValueError, match="flops from .* and memory from") as e:
        budget.check_reachable(DIGITS, 10)
    assert "params from" not in str(e.value)


def test_more_classes_need_more():
    least = costs_of(DIGITS.space.smallest).params
    Budget(params=least).check_reachable(DIGITS, 10)
    with pytest.raises(ValueError, match="params from"):
        Budget(params=least).check_reachable(DIGITS, 11)


@pytest.mark.parametrize("resolution", DIGITS.space.resolution)
def test_every_resolution_is_in_reach(resolution):
    Budget(resolution=resolution).check_reachable(DIGITS, 10)


@pytest.mark.parametrize("resolution", [9, 224])
def test_a_resolution_that_does_not_exist(resolution):
    with pytest.raises(ValueError, match=re.escape("(8, 10, 12)")) as error:
        Budget(resolution=resolution).check_reachable(DIGITS, 10)
    assert f"resolution {resolution}." in str(error.value)


def test_constraints_that_contradict_each_other():
    # Within reach at 8 pixels, and not at 12.
    Budget(flops=200e3).check_reachable(DIGITS, 10)
    Budget(flops=200e3, resolution=8).check_reachable(DIGITS, 10)
    expected = (
        "meets resolution = 12 and flops <= 200e3; the architectures at "
        "resolution 12 need flops from 310.6e3 to 2.272e6."
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        Budget(flops=200e3, resolution=12).check_reachable(DIGITS, 10)


@pytest.mark.parametrize("name", families.names())
def test_the_smallest_architecture_costs_least(name):
    # What `check_reachable` relies on.
    family = families.get(name)
    space = family.space
    rng = np.random.default_rng(0)
    encoded = np.concatenate(
        [space.one_gene_changes, space.sample_encoded(rng, 5000)]
    )
    many = costs(family.plan(space.unstack(encoded), 10))
    least = costs(family.plan(space.smallest, 10))
    most = costs(family.plan(space.largest, 10))
    for bound in BOUNDS:
        assert getattr(many, bound).min() == getattr(least, bound)
        found, largest = getattr(many, bound).max(), getattr(most, bound)
        # Where widths change within a stage there are projections that the
        # largest has no need of.
        slack = 1.01 if name == "bignas_layerwise" else 1
        assert largest <= found <= slack * largest


# Text


@pytest.mark.parametrize(
    "bounds, expected",
    [
        ({}, "no limit"),
        ({"flops": 400e6}, "flops <= 400e6"),
        ({"memory": 1024, "resolution": 8}, "resolution = 8 and memory"),
        (
            {"flops": 1e9, "params": 5, "memory": 2e3, "resolution": 8},
            "resolution = 8 and flops <= 1e9 and params <= 5 and memory <= 2e3",
        ),
    ],
)
def test_text_of_a_budget(bounds, expected):
    assert str(Budget(**bounds)).startswith(expected)


@pytest.mark.parametrize(
    "number, expected",
    [
        (0, "0"),
        (5, "5"),
        (999, "999"),
        (1000, "1e3"),
        (203_449_000, "203.4e6"),
        (1_937_371_648, "1.937e9"),
    ],
)
def test_short_numbers(number, expected):
    assert short(number) == expected


# Costs of one's own


def width(arch):
    return sum(arch.width)


FAMILY = families.get("bignas_digits")
SPACE = FAMILY.space
WIDE, NARROW = width(SPACE.largest), width(SPACE.smallest)


class Vectorized:
    """A cost that is asked for many architectures at once."""

    asked = 0

    def __call__(self, arch):
        return width(arch)

    def predict_encoded(self, encoded):
        Vectorized.asked += 1
        return encoded[:, 1 : 1 + len(SPACE.width)].sum(axis=1)


@pytest.mark.parametrize("cost", [width, Vectorized()])
def test_any_function_is_a_cost(cost):
    bound = (WIDE + NARROW) / 2
    budget = Budget(limits=(Limit("width", cost, bound),))
    encoded = SPACE.sample_encoded(np.random.default_rng(0), 50)
    expected = [width(SPACE.decode(row)) <= bound for row in encoded]
    assert 0 < sum(expected) < 50
    np.testing.assert_array_equal(budget.fits_limits(SPACE, encoded), expected)


def test_a_cost_that_can_is_asked_once():
    cost = Vectorized()
    limit = Limit("width", cost, WIDE)
    before = Vectorized.asked
    encoded = SPACE.sample_encoded(np.random.default_rng(0), 50)
    assert Budget(limits=(limit,)).fits_limits(SPACE, encoded).all()
    assert Vectorized.asked == before + 1


def test_the_second_limit_is_asked_for_what_the_first_lets_through():
    asked = []
    limits = (
        Limit("resolution", lambda arch: arch.resolution, 8),
        Limit("noted", lambda arch: asked.append(arch) or 0.0, 1),
    )
    encoded = SPACE.sample_encoded(np.random.default_rng(0), 50)
    fits = Budget(limits=limits).fits_limits(SPACE, encoded)
    assert len(asked) == fits.sum() < 50
    assert {arch.resolution for arch in asked} == {8}


def test_a_limit_out_of_reach_tells_the_range():
    budget = Budget(limits=(Limit("width", width, NARROW - 1),))
    expected = f"meets width <= .*smallest needs {NARROW}.*largest {WIDE}"
    with pytest.raises(ValueError, match=expected):
        budget.check_reachable(FAMILY, 10)


def test_limits_are_part_of_the_text():
    limit = Limit("latency in ms", width, 2.5)
    assert str(Budget(flops=1e6, limits=(limit,))) == (
        "flops <= 1e6 and latency in ms <= 2.5"
    )


def test_a_search_holds_to_limits():
    bound = NARROW + 8
    budget = Budget(limits=(Limit("width", width, bound),))
    [selection] = RandomSearch(candidates=20, seed=0).search(
        FAMILY, 10, width, [budget]
    )
    assert width(selection.arch) <= bound
