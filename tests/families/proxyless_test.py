import contracts
import pytest

from keras_elastic import families
from keras_elastic.models import build_child
from keras_elastic.spaces import costs

NAME = "ofa_proxyless"

# Multiply-adds and parameters at 1000 classes, 1.3 times as wide; recomputed
# from the release: 87.82 M and 1004.91 M.
GOLDEN = {
    "smallest": (87_823_104, 3_718_832),
    "largest": (1_004_908_032, 7_942_056),
}


@pytest.mark.parametrize("which", GOLDEN)
def test_multiply_adds_and_parameters(which):
    family = families.get(NAME)
    plan = family.plan(getattr(family.space, which), 1000)
    assert costs(plan)[:2] == GOLDEN[which]
    model = build_child(plan)
    assert contracts.count_flops(model) == GOLDEN[which][0]
    assert contracts.count_params(model) == GOLDEN[which][1]


def test_size_of_the_space():
    # Five stages of two to four blocks, and one of one block.
    family = families.get(NAME, resolution=(224,))
    assert family.space.size == (9**2 + 9**3 + 9**4) ** 5 * 9
    assert families.get(NAME).space.size == 25 * family.space.size


def test_widths_are_those_of_the_release():
    family = families.get(NAME)
    plan = family.plan(family.space.largest, 1000)
    widths = {block.name: block.out_channels for block in plan.blocks[:-1]}
    assert widths["stem"] == 40  # of 41.6
    assert widths["first"] == 24  # of 20.8
    stages = [widths[f"stage{n}_block1"] for n in range(1, 7)]
    assert stages == [32, 56, 104, 128, 248, 416]
    assert plan.blocks[-1].operations[0].filters == 1664
    assert [b.size for b in plan.blocks if b.name.endswith("block1")] == [
        *(112, 56, 28, 14, 14, 7)
    ]


def test_blocks_have_relu6_and_no_squeeze_excite():
    family = families.get(NAME)
    plan = family.plan(family.space.largest, 1000)
    kinds = {
        type(operation).__name__
        for block in plan.blocks
        for operation in block.every_operation
    }
    assert kinds == {
        "Convolution",
        "DepthwiseConvolution",
        "Normalization",
        "Activation",
        "GlobalPooling",
        "Dropout",
        "Dense",
    }
    functions = {
        operation.function
        for block in plan.blocks
        for operation in block.every_operation
        if hasattr(operation, "function")
    }
    assert functions == {"relu6"}
