import numpy as np

from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import plan as primitives


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
    named = [op.name for block in plan.blocks for op in block.operations]
    assert named == ["one_conv", "two_conv"]
    assert plan.classifier == "two_conv"
