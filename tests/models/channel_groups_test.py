import contracts
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.models import Supernet
from keras_elastic.models import channel_groups
from keras_elastic.models import sort_channels

LITE = families.get("bignas_lite", resolution=(32,))


def make(family, classes=5):
    supernet = Supernet(family, classes)
    contracts.randomize(supernet)
    return supernet


def groups_of(family):
    return channel_groups.channel_groups(family.plan(family.space.largest, 5))


def names(operations):
    return {operation.name for operation in operations}


def test_an_addition_ties_channels():
    [group] = [
        group
        for group in groups_of(LITE)
        if "stage5_block1_project" in names(group.producers)
    ]
    assert names(group.producers) == {
        f"stage5_block{block}_project" for block in (1, 2, 3)
    }
    assert names(group.consumers) == {
        "stage5_block2_expand",
        "stage5_block3_expand",
        "stage6_block1_expand",
    }
    assert "stage5_block2_project_norm" in names(group.members)


def test_colors_and_logits_stay():
    found = groups_of(LITE)
    assert not any("stem_conv" in names(g.consumers) for g in found)
    assert not any("head_classifier" in names(g.producers) for g in found)


# The ResNets have four stages at their size, and two here.
FEW = {"channels": (32, 64), "depth": (1, 2), "total_strides": 4}
RESNETS = {
    "slimmable_resnet50": FEW,
    "ofa_resnet50": {**FEW, "stem": 16},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, changes",
    [
        ("bignas_digits", {}),
        *RESNETS.items(),
        *(
            pytest.param(name, {}, marks=pytest.mark.exhaustive)
            for name in (
                *("bignas_lite", "mobilenet_v1", "mobilenet_v3_small"),
                *RESNETS,
            )
        ),
    ],
)
def test_the_largest_subnet_computes_what_it_did(name, changes):
    family = families.get(name, resolution=(32,), **changes)
    supernet = make(family)
    arch = family.space.largest
    # Many, so that no variance is all but zero and enlarges rounding.
    many = contracts.random_images(64, 32)
    _, statistics = supernet(many, arch, return_statistics=True)
    images = contracts.random_images(4, 32, seed=1)
    before = supernet(images, arch, statistics=statistics)
    kernel = np.array(supernet.get_weights()[0])
    statistics = sort_channels(supernet, statistics=statistics, trunk=True)
    assert not np.array_equal(kernel, supernet.get_weights()[0])
    after = supernet(images, arch, statistics=statistics)
    scale = np.abs(before).max()
    np.testing.assert_allclose(after / scale, before / scale, atol=1e-4)


def test_the_first_channels_are_the_most_important():
    supernet = make(LITE)
    sort_channels(supernet, trunk=True)
    for group in groups_of(LITE):
        importance = channel_groups._importance(supernet, group)
        assert (np.diff(importance) <= 1e-9).all()
    weights = supernet.get_weights()
    sort_channels(supernet, trunk=True)
    for one, other in zip(weights, supernet.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_kept_with_the_trunk():
    supernet = make(LITE)
    with pytest.raises(ValueError, match="`keep` must be empty"):
        sort_channels(supernet, keep=[LITE.space.smallest], trunk=True)
