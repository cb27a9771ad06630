import dataclasses

import contracts
import family_checks
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.families.mobilenet_v2 import AutoSlimMobileNetV2
from keras_elastic.families.mobilenet_v2 import MobileNetV2
from keras_elastic.models import Supernet
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs

NARROW = families.get("mobilenet_v2")
WIDE = families.get("mobilenet_v2_wide")
LIGHTWEIGHT = families.get("mobilenet_v2", scale_head=True)
AUTOSLIM = families.get("autoslim_mobilenet_v2")

# For images of 32 pixels: few and narrow widths, to be run. The last
# convolution is as wide for 80 percent as for 100, and wider for 110.
SMALL = MobileNetV2(
    name="small",
    resolution=(24, 32),
    width=(20, 80, 110),
    total_strides=8,
    dropout=0.2,
)
SMALL_AUTOSLIM = AutoSlimMobileNetV2(
    name="small_autoslim",
    resolution=(24, 32),
    largest_width=50,
    groups=4,
    total_strides=8,
)

# MutualNet's query table for v2: M multiply-adds, percent, resolution.
QUERY_TABLE = [
    (300, 100, 224),
    (284, 95, 224),
    (269, 90, 224),
    (254, 85, 224),
    (221, 100, 192),
    (209, 95, 192),
    (198, 90, 192),
    (187, 85, 192),
    (164, 80, 192),
    (154, 75, 192),
    (128, 70, 192),
    (107, 75, 160),
    (89, 70, 160),
    (84, 85, 128),
    (57, 70, 128),
]


def arch_of(percent, resolution):
    return Architecture(resolution, (percent,), (), (), ())


def costs_of(family, percent, resolution):
    return costs(family.plan(arch_of(percent, resolution), classes=1000))


# Published figures


def test_published_network():
    found = costs_of(NARROW, 100, 224)
    assert f"{found.flops / 1e6:.2f} M" == "300.77 M"
    assert f"{found.params / 1e6:.2f} M" == "3.50 M"


@pytest.mark.parametrize("printed, percent, resolution", QUERY_TABLE)
def test_query_table_of_mutualnet(printed, percent, resolution):
    found = costs_of(NARROW, percent, resolution).flops / 1e6
    # Some rows are cut (284.54, 57.56) and others rounded (163.80, 197.99).
    assert printed in (int(found), round(found))
    NARROW.space.validate(arch_of(percent, resolution))


def test_lightweight_model_of_basisnet():
    found = costs_of(LIGHTWEIGHT, 50, 128)
    assert f"{found.flops / 1e6:.2f} M" == "30.30 M"
    assert found.params == 1_225_000  # Printed: 1.2 M.
    assert costs_of(NARROW, 50, 128).flops > found.flops


def test_network_by_name():
    assert families.network("mobilenet_v2") == (NARROW, arch_of(100, 224))


def test_network_as_it_is_built():
    model = keras_elastic.build("mobilenet_v2")
    contracts.check_stock(model)
    assert contracts.count_flops(model) == 300_774_272
    assert contracts.count_params(model) == 3_504_872


def test_same_function_as_keras_applications():
    theirs = keras.applications.MobileNetV2(
        weights=None, classifier_activation=None
    )
    ours = keras_elastic.build("mobilenet_v2")
    family_checks.check_same_function(theirs, ours)


# Printed by AutoSlim: 207, 305 and 505 M, 4.1, 5.7 and 6.5 M parameters.
@pytest.mark.parametrize(
    "name, flops, params",
    [
        ("207m", "206.8", 4_125_104),
        ("305m", "305.1", 5_767_288),
        ("505m", "504.9", 6_495_992),
    ],
)
def test_networks_of_autoslim(name, flops, params):
    family, arch = families.network(f"autoslim_mobilenet_v2_{name}")
    assert family == AUTOSLIM
    found = costs(family.plan(arch, classes=1000))
    assert f"{found.flops / 1e6:.1f}" == flops
    assert found.params == params


def test_a_network_of_autoslim_as_it_is_built():
    model = keras_elastic.build("autoslim_mobilenet_v2_305m")
    contracts.check_stock(model)
    assert f"{contracts.count_flops(model) / 1e6:.1f}" == "305.1"
    assert contracts.count_params(model) == 5_767_288


def test_autoslim_at_the_published_widths_is_mobilenet_v2():
    outputs = (16, 24, 32, 64, 96, 160, 320)
    hidden = [96, 144, 144, 192, 192, 192, 384, 384, 384, 384, 576, 576]
    widths = (32, *outputs, *hidden, 576, 960, 960, 960, 1280)
    plan = AUTOSLIM.plan(Architecture(224, widths, (), (), ()), classes=1000)
    assert plan == NARROW.plan(arch_of(100, 224), classes=1000)


# Contracts


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", [NARROW, AUTOSLIM], ids=lambda f: f.name)
def test_costs_of_random_children(family):
    archs = family_checks.sample(family, 1)
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "family, count",
    [(NARROW, 30), (WIDE, 10), (AUTOSLIM, 60)],
    ids=["narrow", "wide", "autoslim"],
)
def test_costs_of_more_children(family, count):
    archs = family_checks.sample(family, count, seed=1)
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.parametrize(
    "family",
    [NARROW, WIDE, AUTOSLIM, SMALL, LIGHTWEIGHT],
    ids=["narrow", "wide", "autoslim", "small", "lightweight"],
)
def test_costs_of_many(family):
    family_checks.check_costs_of_many(family)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "family", [SMALL, SMALL_AUTOSLIM], ids=lambda f: f.name
)
def test_subnets_and_children(family, tmp_path):
    # The sampled one is between the ends.
    archs = [family.space.smallest, *family_checks.sample(family, 1)]
    pair = family_checks.check_subnets(family, archs)
    child = pair.sliced.child(archs[0])
    contracts.check_child(child, family.plan(archs[0], 10), tmp_path)


def test_a_new_supernet_passes_the_first_blocks_on():
    """Residual blocks add nothing at first: their last gammas are zero."""
    family = dataclasses.replace(SMALL, resolution=(8,))
    supernet = Supernet(family, classes=3)
    images = contracts.random_images(2, 8)
    before = supernet(images, family.space.smallest)
    rng = np.random.default_rng(0)
    kernel = supernet.stage4_block3_expand.kernel
    kernel.assign(rng.normal(size=kernel.shape))
    np.testing.assert_array_equal(
        supernet(images, family.space.smallest), before
    )
    kernel = supernet.stage4_block1_expand.kernel
    kernel.assign(rng.normal(size=kernel.shape))
    assert not np.allclose(supernet(images, family.space.smallest), before)


@pytest.mark.parametrize(
    "family",
    [NARROW, WIDE, AUTOSLIM, SMALL, SMALL_AUTOSLIM],
    ids=lambda f: f.name,
)
def test_json(family):
    family_checks.check_json(family)


# Structure


def blocks_of(family, arch):
    return {block.name: block for block in family.plan(arch, 10).blocks}


def operation(block, name):
    found = [
        operation
        for operation in block.every_operation
        if operation.name == f"{block.name}_{name}"
    ]
    return found[0] if found else None


def test_seventeen_blocks_between_stem_and_head():
    names = list(blocks_of(NARROW, arch_of(100, 224)))
    assert (names[0], names[-1]) == ("stem", "head")
    assert len(names[1:-1]) == 17
    assert names[1:4] == ["stage1_block1", "stage2_block1", "stage2_block2"]


def test_hidden_layers_are_six_times_the_rounded_input():
    # 24 channels at 35 percent are 8.4, rounded to 8; 6 times 8.4 is 50.4.
    blocks = blocks_of(NARROW, arch_of(35, 224))
    assert operation(blocks["stage2_block2"], "expand").filters == 6 * 8
    assert operation(blocks["stage1_block1"], "expand") is None
    assert operation(blocks["stage1_block1"], "depthwise").channels == 16


@pytest.mark.parametrize(
    "family", [NARROW, AUTOSLIM, SMALL], ids=lambda f: f.name
)
def test_blocks_after_the_first_of_a_stage_are_residual(family):
    blocks = blocks_of(family, family.space.largest)
    for name, block in blocks.items():
        residual = name.startswith("stage") and not name.endswith("block1")
        assert block.shortcut == (() if residual else None)
        norm = operation(block, "project_norm")
        assert (norm is not None and norm.zero_gamma) == residual


def test_projections_are_linear():
    block = blocks_of(NARROW, arch_of(100, 224))["stage3_block2"]
    names = [operation.name for operation in block.every_operation]
    assert names[-2:] == [
        "stage3_block2_project",
        "stage3_block2_project_norm",
    ]


@pytest.mark.parametrize(
    "scale_head, percent, filters",
    [
        (False, 25, 1280),
        (False, 100, 1280),
        (False, 140, 1792),
        (True, 25, 320),
        (True, 50, 640),
        (True, 140, 1792),
    ],
)
def test_last_convolution(scale_head, percent, filters):
    family = families.get(
        "mobilenet_v2", width=(25, 50, 100, 140), scale_head=scale_head
    )
    head = blocks_of(family, arch_of(percent, 224))["head"]
    assert operation(head, "conv").filters == filters


@pytest.mark.parametrize("name", ["mobilenet_v2", "autoslim_mobilenet_v2"])
@pytest.mark.parametrize(
    "total_strides, resolution, last",
    [(None, 224, 7), (16, 64, 4), (8, 32, 4)],
)
def test_total_strides(name, total_strides, resolution, last):
    family = families.get(
        name, resolution=(resolution,), total_strides=total_strides
    )
    blocks = blocks_of(family, family.space.largest)
    assert blocks["stage7_block1"].out_size == last


@pytest.mark.parametrize("family", [SMALL, SMALL_AUTOSLIM])
@pytest.mark.parametrize("dropout, count", [(0.0, 0), (0.3, 1)])
def test_dropout(family, dropout, count):
    family = dataclasses.replace(family, dropout=dropout)
    head = blocks_of(family, family.space.smallest)["head"]
    rates = [op.rate for op in head.operations if hasattr(op, "rate")]
    assert rates == [dropout] * count


# The tables


def test_genes_of_autoslim():
    space = AUTOSLIM.space
    named = dict(zip(space.labels, space.width, strict=True))
    assert len(named) == len(space.width) == 25
    assert named["stem"] == (8, 16, 24, 32, 40, 48)
    assert named["stage 6 block 2 hidden"] == tuple(range(120, 1441, 120))
    assert named["stage 6 output"] == tuple(range(16, 241, 16))
    assert named["last convolution"] == tuple(range(160, 1921, 160))
    assert all(choices[0] >= 8 for choices in space.width)


@pytest.mark.parametrize("percent, largest", [(100, 1280), (150, 1920)])
def test_largest_network_of_autoslim(percent, largest):
    family = dataclasses.replace(AUTOSLIM, largest_width=percent)
    assert family.space.largest.width[-1] == largest
    wide = dataclasses.replace(WIDE, width=(percent,))
    assert (
        costs(family.plan(family.space.largest, 1000))[:2]
        == (costs_of(wide, percent, 224)[:2])
    )


def test_lists_become_tuples():
    assert MobileNetV2("a", [32], [25]) == MobileNetV2("a", (32,), (25,))
    assert hash(AutoSlimMobileNetV2("a", [32]))


@pytest.mark.parametrize("family", [NARROW, AUTOSLIM], ids=lambda f: f.name)
def test_impossible_strides_are_refused(family):
    with pytest.raises(ValueError, match="total_strides=5"):
        dataclasses.replace(family, total_strides=5)


def test_a_width_between_two_choices_is_named():
    with pytest.raises(ValueError) as error:
        NARROW.space.validate(arch_of(53, 224))
    message = "`width[0]` (percent of all layers) must be one of (25, 30"
    assert message in str(error.value)
    assert "is 53, between 50 and 55" in str(error.value)


def test_a_layer_of_autoslim_is_named():
    arch = AUTOSLIM.space.largest
    widths = list(arch.width)
    widths[13] = 250
    with pytest.raises(ValueError) as error:
        AUTOSLIM.space.validate(dataclasses.replace(arch, width=tuple(widths)))
    message = "`width[13]` (stage 4 block 1 hidden) must be one of (24, 48"
    assert message in str(error.value)
    assert "is 250, between 240 and 264" in str(error.value)


@pytest.mark.parametrize("zero_gamma", [True, False])
def test_the_last_gamma_begins_where_the_recipe_says(zero_gamma):
    family = families.get("mobilenet_v2", zero_gamma=zero_gamma)
    plan = family.plan(family.space.largest, 10)
    zeros = [
        operation.zero_gamma
        for block in plan.blocks
        for operation in block.operations
        if getattr(operation, "zero_gamma", None) is not None
    ]
    # Ten of the seventeen blocks are residual.
    assert sum(zeros) == (10 if zero_gamma else 0)
