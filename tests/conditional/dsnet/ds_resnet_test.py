import dataclasses

import contracts
import family_checks
import keras
import numpy as np
import pytest

from keras_elastic import SubnetCalibrator
from keras_elastic import Supernet
from keras_elastic import families
from keras_elastic.conditional import DSNet
from keras_elastic.export.rebuilding import rebuild
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs

PAPER = families.get("ds_resnet50")
SMALL = dataclasses.replace(
    PAPER,
    name="tiny_ds_resnet",
    resolution=(16,),
    width=(50, 100),
    stem=8,
    channels=(32, 64),
    depth=(1, 2),
    total_strides=4,
)


def arch_of(family, *percents):
    return Architecture(family.resolution[-1], percents, (), (), ())


def flops(family, *percents):
    return costs(family.plan(arch_of(family, *percents), 1000)).flops


def test_at_full_width_it_is_resnet50_and_attention():
    family, arch = families.network("resnet50")
    plain = costs(family.plan(arch, 1000))
    attention = [(64, 16), (256, 64), (512, 128), (1024, 256)]
    ours = costs(PAPER.plan(arch_of(PAPER, 100, 100, 100, 100), 1000))
    weights = sum(2 * width * inner for width, inner in attention)
    biases = sum(width + inner for width, inner in attention)
    assert ours.flops == plain.flops + weights
    assert ours.params == plain.params + weights + biases


def test_a_narrow_stage_narrows_what_reads_it():
    plan = PAPER.plan(arch_of(PAPER, 25, 100, 50, 75), 1000)
    assert [block.out_channels for block in plan.blocks[:-1]] == (
        [64] + [64] * 3 + [512] * 4 + [512] * 6 + [1536] * 3
    )
    hidden = [
        operation.filters
        for block in plan.blocks[1:4]
        for operation in block.operations
        if operation.name.endswith("reduce")
    ]
    assert hidden == [16, 16, 16]


def test_flops_grow_with_every_stage():
    for stage in range(4):
        narrow = [50] * 4
        narrow[stage] = 25
        assert flops(PAPER, *narrow) < flops(PAPER, 50, 50, 50, 50)


def test_a_gate_stands_at_the_input_of_each_stage():
    plan = PAPER.plan(PAPER.space.largest, 1000)
    first = {block.name: block.operations[0].name for block in plan.blocks}
    for stage, gate in enumerate(PAPER.gates):
        assert gate.gene == stage
        assert gate.choices == (25, 50, 75, 100)
        assert first[f"stage{stage + 1}_block1"] == gate.operation
    assert len(PAPER.gates) == 4


def test_costs_of_children():
    family_checks.check_costs_of_children(
        SMALL, [arch_of(SMALL, 50, 100), arch_of(SMALL, 100, 50)]
    )


def test_costs_of_many():
    family_checks.check_costs_of_many(PAPER, 2000)


@pytest.mark.exhaustive
def test_subnets():
    archs = [arch_of(SMALL, 50, 100), arch_of(SMALL, 100, 50)]
    family_checks.check_subnets(SMALL, archs)


@pytest.mark.parametrize("family", [PAPER, SMALL], ids=lambda f: f.name)
def test_json(family):
    family_checks.check_json(family)


def test_attention_that_begins_as_the_identity():
    tanh = dataclasses.replace(SMALL, attention="one_plus_tanh")
    assert costs(tanh.plan(arch_of(tanh, 50, 100), 10)) == costs(
        SMALL.plan(arch_of(SMALL, 50, 100), 10)
    )
    family_checks.check_json(tanh)
    with pytest.raises(ValueError, match="`attention` must be one of"):
        dataclasses.replace(SMALL, attention="tanh")


def test_a_child_has_its_attention():
    tanh = dataclasses.replace(SMALL, attention="one_plus_tanh")
    supernet = Supernet(tanh, 10)
    contracts.randomize(supernet)
    images = contracts.random_images(4, 16)
    arch = arch_of(tanh, 50, 100)
    calibrator = SubnetCalibrator(supernet)
    statistics = calibrator.measure(arch, images)
    expected = supernet(images, arch, statistics=statistics)
    child = supernet.child(arch, statistics)
    np.testing.assert_allclose(child(images), expected, atol=1e-4)
    # What int8 and pruning read has it, too.
    again = rebuild(child, keras, fold_normalizations=True)
    np.testing.assert_allclose(again(images), expected, atol=1e-4)
    model = DSNet.from_supernet(
        supernet,
        {
            arch: calibrator.measure(arch, images)
            for arch in DSNet.architectures(tanh)
        },
    )
    assert {g.attention for g in model.gate_layers} == {"one_plus_tanh"}
    assert np.isfinite(model(images)).all()


def test_impossible_strides_are_refused():
    with pytest.raises(ValueError, match="total_strides=5"):
        dataclasses.replace(PAPER, total_strides=5)
