"""The published numbers, and the rule behind them."""

import basisnet_tiny
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.conditional import BasisNet
from keras_elastic.conditional import basisnet_costs
from keras_elastic.conditional import condconv_costs
from keras_elastic.spaces import costs


def plan_of(name, classes=1000, **changes):
    family = families.get(name, **changes)
    arch = families.network(name)[1] if not changes else family.space.largest
    return family.plan(arch, classes)


LARGE = plan_of("mobilenet_v3_large")
SMALL = plan_of("mobilenet_v3_small")


@pytest.mark.parametrize(
    "num_bases, params, flops",
    [
        (1, 8.03, 273.1),
        (2, 9.15, 274.2),
        (8, 15.87, 280.9),
        (16, 24.83, 289.9),
        (64, 78.60, 343.7),
    ],
)
def test_golden_numbers_of_mobilenet_v3(num_bases, params, flops):
    found = basisnet_costs(SMALL, LARGE, num_bases, range(11, 16))
    assert round(found.params / 1e6, 2) == params
    assert round(found.flops / 1e6, 1) == flops


@pytest.mark.parametrize("num_bases", [1, 3, 128])
@pytest.mark.parametrize("first", [8, 11])
def test_the_rule(num_bases, first):
    blocks = range(first, 16)
    kernels = sum(
        layer.filters * layer.in_channels
        if hasattr(layer, "filters")
        else layer.channels * layer.kernel_size**2
        for number in blocks
        for layer in LARGE.blocks[number].operations
        if type(layer).__name__ in ("Convolution", "DepthwiseConvolution")
    )
    if first == 11:
        assert round(kernels / 1e6, 3) == 1.115
    found = basisnet_costs(SMALL, LARGE, num_bases, blocks)
    head = len(blocks) * num_bases
    both = costs(SMALL).flops + costs(LARGE).flops
    assert found.flops == both + (num_bases - 1) * kernels + head * 1024
    assert found.light_flops == costs(SMALL).flops + head * 1024
    assert found.params == (
        costs(SMALL).params
        + costs(LARGE).params
        + (num_bases - 1) * kernels
        + head * 1025
    )


def test_golden_numbers_of_the_light_mobilenet_v2():
    plan = plan_of(
        "mobilenet_v2", resolution=(128,), width=(50,), scale_head=True
    )
    assert round(costs(plan).flops / 1e6, 2) == 30.30
    assert round(costs(plan).params / 1e6, 3) == 1.225


def test_golden_numbers_of_condconv():
    plan = plan_of("efficientnet_b0")
    found = condconv_costs(plan, 4, range(9, 17))
    assert round(found.params / 1e6, 2) == 13.31
    assert round(condconv_costs(plan, 8, range(9, 17)).params / 1e6, 1) == 24.0
    assert found.light_flops == 0


def test_many_specialists_at_once():
    family = families.get("bignas_digits")
    space = family.space
    rng = np.random.default_rng(0)
    encoded = space.sample_encoded(rng, 20)
    light = family.plan(space.smallest, 5)
    # Every architecture has the first three blocks.
    many = basisnet_costs(
        light, family.plan(space.unstack(encoded), 5), 4, (1, 3)
    )
    for place, row in enumerate(encoded):
        plan = family.plan(space.decode(row), 5)
        one = basisnet_costs(light, plan, 4, (1, 3))
        assert many.flops[place] == one.flops
        assert many.params[place] == one.params


def test_numbers_count_live_blocks():
    family = families.get("bignas_digits")
    light = family.plan(family.space.smallest, 5)
    # One block a stage: the third is the last.
    model = BasisNet(light, light, 2, (3,))
    assert model.basis_block_names == ("stage3_block1",)
    assert model.costs == basisnet_costs(light, light, 2, (3,))


@pytest.mark.parametrize(
    "num_bases, blocks, message",
    [
        (0, (1,), "`num_bases` must be a positive integer"),
        (2.0, (1,), "`num_bases` must be a positive integer"),
        (2, (1, 9), r"1\.\.5"),
        (2, ("stage1_block1",), "`basis_blocks` must be"),
    ],
)
def test_errors(num_bases, blocks, message):
    with pytest.raises(ValueError, match=message):
        basisnet_costs(*basisnet_tiny.plans(), num_bases, blocks)
    with pytest.raises(ValueError, match=message):
        condconv_costs(basisnet_tiny.plans()[1], num_bases, blocks)
