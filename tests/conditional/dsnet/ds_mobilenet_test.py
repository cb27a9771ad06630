"""Tests of `conditional/dsnet/families.py`, too."""

import dataclasses

import contracts
import family_checks
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.conditional.dsnet.families import DSMobileNet
from keras_elastic.conditional.dsnet.families import Row
from keras_elastic.families.table import Gate
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

PAPER = families.get("ds_mobilenet")
SMALL = families.get("ds_mobilenet_cifar10")
# What the release prints for its fourteen subnets, in millions.
PRINTED = [
    133, 153, 175, 200, 226, 255, 286, 319, 355, 393, 433, 475, 519, 565,
]  # fmt: skip
# Sub-nets 0, 3, 7 and 13 to a tenth of a million.
EXACT = {1: 132.9, 4: 199.6, 8: 319.4, 14: 565.4}


def arch_of(family, number):
    return Architecture(family.resolution[-1], (number,), (), (), ())


def plan_of(family, number, classes=1000):
    return family.plan(arch_of(family, number), classes)


def as_the_release_counts(plan):
    """It counts what pooling reads too: the attentions' and the last one."""
    pooled = 0
    for block in plan.blocks:
        for operation in block.every_operation:
            if isinstance(operation, primitives.SqueezeExcite):
                pooled += operation.channels * operation.size**2
    last = plan.blocks[-2]
    return costs(plan).flops + pooled + last.out_channels * last.out_size**2


# Numbers


def test_flops_of_the_fourteen_subnets():
    millions = [
        as_the_release_counts(plan_of(PAPER, number)) / 1e6
        for number in range(1, 15)
    ]
    assert [round(value) for value in millions] == PRINTED
    for number, value in EXACT.items():
        assert round(millions[number - 1], 1) == value


def test_our_flops_of_the_ends():
    assert costs(plan_of(PAPER, 1))[:2] == (132_004_224, 2_660_364)
    assert costs(plan_of(PAPER, 14))[:2] == (564_090_944, 7_351_180)


def channels(family, number):
    return [b.out_channels for b in plan_of(family, number).blocks[:-1]]


def test_channels_of_the_release():
    narrow = [16, 32, 48, 48, 96, 96]
    assert channels(PAPER, 1) == narrow + [224] * 6 + [736] * 2
    assert channels(PAPER, 2) == narrow + [256] * 6 + [768] * 2
    assert channels(PAPER, 14) == narrow + [640] * 6 + [1152] * 2
    wide = [24, 88, 168, 168, 264, 264]
    assert channels(PAPER, 15) == wide + [640] * 6 + [1152] * 2


def test_the_small_one_is_small():
    few, most = (costs(plan_of(SMALL, number, 10)) for number in (1, 5))
    assert most.params == 273_948
    assert most.flops > 4 * few.flops


def test_attention_narrows_the_same_in_every_subnet():
    narrowed = [
        {
            operation.name: operation.reduced
            for block in plan_of(PAPER, number).blocks
            for operation in block.operations
            if isinstance(operation, primitives.SqueezeExcite)
        }
        for number in (1, 14, 15)
    ]
    assert narrowed[0] == narrowed[1] == narrowed[2]
    assert list(narrowed[0].values()) == [6, 22, 42, 42, 66, 66] + [160] * 6 + [
        288
    ]


# The gate


def test_the_gate_is_where_the_width_begins():
    choices = tuple(range(1, 15))
    assert PAPER.gates == (Gate("stage4_block1_attention", 0, choices),)
    names = [
        operation.name
        for block in plan_of(PAPER, 1).blocks
        for operation in block.operations
    ]
    gate = names.index(PAPER.gates[0].operation)
    assert names[gate - 3] == "stage4_block1_depthwise"
    assert names[gate + 1] == "stage4_block1_pointwise"


@pytest.mark.parametrize("family", [PAPER, SMALL], ids=lambda f: f.name)
def test_nothing_before_the_gate_depends_on_it(family):
    plans = [plan_of(family, number) for number in family.gates[0].choices]
    before = [[], []]
    for operations, plan in zip(before, (plans[0], plans[-1]), strict=True):
        for operation in (o for b in plan.blocks for o in b.operations):
            operations.append(operation)
            if operation.name == family.gates[0].operation:
                break
    assert before[0] == before[1]


def test_the_teacher_is_the_largest_and_no_path():
    assert PAPER.space.largest == arch_of(PAPER, 15)
    assert 15 not in PAPER.gates[0].choices
    assert PAPER.space.smallest == arch_of(PAPER, 1)


# Contracts


def test_costs_of_children():
    family_checks.check_costs_of_children(
        SMALL, [arch_of(SMALL, number) for number in (1, 3, 6)]
    )


@pytest.mark.exhaustive
def test_costs_of_the_papers_children():
    archs = [arch_of(PAPER, number) for number in (1, 7, 15)]
    family_checks.check_costs_of_children(PAPER, archs)


def test_costs_of_many():
    family_checks.check_costs_of_many(PAPER)


@pytest.mark.exhaustive
def test_subnets_and_children(tmp_path):
    archs = [arch_of(SMALL, number) for number in (1, 4)]
    pair = family_checks.check_subnets(SMALL, archs)
    child = pair.sliced.child(archs[1])
    contracts.check_child(child, SMALL.plan(archs[1], 10), tmp_path)


@pytest.mark.parametrize("family", [PAPER, SMALL], ids=lambda f: f.name)
def test_json(family):
    family_checks.check_json(family)


def test_no_shortcuts_and_swish():
    plan = plan_of(PAPER, 3)
    assert all(block.shortcut is None for block in plan.blocks)
    functions = {
        operation.function
        for block in plan.blocks
        for operation in block.operations
        if isinstance(operation, primitives.Activation)
    }
    assert functions == {"swish"}


def test_dropout_is_an_option():
    def rates(family):
        return [
            operation.rate
            for operation in plan_of(family, 1).blocks[-1].operations
            if isinstance(operation, primitives.Dropout)
        ]

    assert rates(PAPER) == [0.2]
    assert rates(SMALL) == []


def test_a_table_without_a_gate_is_refused():
    with pytest.raises(ValueError, match="`stages` must have a row with an"):
        DSMobileNet("flat", (32,), 3, Row(16, 0, 24), (Row(16, 0, 24),))
    with pytest.raises(ValueError, match="and the stem none"):
        dataclasses.replace(SMALL, stem=Row(16, 8, 24))


def test_it_is_a_supernet():
    supernet = keras_elastic.Supernet(SMALL, 10)
    images = contracts.random_images(2, 32)
    outputs = [supernet(images, arch_of(SMALL, number)) for number in (1, 5, 6)]
    assert all(output.shape == (2, 10) for output in outputs)
