import dataclasses

import dsnet_models
import pytest

from keras_elastic import families
from keras_elastic.conditional.dsnet import segments as dsnet_segments
from keras_elastic.families.table import Gate
from keras_elastic.spaces import costs


@pytest.mark.parametrize("family", dsnet_models.FAMILIES, ids=lambda f: f.name)
def test_the_parts_are_the_whole(family):
    plan = family.plan(family.space.largest, 10)
    parts = dsnet_segments.split(plan, family.gates)
    assert len(parts) == len(family.gates) + 1
    whole = [o for block in plan.blocks for o in block.every_operation]
    split = [o for p in parts for block in p for o in block.every_operation]
    assert split == whole
    flops = sum(dsnet_segments.flops(part) for part in parts)
    assert flops == costs(plan).flops
    for part, gate in zip(parts[1:], family.gates, strict=True):
        assert part[0].operations[0].name == gate.operation


def test_blocks_are_run_with_their_shortcuts():
    family = families.get("ds_resnet50", depth=(2, 1, 1, 1))
    plan = family.plan(family.space.largest, 10)
    blocks = plan.blocks[1:3]

    def run_chain(operations, names):
        return names + [operation.name for operation in operations]

    names = dsnet_segments.run(blocks, [], run_chain)
    # The sum of two lists is one after the other.
    expected = []
    for block in blocks:
        before = list(expected)
        expected += [o.name for o in block.operations]
        expected += before + [o.name for o in block.shortcut]
        expected += [o.name for o in block.after]
    assert names == expected


def test_an_unknown_operation():
    family = dsnet_models.MOBILENET
    plan = family.plan(family.space.largest, 10)
    gates = (Gate("stage9_block1_attention", 0, (1, 2)),)
    with pytest.raises(ValueError, match="name operations.*'stage9_block1"):
        dsnet_segments.split(plan, gates)


def test_a_gate_within_a_shortcut():
    family = dsnet_models.RESNET
    plan = family.plan(family.space.largest, 10)
    gate = dataclasses.replace(family.gates[0], operation="stage1_block1_conv")
    with pytest.raises(ValueError, match="first operation.*stage1_block1_conv"):
        dsnet_segments.split(plan, (gate,))
