import dataclasses

import contracts
import family_checks
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.families.mobilenet_v1 import MobileNetV1
from keras_elastic.models import build_child
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs

NARROW = families.get("mobilenet_v1")
WIDE = families.get("mobilenet_v1_wide")

# For images of 32 pixels: few and narrow widths, to be run.
SMALL = MobileNetV1(
    name="small",
    resolution=(24, 32),
    width=(10, 15, 25),
    total_strides=8,
    dropout=0.2,
)

# MutualNet's query table for v1: M multiply-adds, percent, resolution.
QUERY_TABLE = [
    (569, 100, 224),
    (518, 95, 224),
    (466, 90, 224),
    (418, 100, 192),
    (380, 95, 192),
    (342, 90, 192),
    (309, 85, 192),
    (269, 80, 192),
    (239, 75, 192),
    (215, 85, 160),
    (187, 80, 160),
    (166, 75, 160),
    (146, 70, 160),
    (127, 65, 160),
    (111, 60, 160),
    (76, 50, 160),
    (63, 45, 160),
    (41, 35, 160),
    (30, 25, 192),
    (21, 25, 160),
    (13, 25, 128),
]


def arch_of(percent, resolution):
    return Architecture(resolution, (percent,), (), (), ())


def millions(family, percent, resolution):
    plan = family.plan(arch_of(percent, resolution), classes=1000)
    return costs(plan).flops / 1e6


# Published figures


@pytest.mark.parametrize(
    "percent, printed",
    [(100, "568.74"), (75, "325.40"), (50, "149.50"), (25, "41.03")],
)
def test_widths_of_us_net(percent, printed):
    assert f"{millions(NARROW, percent, 224):.2f}" == printed


@pytest.mark.parametrize(
    "percent, resolution, printed",
    [
        (95, 224, "517.55"),
        (90, 192, "342.75"),
        (85, 160, "215.26"),
        (50, 160, "76.52"),
        (25, 128, "13.57"),
    ],
)
def test_rows_of_mutualnet(percent, resolution, printed):
    assert f"{millions(NARROW, percent, resolution):.2f}" == printed


@pytest.mark.parametrize("printed, percent, resolution", QUERY_TABLE)
def test_query_table_of_mutualnet(printed, percent, resolution):
    found = millions(NARROW, percent, resolution)
    # The first two rows are rounded, the others cut.
    cut = (percent, resolution) not in [(100, 224), (95, 224)]
    assert (int(found) if cut else round(found)) == printed
    NARROW.space.validate(arch_of(percent, resolution))


@pytest.mark.parametrize(
    "percent, resolution, printed",
    [(100, 224, "0.569"), (200, 320, "4.521"), (160, 288, "2.353")],
)
def test_wide_networks_of_mutualnet(percent, resolution, printed):
    assert f"{millions(WIDE, percent, resolution) / 1e3:.3f}" == printed
    WIDE.space.validate(arch_of(percent, resolution))


def test_network_by_name():
    family, arch = families.network("mobilenet_v1")
    assert (family, arch) == (NARROW, arch_of(100, 224))
    plan = family.plan(arch, classes=1000)
    # Printed: 569 M and 4.2 M.
    assert costs(plan)[:2] == (568_740_352, 4_231_976)


def test_network_as_it_is_built():
    model = keras_elastic.build("mobilenet_v1")
    contracts.check_stock(model)
    assert contracts.count_flops(model) == 568_740_352
    assert contracts.count_params(model) == 4_231_976


def test_same_function_as_keras_applications():
    theirs = keras.applications.MobileNet(
        weights=None, classifier_activation=None
    )
    ours = keras_elastic.build("mobilenet_v1")
    family_checks.check_same_function(theirs, ours)


# Contracts


@pytest.mark.exhaustive
def test_costs_of_random_children():
    family_checks.check_costs_of_children(
        NARROW, family_checks.sample(NARROW, 1)
    )


@pytest.mark.exhaustive
def test_costs_of_all_children():
    archs = [
        arch_of(percent, resolution)
        for percent in NARROW.width
        for resolution in NARROW.resolution
    ]
    assert len(archs) == NARROW.space.size
    family_checks.check_costs_of_children(NARROW, archs)


@pytest.mark.exhaustive
def test_costs_of_wide_children():
    family_checks.check_costs_of_children(WIDE, family_checks.sample(WIDE, 10))


@pytest.mark.parametrize("family", [NARROW, WIDE], ids=lambda f: f.name)
def test_costs_of_many(family):
    family_checks.check_costs_of_many(family)


def test_subnets_and_children(tmp_path):
    space = SMALL.space
    archs = [space.smallest, arch_of(15, 24)]
    pair = family_checks.check_subnets(SMALL, archs)
    child = pair.sliced.child(archs[1])
    contracts.check_child(child, SMALL.plan(archs[1], 10), tmp_path)


@pytest.mark.parametrize("family", [NARROW, WIDE, SMALL], ids=lambda f: f.name)
def test_json(family):
    family_checks.check_json(family)


# Structure


def blocks_of(family, arch):
    return {block.name: block for block in family.plan(arch, 10).blocks}


def test_widths_are_rounded_percents():
    blocks = blocks_of(NARROW, arch_of(35, 224))
    # 11.2, 22.4, 44.8 and 89.6 channels; 11.2 may not lose a tenth.
    names = ["stem", "block1", "block2", "block4"]
    assert [blocks[name].out_channels for name in names] == [16, 24, 48, 88]
    assert blocks["block13"].out_channels == 360


def test_no_block_is_residual_and_relu_stops_at_six():
    plan = NARROW.plan(arch_of(100, 224), 10)
    assert all(block.shortcut is None for block in plan.blocks)
    functions = {
        operation.function
        for block in plan.blocks
        for operation in block.every_operation
        if hasattr(operation, "function")
    }
    assert functions == {"relu6"}


@pytest.mark.parametrize(
    "total_strides, resolution, last",
    [(None, 224, 7), (16, 64, 4), (8, 32, 4)],
)
def test_total_strides(total_strides, resolution, last):
    family = families.get(
        "mobilenet_v1", resolution=(resolution,), total_strides=total_strides
    )
    blocks = blocks_of(family, family.space.largest)
    assert blocks["block13"].out_size == last


def test_small_images_keep_the_parameters():
    counted = set()
    for total in (None, 16, 8):
        family = dataclasses.replace(NARROW, total_strides=total)
        counted.add(costs(family.plan(arch_of(100, 224), 10)).params)
    assert len(counted) == 1


@pytest.mark.parametrize("dropout, count", [(0.0, 0), (0.3, 1)])
def test_dropout(dropout, count):
    family = dataclasses.replace(SMALL, dropout=dropout)
    rates = [
        operation.rate
        for operation in family.plan(arch_of(10, 24), 10).blocks[-1].operations
        if hasattr(operation, "rate")
    ]
    assert rates == [dropout] * count


# The table


def test_other_choices():
    family = families.get("mobilenet_v1", width=(30, 125), resolution=(96,))
    assert family.space.largest == arch_of(125, 96)
    child = build_child(family.plan(family.space.smallest, 3))
    assert child.output_shape == (None, 3)


def test_lists_become_tuples():
    assert MobileNetV1("a", [32], [25]) == MobileNetV1("a", (32,), (25,))
    assert hash(MobileNetV1("a", [32], [25]))


def test_impossible_strides_are_refused():
    with pytest.raises(ValueError, match="total_strides=5"):
        dataclasses.replace(NARROW, total_strides=5)


def test_a_width_between_two_choices_is_named():
    with pytest.raises(ValueError) as error:
        NARROW.space.validate(arch_of(53, 224))
    message = "`width[0]` (percent of all layers) must be one of (25, 30"
    assert message in str(error.value)
    assert "is 53, between 50 and 55" in str(error.value)


def test_costs_grow_with_width_and_resolution():
    table = np.array(
        [[millions(NARROW, w, r) for w in NARROW.width] for r in (128, 224)]
    )
    assert (np.diff(table, axis=0) > 0).all()
    assert (np.diff(table, axis=1) > 0).all()
