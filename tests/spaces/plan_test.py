import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given
from space_strategies import families_and_architectures
from space_strategies import quick
from space_strategies import small_families

from keras_elastic import families
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import plan as primitives


def operations(plan):
    """Every operation of a plan, shortcuts included."""
    for block in plan.blocks:
        yield from block.operations
        if block.shortcut is not None:
            yield from block.shortcut


def names(plan):
    return [operation.name for operation in operations(plan)]


def sizes(operation):
    """The numbers of an operation that an architecture can change."""
    return {
        field: value
        for field, value in dataclasses.asdict(operation).items()
        if not isinstance(value, (str, float))
    }


def plan_of_extremes(family):
    space = family.space
    return family.plan(space.unstack(space.one_gene_changes), classes=10)


# The builder


def test_builder_follows_channels_and_size():
    builder = PlanBuilder(15)
    with builder.block("stem"):
        builder.convolution("conv", 24, 3, strides=2)
        builder.depthwise_convolution("depthwise", 5, strides=2)
        assert (builder.channels, builder.size) == (24, 4)
    with builder.block("head"):
        builder.global_pooling("pool")
        builder.dense("features", 12, use_bias=False)
        assert (builder.channels, builder.size) == (12, 1)
    convolution, depthwise = builder.plan().blocks[0].operations
    assert convolution == primitives.Convolution(
        "stem_conv",
        in_channels=3,
        filters=24,
        kernel_size=3,
        strides=2,
        use_bias=False,
        padding="same",
        size=15,
    )
    assert depthwise == primitives.DepthwiseConvolution(
        "stem_depthwise",
        channels=24,
        kernel_size=5,
        strides=2,
        kernel_transform=False,
        size=8,
    )


def test_builder_adds_what_it_is_told():
    builder = PlanBuilder(8, channels=16)
    with builder.block("block"):
        builder.normalization("norm", epsilon=1e-5, zero_gamma=True)
        builder.activation("activation", "swish")
        builder.squeeze_excite("se", 4, "relu", "hard_sigmoid")
        builder.global_pooling("pool")
        builder.dropout("dropout", 0.2)
        builder.dense("dense", 10)
    assert builder.plan().blocks[0].operations == (
        primitives.Normalization("block_norm", 16, 1e-5, True),
        primitives.Activation("block_activation", "swish"),
        primitives.SqueezeExcite(
            "block_se", 16, 4, "relu", "hard_sigmoid", size=8
        ),
        primitives.GlobalPooling("block_pool"),
        primitives.Dropout("block_dropout", 16, 0.2),
        primitives.Dense("block_dense", 16, 10, True),
    )


def test_a_skipped_block_changes_nothing_after_it():
    builder = PlanBuilder(8, channels=16)
    with builder.block("skipped", live=False):
        builder.convolution("conv", 24, strides=2)
    assert (builder.channels, builder.size) == (16, 8)
    assert builder.plan().blocks[0].live is False
    assert builder.plan().blocks[0].out_channels == 24


def test_a_block_that_only_some_have():
    builder = PlanBuilder(8, channels=16)
    with builder.block("block", live=np.array([True, False])):
        builder.convolution("conv", np.array([24, 32]), strides=2)
    np.testing.assert_array_equal(builder.channels, [24, 16])
    np.testing.assert_array_equal(builder.size, [4, 8])


def test_shortcut_of_a_strided_block():
    builder = PlanBuilder(15, channels=16)
    with builder.block("block", shortcut="elastic", strides=2):
        builder.convolution("conv", 24, strides=2)
    assert builder.plan().blocks[0].shortcut[0] == primitives.Shortcut(
        "block_shortcut",
        in_channels=16,
        filters=24,
        strides=2,
        project=True,
        size=15,
    )


def project(in_channels, filters):
    builder = PlanBuilder(8, channels=in_channels)
    with builder.block("block", shortcut="elastic", strides=1):
        builder.convolution("conv", filters)
    return builder.plan().blocks[0].shortcut[0].project


def test_a_shortcut_projects_where_widths_differ():
    assert project(16, 24) is True
    assert project(16, 16) is False
    widths = np.array([16, 24]), np.array([16, 16])
    np.testing.assert_array_equal(project(*widths), [False, True])


def test_widths_of_one_gene_never_differ():
    width = np.array([16, 24])
    assert project(width, width) is False


def test_a_block_without_shortcut():
    builder = PlanBuilder(8)
    with builder.block("block"):
        builder.convolution("conv", 8)
    assert builder.plan().blocks[0].shortcut is None


def test_plan_of_the_builder():
    builder = PlanBuilder(8)
    for name in ("one", "two"):
        with builder.block(name):
            builder.convolution("conv", 8)
    plan = builder.plan()
    assert plan.resolution == 8
    assert [block.name for block in plan.blocks] == ["one", "two"]
    assert names(plan) == ["one_conv", "two_conv"]
    assert plan.classifier == "two_conv"


# The plans of the families


@quick
@given(families_and_architectures())
def test_every_architecture_has_the_same_structure(pair):
    family, arch = pair
    plan = family.plan(arch, classes=10)
    assert names(plan) == names(plan_of_extremes(family))
    assert len(set(names(plan))) == len(names(plan))


@quick
@given(families_and_architectures())
def test_a_stage_has_its_first_blocks_as_many_as_its_depth(pair):
    family, arch = pair
    live = {block.name: block.live for block in family.plan(arch, 10).blocks}
    assert live.pop("stem") is True and live.pop("head") is True
    assert live == {
        f"stage{stage}_block{block}": block <= depth
        for stage, depth in enumerate(arch.depth, start=1)
        for block in range(1, max(family.stages[stage - 1].depth) + 1)
    }


@quick
@given(families_and_architectures())
def test_live_blocks_are_a_chain(pair):
    family, arch = pair
    channels = 3
    for block in family.plan(arch, classes=10).blocks:
        if not block.live:
            continue
        first = block.operations[0]
        assert getattr(first, "in_channels", channels) == channels
        assert getattr(first, "channels", channels) == channels
        if block.shortcut is not None:
            assert block.shortcut[0].in_channels == channels
            assert block.shortcut[0].filters == block.out_channels
            assert block.shortcut[0].size == first.size
        channels = block.out_channels
    assert channels == 10


@quick
@given(families_and_architectures())
def test_arrays_and_integers_make_the_same_plan(pair):
    family, arch = pair
    space = family.space
    rows = np.stack([space.encode(space.largest), space.encode(arch)])
    many = operations(family.plan(space.unstack(rows), classes=10))
    one = operations(family.plan(arch, classes=10))
    for of_many, of_one in zip(many, one, strict=True):
        assert sizes(of_one) == {
            field: value[1] if isinstance(value, np.ndarray) else value
            for field, value in sizes(of_many).items()
        }


@quick
@given(families_and_architectures())
def test_one_gene_changes_hold_the_largest_sizes(pair):
    family, arch = pair
    extremes = operations(plan_of_extremes(family))
    own = operations(family.plan(arch, classes=10))
    for largest, operation in zip(extremes, own, strict=True):
        for field, value in sizes(operation).items():
            assert value <= np.max(sizes(largest)[field]), operation


@quick
@given(families_and_architectures())
def test_one_gene_changes_change_all_that_can_change(pair):
    family, arch = pair
    extremes = operations(plan_of_extremes(family))
    smallest = operations(family.plan(family.space.smallest, classes=10))
    own = operations(family.plan(arch, classes=10))
    for elastic, low, operation in zip(extremes, smallest, own, strict=True):
        for field, value in sizes(operation).items():
            if value != sizes(low)[field]:
                assert len(np.unique(sizes(elastic)[field])) > 1, operation


@quick
@given(families_and_architectures(small_families(transition_shortcuts=False)))
def test_shortcuts_inside_stages_never_project(pair):
    family, arch = pair
    for block in family.plan(arch, classes=10).blocks:
        if block.shortcut is not None:
            assert block.shortcut[0].project is False
            assert block.shortcut[0].strides == 1


@pytest.mark.parametrize("extreme", ["smallest", "largest"])
def test_tensors_and_integers_make_the_same_plan(extreme):
    family = families.get("bignas_digits")
    space = family.space
    arch = getattr(space, extreme)
    vector = keras.ops.convert_to_tensor(space.encode(arch))
    genes = space.unstack([vector[i] for i in range(len(space.genes))])
    of_tensors = operations(family.plan(genes, classes=10))
    of_integers = operations(family.plan(arch, classes=10))
    for tensors, integers in zip(of_tensors, of_integers, strict=True):
        found = {field: int(value) for field, value in sizes(tensors).items()}
        assert found == sizes(integers)
