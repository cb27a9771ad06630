import numpy as np
import pytest
from hypothesis import given
from space_strategies import all_families
from space_strategies import families_and_architectures
from space_strategies import published_families
from space_strategies import quick
from space_strategies import small_families

from keras_elastic import families
from keras_elastic.spaces import Costs
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import costs

FLOAT32 = 4  # bytes


def build(size, channels, add, **block):
    """Plan of one block; `add` adds the block's operations to a builder."""
    builder = PlanBuilder(size, channels)
    with builder.block("block", **block):
        add(builder)
    return builder.plan()


def flops_and_params(add, **block):
    return costs(build(5, 4, add, **block))[:2]


# Each primitive, over 4 channels of 5x5 pixels


@pytest.mark.parametrize(
    "add, flops, params, elements",
    [
        # A stride of 2 leaves 3x3 pixels of 5x5.
        (
            lambda builder: builder.convolution("x", 6, 3, strides=2),
            4 * 6 * 9 * 9,
            4 * 6 * 9,
            4 * 25 + 6 * 9,
        ),
        (
            lambda builder: builder.convolution("x", 6, use_bias=True),
            4 * 6 * 25,
            4 * 6 + 6,
            4 * 25 + 6 * 25,
        ),
        (
            lambda builder: builder.depthwise_convolution("x", 3, strides=2),
            4 * 9 * 9,
            4 * 9,
            4 * 25 + 4 * 9,
        ),
        (lambda builder: builder.normalization("x"), 0, 4 + 4, 0),
        (lambda builder: builder.activation("x", "swish"), 0, 0, 0),
        (
            lambda builder: builder.squeeze_excite("x", 2, "relu", "sigmoid"),
            4 * 2 + 2 * 4,
            (4 * 2 + 2) + (2 * 4 + 4),
            4 * 25,
        ),
        (lambda builder: builder.global_pooling("x"), 0, 0, 0),
        (lambda builder: builder.dropout("x", 0.2), 0, 0, 0),
        (lambda builder: builder.dense("x", 10), 40, 40 + 10, 4 + 10),
        (
            lambda builder: builder.dense("x", 10, use_bias=False),
            40,
            40,
            4 + 10,
        ),
    ],
    ids=[
        "convolution",
        "convolution with bias",
        "depthwise convolution",
        "normalization",
        "activation",
        "squeeze-excite",
        "pooling",
        "dropout",
        "dense",
        "dense without bias",
    ],
)
def test_costs_of_a(add, flops, params, elements):
    found = costs(build(5, 4, add))
    assert found == Costs(flops, params, FLOAT32 * elements)


def test_an_identity_shortcut_is_free():
    def add(builder):
        builder.depthwise_convolution("depthwise", 3)

    assert flops_and_params(
        add, shortcut="elastic", strides=1
    ) == flops_and_params(add)


def test_a_projection_is_counted():
    def add(builder):
        builder.convolution("conv", 6, 3, strides=2)

    flops, params = flops_and_params(add)
    with_shortcut = flops_and_params(add, shortcut="elastic", strides=2)
    assert with_shortcut == (flops + 4 * 6 * 9, params + 4 * 6)


# Peak memory, by hand


def peak_elements(*arguments, **block):
    memory = costs(build(*arguments, **block)).memory
    assert memory % FLOAT32 == 0
    return memory // FLOAT32


def test_peak_is_what_an_operation_reads_and_writes():
    def add(builder):
        builder.convolution("conv", 8, 3, strides=2)  # 3*16 + 8*4 = 80
        builder.normalization("norm")
        builder.activation("activation", "swish")
        builder.convolution("expand", 20)  # 8*4 + 20*4 = 112
        builder.squeeze_excite("se", 5, "swish", "sigmoid")  # 20*4
        builder.depthwise_convolution("depthwise", 3, strides=2)  # 80 + 20
        builder.global_pooling("pool")
        builder.dense("dense", 10)  # 20 + 10

    assert peak_elements(4, 3, add) == 112


def test_peak_inside_a_residual_block_holds_the_shortcut():
    def add(builder):
        builder.convolution("expand", 8)  # 64 + 128: reads what is held
        builder.depthwise_convolution("depthwise", 3, 2)  # 64 + 128 + 32
        builder.convolution("project", 6)  # 64 + 32 + 24
        builder.normalization("norm")

    # The addition: 64 held, and twice the 24 of the output.
    assert (
        peak_elements(4, 4, add, shortcut="elastic", strides=2) == 64 + 128 + 32
    )


def test_peak_at_the_first_operation_counts_the_input_once():
    def add(builder):
        builder.depthwise_convolution("depthwise", 3, 2)  # 160 + 40
        builder.convolution("project", 1)  # 160 + 40 + 4
        builder.convolution("narrow", 1)  # 160 + 4 + 4

    assert (
        peak_elements(4, 10, add, shortcut="elastic", strides=2) == 160 + 40 + 4
    )

    def add_first_only(builder):
        builder.depthwise_convolution("depthwise", 3, 2)  # 160 + 40

    assert peak_elements(4, 10, add_first_only) == 160 + 40


def test_peak_at_the_addition():
    def add(builder):
        builder.convolution("conv", 6)  # 64 + 96

    # The input, the block's output and the shortcut's output.
    assert (
        peak_elements(4, 4, add, shortcut="elastic", strides=1) == 64 + 96 + 96
    )


def test_costs_of_a_network():
    builder = PlanBuilder(8)
    with builder.block("stem"):
        builder.convolution("conv", 4, 3, strides=2)
        builder.normalization("norm")
        builder.activation("activation", "swish")
    with builder.block("residual", shortcut="elastic", strides=2):
        builder.convolution("expand", 8)
        builder.normalization("expand_norm")
        builder.depthwise_convolution("depthwise", 3, strides=2)
        builder.normalization("depthwise_norm")
        builder.squeeze_excite("se", 2, "swish", "sigmoid")
        builder.convolution("project", 6)
        builder.normalization("project_norm", zero_gamma=True)
    with builder.block("skipped", live=False, shortcut="elastic", strides=1):
        builder.convolution("conv", 1000, 7)
    with builder.block("head"):
        builder.global_pooling("pool")
        builder.dense("classifier", 10)
    stem = 3 * 4 * 9 * 16
    residual = 32 * 16 + 72 * 4 + 32 + 48 * 4 + 24 * 4
    params = (108 + 8) + (32 + 16 + 72 + 16 + 42 + 48 + 12 + 24) + 70
    peak = 3 * 64 + 4 * 16
    assert costs(builder.plan()) == Costs(
        flops=stem + residual + 60, params=params, memory=FLOAT32 * peak
    )


def test_a_skipped_block_costs_nothing():
    def add(builder):
        builder.convolution("conv", 6, 3)

    skipped = build(4, 4, add, live=False, shortcut="elastic", strides=1)
    assert costs(skipped) == Costs(0, 0, 0)


def test_only_those_that_have_a_block_pay_for_it():
    def add(builder):
        builder.convolution("conv", 6)

    found = costs(build(4, 4, add, live=np.array([True, False])))
    np.testing.assert_array_equal(found.flops, [24 * 16, 0])
    np.testing.assert_array_equal(found.params, [24, 0])
    np.testing.assert_array_equal(found.memory, [FLOAT32 * 160, 0])


# Every family


def costs_of(family, arch):
    return costs(family.plan(arch, classes=10))


def assert_between(low, middle, high):
    for field in Costs._fields:
        bounds = getattr(low, field), getattr(high, field)
        assert bounds[0] <= getattr(middle, field) <= bounds[1], field


def assert_extremes_bound(family, arch):
    assert_between(
        costs_of(family, family.space.smallest),
        costs_of(family, arch),
        costs_of(family, family.space.largest),
    )


@quick
@given(families_and_architectures(published_families()))
def test_extremes_bound_the_costs_of_published_spaces(pair):
    assert_extremes_bound(*pair)


# With projections between stages there are spaces where a wider stage costs
# less, because its width equals the next one's and no projection is needed.
@quick
@given(families_and_architectures(small_families(transition_shortcuts=False)))
def test_extremes_bound_the_costs_without_projections(pair):
    assert_extremes_bound(*pair)


@quick
@given(families_and_architectures())
def test_costs_are_integers(pair):
    assert [type(cost) for cost in costs_of(*pair)] == [int, int, int]


@quick
@given(all_families())
def test_arrays_and_integers_cost_the_same(family):
    space = family.space
    vectors = space.sample_encoded(np.random.default_rng(0), 4)
    many = costs(family.plan(space.unstack(vectors), classes=10))
    each = [costs_of(family, space.decode(vector)) for vector in vectors]
    for field in Costs._fields:
        expected = [getattr(one, field) for one in each]
        np.testing.assert_array_equal(getattr(many, field), expected)


@pytest.mark.parametrize("name", families.names())
def test_costs_of_one_vector(name):
    family = families.get(name)
    if name != "vgg16":  # Its classifier needs its resolution, and is large.
        family = families.get(name, resolution=(2048,))
    largest = family.space.largest
    genes = family.space.unstack(family.space.encode(largest))
    expected = costs_of(family, largest)
    assert expected.flops > 2**31
    assert costs(family.plan(genes, classes=10)) == expected


def test_a_hundred_thousand_architectures_at_once():
    family = families.get("bignas")
    space = family.space
    vectors = space.sample_encoded(np.random.default_rng(0), 100_000)
    found = costs(family.plan(space.unstack(vectors), classes=1000))
    assert all(cost.shape == (100_000,) for cost in found)
    low, high = (
        costs(family.plan(arch, classes=1000))
        for arch in (space.smallest, space.largest)
    )
    for field in Costs._fields:
        cost = getattr(found, field)
        assert getattr(low, field) <= cost.min()
        assert cost.max() <= getattr(high, field)
    last = costs(family.plan(space.decode(vectors[-1]), classes=1000))
    assert tuple(cost[-1] for cost in found) == last
