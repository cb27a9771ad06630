import pytest

from keras_elastic import families
from keras_elastic.conditional import basisnet_costs
from keras_elastic.conditional import select_pair
from keras_elastic.spaces import costs

FAMILY = families.get("bignas_digits")
OPTIONS = {"classes": 10, "num_bases": 4, "num_basis_blocks": 3}


def plan(arch, family=FAMILY):
    return family.plan(arch, 10)


@pytest.mark.parametrize("flops", [0.7e6, 1e6, 2e6])
def test_a_pair_is_within_the_budget_and_uses_it(flops):
    pair = select_pair(FAMILY, flops, **OPTIONS)
    assert 0.9 * flops < pair.costs.flops <= flops
    assert costs(plan(pair.light)).flops <= 0.25 * flops
    assert pair.light.resolution <= pair.specialist.resolution
    assert pair.costs == basisnet_costs(
        plan(pair.light), plan(pair.specialist), 4, pair.basis_blocks
    )
    live = sum(b.live for b in plan(pair.specialist).blocks[1:-1])
    assert pair.basis_blocks == (live - 2, live - 1, live)


def test_the_score_decides():
    def few_channels(arch):
        return -sum(arch.width)

    pair = select_pair(FAMILY, 2e6, score=few_channels, **OPTIONS)
    assert pair.light.width == pair.specialist.width
    assert pair.light.width == FAMILY.space.smallest.width


def test_a_light_network_of_another_family():
    light = families.get("mobilenet_v2", resolution=(8,), total_strides=4)
    pair = select_pair(
        FAMILY, 4e6, light_family=light, light_share=0.7, **OPTIONS
    )
    light.space.validate(pair.light)
    FAMILY.space.validate(pair.specialist)
    assert pair.costs.flops <= 4e6


def test_a_larger_share_is_a_larger_light_network():
    small, large = (
        select_pair(FAMILY, 2e6, light_share=share, **OPTIONS)
        for share in (0.1, 0.5)
    )
    assert small.costs.light_flops < large.costs.light_flops


def test_it_repeats():
    assert select_pair(FAMILY, 1e6, seed=3, **OPTIONS) == select_pair(
        FAMILY, 1e6, seed=3, **OPTIONS
    )


def test_an_unreachable_budget_says_the_range():
    with pytest.raises(ValueError, match="No pair.*flops <= 1e3.*from.*to"):
        select_pair(FAMILY, 1000, **OPTIONS)
    with pytest.raises(ValueError, match="`light_share`"):
        select_pair(FAMILY, 1e6, light_share=0.001, **OPTIONS)
