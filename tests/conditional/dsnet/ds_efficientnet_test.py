import dataclasses

import family_checks
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.spaces import Architecture

PAPER = families.get("ds_efficientnet_b0")
ROUNDED = families.get("ds_efficientnet")
TINY = dataclasses.replace(
    PAPER,
    name="tiny_ds_efficientnet",
    resolution=(8,),
    width=(50, 100, 150),
    base=EfficientNet(
        "tiny",
        (8,),
        (16,),
        (Stage((16,), (1,), (3,), (1,)), Stage((24,), (1,), strides=2)),
        (32,),
        transition_shortcuts=False,
    ),
    fixed_stages=1,
)


def widths(family, percent):
    arch = Architecture(family.resolution[-1], (percent,), (), (), ())
    plan = family.plan(arch, 1000)
    return [block.out_channels for block in plan.blocks[:-1]]


def test_every_layer_grows_by_its_own_constant():
    table = np.array([widths(PAPER, percent) for percent in PAPER.width])
    steps = np.diff(table, axis=0)
    assert (steps == steps[0]).all()
    # Stem and eight blocks are fixed; then stages 5, 6 and 7.
    assert steps[0].tolist() == [0] * 9 + [8] * 3 + [8] * 4 + [16]
    assert (table % 8 == 0).all()


def test_it_begins_where_the_rounded_one_begins():
    assert widths(PAPER, 75) == widths(ROUNDED, 75)


@pytest.mark.parametrize("family", [PAPER, ROUNDED], ids=lambda f: f.name)
def test_the_gate_follows_the_eighth_block(family):
    (gate,) = family.gates
    assert gate.operation == "stage5_block1_se"
    assert gate.choices == tuple(range(75, 180, 5))
    plan = family.plan(family.space.largest, 1000)
    # A stem comes before the blocks.
    names = [o.name for o in plan.blocks[9].operations]
    assert gate.operation in names
    project = next(o for o in plan.blocks[9].operations if "project" in o.name)
    assert names.index(gate.operation) < names.index(project.name)


def test_without_fixed_stages_there_is_no_gate():
    assert families.get("efficientnet_width").gates == ()
    with pytest.raises(ValueError, match="`attention` must be 'sigmoid'"):
        families.get("efficientnet_width", attention="one_plus_tanh")


def test_the_gate_alone_has_another_attention():
    family = dataclasses.replace(PAPER, attention="one_plus_tanh")
    plan = family.plan(family.space.largest, 1000)
    gates = {
        operation.name: operation.gate
        for block in plan.blocks
        for operation in block.operations
        if hasattr(operation, "gate")
    }
    assert len(gates) == 16
    assert gates.pop("stage5_block1_se") == "one_plus_tanh"
    assert set(gates.values()) == {"sigmoid"}
    family_checks.check_json(family)


@pytest.mark.parametrize("family", [PAPER, TINY], ids=lambda f: f.name)
def test_json(family):
    family_checks.check_json(family)


def test_costs_of_many():
    family_checks.check_costs_of_many(PAPER, 2000)


def test_costs_of_children():
    archs = [Architecture(8, (percent,), (), (), ()) for percent in (50, 150)]
    family_checks.check_costs_of_children(TINY, archs)
