import functools
import re

import contracts
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.families.resnet import OnceForAllResNetD
from keras_elastic.families.resnet import SlimmableResNet
from keras_elastic.models import Supernet
from keras_elastic.models import channel_groups
from keras_elastic.models import sort_channels
from keras_elastic.models import sorting
from keras_elastic.spaces import plan as primitives

RESNET = SlimmableResNet(
    name="tiny_resnet",
    resolution=(8,),
    width=(50, 100),
    stem=16,
    channels=(32, 64),
    depth=(1, 2),
    total_strides=2,
)

RESNET_D = OnceForAllResNetD(
    name="tiny_resnet_d",
    resolution=(8, 12),
    width=(50, 100),
    expand_ratio=(25, 50, 100),
    more_blocks=(0, 1),
    stem=16,
    channels=(16, 32),
    depth=(1, 1),
    total_strides=2,
)


@pytest.fixture(
    params=[
        "attentive",
        "resnet",
        "resnet_d",
        # The kind of the first, with more blocks.
        pytest.param("bignas_digits", marks=pytest.mark.exhaustive),
    ]
)
def family(request, attentive_family):
    return {
        "bignas_digits": families.get("bignas_digits"),
        "attentive": attentive_family,
        "resnet": RESNET,
        "resnet_d": RESNET_D,
    }[request.param]


@functools.cache
def built(family):
    """A supernet, and weights of it, also gamma and beta, that are random."""
    supernet = Supernet(family, classes=5)
    contracts.randomize(supernet)
    return supernet, supernet.get_weights()


def make(family):
    """The supernet of a family, with its random weights again."""
    supernet, values = built(family)
    supernet.set_weights(values)
    return supernet


def images():
    return contracts.random_images(4, 8)


def logits(supernet, arch=None, statistics=None):
    arch = arch or supernet.space.largest
    return supernet(images(), arch, statistics=statistics).numpy()


def measured(supernet, arch=None):
    _, statistics = supernet(
        images(), arch or supernet.space.largest, return_statistics=True
    )
    return statistics


def segments(supernet):
    return list(sorting._segments(supernet, supernet.space.largest))


def norms(supernet, segment):
    kernel = getattr(supernet, segment.consumer.name).kernel.numpy()
    return np.abs(kernel).sum((0, 1, 3))


def weights(supernet):
    return {v.path: v.numpy() for v in supernet.variables}


def names_of_changed(before, after):
    return {path for path in before if (before[path] != after[path]).any()}


# The largest subnet


def test_the_largest_subnet_computes_what_it_did(family):
    supernet = make(family)
    before = weights(supernet)
    expected = logits(supernet)
    assert sort_channels(supernet) is None
    assert names_of_changed(before, weights(supernet))
    np.testing.assert_allclose(logits(supernet), expected, atol=1e-5)


def test_given_statistics_are_sorted_along(family):
    supernet = make(family)
    statistics = measured(supernet)
    copies = {name: np.array(value) for name, value in statistics.items()}
    expected = logits(supernet, statistics=statistics)
    in_order = sort_channels(supernet, statistics=statistics)
    got = logits(supernet, statistics=in_order)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    # What was given is as it was.
    assert set(in_order) == set(statistics)
    for name, value in statistics.items():
        np.testing.assert_array_equal(value, copies[name])
    old = logits(supernet, statistics=statistics)
    assert np.abs(old - expected).max() > 1e-2


def test_a_child_of_the_largest_is_the_same(family):
    supernet = make(family)
    statistics = measured(supernet)
    expected = logits(supernet, statistics=statistics)
    in_order = sort_channels(supernet, statistics=statistics)
    child = supernet.child(supernet.space.largest, in_order)
    size = child.input_shape[1]
    got = child(contracts.resize(images(), size), training=False)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_masked_is_sorted_as_sliced(attentive_family):
    supernet = make(attentive_family)
    masked = Supernet(attentive_family, classes=5, mode="masked")
    masked.set_weights(supernet.get_weights())
    for each in (supernet, masked):
        sort_channels(each)
    for one, other in zip(
        supernet.get_weights(), masked.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_kernel_transforms_and_biases():
    supernet = make(ConvolutionsWithBias())
    expected = logits(supernet)
    before = weights(supernet)
    sort_channels(supernet)
    changed = names_of_changed(before, weights(supernet))
    assert any("first/bias" in path for path in changed)
    assert any("depthwise/kernel" in path for path in changed)
    assert not any("transform" in path for path in changed)
    np.testing.assert_allclose(logits(supernet), expected, atol=1e-5)


class ConvolutionsWithBias:
    """A block with what the families above do not have."""

    name = "with_bias"
    space = keras_elastic.SearchSpace(
        "with_bias", (8,), ((8, 16),), (), ((3, 5),), ()
    )

    def plan(self, genes, classes):
        builder = keras_elastic.spaces.PlanBuilder(genes.resolution)
        with builder.block("body"):
            builder.convolution("first", genes.width[0], 3, use_bias=True)
            builder.activation("activation", "relu")
            builder.average_pooling("average", 2)
            builder.max_pooling("max", 2, 1)
            builder.depthwise_convolution(
                "depthwise", genes.kernel_size[0], kernel_transform=True
            )
            builder.convolution("second", 8, use_bias=True)
        with builder.block("head"):
            builder.global_pooling("pool")
            builder.dense("classifier", classes)
        return builder.plan()


# The order


def test_the_norms_descend(family):
    supernet = make(family)
    sort_channels(supernet)
    for segment in segments(supernet):
        assert (np.diff(norms(supernet, segment)) <= 1e-4).all()


def test_channels_move_whole(attentive_family):
    supernet = make(attentive_family)
    name = "stage2_block1"
    expand, norm, depthwise, project = (
        getattr(supernet, f"{name}_{part}")
        for part in ("expand", "expand_norm", "depthwise", "project")
    )

    def channels():
        size = norm.channels
        return np.concatenate(
            [
                np.moveaxis(expand.kernel.numpy(), 3, 0).reshape(size, -1),
                norm.gamma.numpy().reshape(size, -1),
                np.moveaxis(depthwise.kernel.numpy(), 2, 0).reshape(size, -1),
                np.moveaxis(project.kernel.numpy(), 2, 0).reshape(size, -1),
            ],
            axis=1,
        )

    before = channels()
    importance = np.abs(project.kernel.numpy()).sum((0, 1, 3))
    sort_channels(supernet)
    np.testing.assert_array_equal(
        channels(), before[np.argsort(-importance, kind="stable")]
    )


def test_sorting_twice_changes_nothing(family):
    supernet = make(family)
    statistics = sort_channels(supernet, statistics=measured(supernet))
    before = weights(supernet)
    again = sort_channels(supernet, statistics=statistics)
    assert not names_of_changed(before, weights(supernet))
    for name, value in statistics.items():
        np.testing.assert_array_equal(again[name], value)


def test_equal_channels_stay_in_their_order(family):
    supernet = make(family)
    before = weights(supernet)
    for segment in segments(supernet):
        kernel = getattr(supernet, segment.consumer.name).kernel
        kernel.assign(np.ones(kernel.shape))
    ones = weights(supernet)
    sort_channels(supernet)
    assert not names_of_changed(ones, weights(supernet))
    assert names_of_changed(before, ones)


# Which channels


def pairs(supernet):
    return [(s.producer.name, s.consumer.name) for s in segments(supernet)]


def test_segments_of_inverted_residuals(attentive_family):
    # Stage 1 has no expansion: all of its channels touch a shortcut.
    assert pairs(make(attentive_family)) == [
        (f"stage2_block{i}_expand", f"stage2_block{i}_project")
        for i in (1, 2, 3)
    ]


def test_segments_of_bottlenecks():
    found = pairs(make(RESNET))
    assert found == [
        (f"{block}_{first}", f"{block}_{second}")
        for block in ("stage1_block1", "stage2_block1", "stage2_block2")
        for first, second in (("reduce", "conv"), ("conv", "expand"))
    ]


# The operations that hold a hidden channel, by the ends of their names.
HIDDEN = {
    "bignas_digits": "expand expand_norm depthwise depthwise_norm se project",
    "tiny_resnet": "reduce reduce_norm conv conv_norm expand",
}
HIDDEN["tiny_attentive"] = HIDDEN["bignas_digits"]
HIDDEN["tiny_resnet_d"] = HIDDEN["tiny_resnet"]


def test_only_what_holds_hidden_channels_changes(family):
    supernet = make(family)
    before = weights(supernet)
    sort_channels(supernet)
    holders = "|".join(HIDDEN[family.name].split())
    pattern = re.compile(rf"stage\d_block\d_({holders})/")
    for path in names_of_changed(before, weights(supernet)):
        assert pattern.search(path), path


def test_what_shortcuts_see_stays(family):
    supernet = make(family)
    last = {
        block.operations[-2].name
        for block in family.plan(family.space.largest, 5).blocks
        if block.shortcut is not None and len(block.operations) > 3
    }
    assert last
    before = {name: outputs(supernet, name) for name in last}
    sort_channels(supernet)
    for name in last:
        np.testing.assert_allclose(
            outputs(supernet, name), before[name], rtol=1e-5
        )


def outputs(supernet, name):
    """The norm of each output channel of a convolution."""
    kernel = getattr(supernet, name).kernel.numpy()
    return np.abs(kernel).sum((0, 1, 2))


@pytest.mark.parametrize("name", families.names())
def test_every_family_can_be_sorted(name):
    family = families.get(name)
    plan = family.plan(family.space.largest, 10)
    for block in plan.blocks:
        for segment in sorting._segments_of_block(block):
            for member in segment.members:
                found = channel_groups.permute_member.dispatch(type(member))
                assert found is not channel_groups.permute_member.dispatch(
                    object
                )


def test_an_operation_it_does_not_know_is_refused():
    with pytest.raises(NotImplementedError, match="Dense"):
        channel_groups.permute_member(
            primitives.Dense("d", 1, 1, False), None, None
        )


# Widths that are trained already


@pytest.mark.slow
def test_subnets_that_are_kept_compute_what_they_did(family):
    supernet = make(family)
    rng = np.random.default_rng(3)
    archs = [supernet.space.sample(rng) for _ in range(3)]
    archs.append(supernet.space.smallest)
    expected = [logits(supernet, arch) for arch in archs]
    before = weights(supernet)
    sort_channels(supernet, keep=archs)
    assert names_of_changed(before, weights(supernet))
    for arch, value in zip(archs, expected, strict=True):
        np.testing.assert_allclose(logits(supernet, arch), value, atol=1e-5)
    np.testing.assert_allclose(
        logits(supernet), logits(make(family)), atol=1e-5
    )


def test_statistics_of_a_kept_subnet_are_sorted_along(family):
    supernet = make(family)
    arch = supernet.space.smallest
    statistics = measured(supernet, arch)
    expected = logits(supernet, arch, statistics)
    in_order = sort_channels(supernet, keep=[arch], statistics=statistics)
    np.testing.assert_allclose(
        logits(supernet, arch, in_order), expected, atol=1e-5
    )


def test_subnets_that_are_not_kept_change(family):
    supernet = make(family)
    before = logits(supernet, supernet.space.smallest)
    sort_channels(supernet)
    after = logits(supernet, supernet.space.smallest)
    assert np.abs(after - before).max() > 1e-2


def test_a_subnet_without_a_block_keeps_nothing_of_it():
    supernet = make(RESNET_D)
    sort_channels(supernet, keep=[supernet.space.smallest])
    left_out = [
        segment
        for segment in segments(supernet)
        if segment.producer.name.startswith("stage2_block2")
    ]
    assert len(left_out) == 2
    for segment in left_out:
        assert (np.diff(norms(supernet, segment)) <= 1e-4).all()


def test_channels_move_within_the_groups_only():
    supernet = make(RESNET)
    name = "stage2_block1_reduce"
    segment = next(s for s in segments(supernet) if s.producer.name == name)
    before = norms(supernet, segment)
    sort_channels(supernet, keep={name: [12, 4]})
    expected = [np.sort(part)[::-1] for part in np.split(before, [4, 12])]
    np.testing.assert_allclose(
        norms(supernet, segment), np.concatenate(expected), rtol=1e-5
    )


def test_errors_of_keep():
    supernet = make(RESNET)
    with pytest.raises(ValueError, match="stage1_block1_reduce.*'stem_conv'"):
        sort_channels(supernet, keep={"stem_conv": [8]})
    for width in (0, 17):
        with pytest.raises(ValueError, match=rf"in 1\.\.16.*\[{width}\]"):
            sort_channels(supernet, keep={"stage2_block1_reduce": [width]})
    other = families.get("bignas_digits").space.smallest
    with pytest.raises(
        ValueError, match="of another family than the space 'tiny_resnet'"
    ):
        sort_channels(supernet, keep=[other])


# The tests of equality above would see what is left behind


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "variable",
    [
        "block1_expand/kernel",
        "expand_norm/gamma",
        "expand_norm/beta",
        "depthwise/kernel",
        "depthwise_norm/gamma",
        "depthwise_norm/beta",
        "se/reduce/kernel",
        "se/expand/kernel",
        "se/expand/bias",
        "project/kernel",
    ],
)
def test_a_weight_that_is_left_behind_is_seen(
    variable, attentive_family, monkeypatch
):
    take, forgotten = sorting.take, []

    def forget(weight, order, axis=0):
        if weight.path.endswith(variable):
            forgotten.append(weight.path)
        else:
            take(weight, order, axis)

    supernet = make(attentive_family)
    expected = logits(supernet)
    for module in (sorting, channel_groups):
        monkeypatch.setattr(module, "take", forget)
    sort_channels(supernet)
    assert forgotten
    assert np.abs(logits(supernet) - expected).max() > 1e-2
