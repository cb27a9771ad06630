import dataclasses
import json

import contracts
import family_checks
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.families.resnet import OnceForAllResNetD
from keras_elastic.families.resnet import SlimmableResNet
from keras_elastic.models import Supernet
from keras_elastic.models import build
from keras_elastic.models import build_child
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

NARROW = SlimmableResNet(
    name="narrow",
    resolution=(24, 32),
    width=(50, 75, 100),
    stem=16,
    channels=(32, 64, 96, 128),
    depth=(1, 2, 1, 1),
    total_strides=8,
)

NARROW_D = OnceForAllResNetD(
    name="narrow_d",
    resolution=(24, 32),
    width=(50, 80, 100),
    expand_ratio=(25, 50),
    more_blocks=(0, 1),
    stem=32,
    channels=(16, 32, 48, 64),
    depth=(1, 1, 2, 1),
    total_strides=8,
)

# ResNet-50D in the space of Once-for-All, whose stem adds a shortcut.
RESNET50D = Architecture(
    resolution=224,
    width=(32, 64, 256, 512, 1024, 2048),
    depth=(2, 3, 4, 6, 3),
    kernel_size=(),
    expand_ratio=(25,) * 18,
)


def slimmable(percent, resolution=224):
    return Architecture(resolution, (percent,), (), (), ())


def cost(name, arch):
    return costs(families.get(name).plan(arch, classes=1000))


def blocks_of(family, arch=None, classes=10):
    plan = family.plan(arch or family.space.largest, classes)
    return {block.name: block for block in plan.blocks}


def operation(block, name):
    """The operation of a block by the end of its name."""
    (found,) = [
        operation
        for operation in block.every_operation
        if operation.name == f"{block.name}_{name}"
    ]
    return found


# Published figures


@pytest.mark.parametrize(
    "percent, flops, params",
    [
        (100, 4_089_184_256, 25_557_032),
        (75, 2_322_677_760, 14_771_992),
        (50, 1_052_311_552, 6_917_640),
        (25, 278_085_632, 1_993_976),
    ],
)
def test_slimmable_resnet50(percent, flops, params):
    # Published: 4089, 2323, 1052 and 278.1 M; 25.56 M parameters at 1.0.
    found = cost("slimmable_resnet50", slimmable(percent))
    assert (found.flops, found.params) == (flops, params)


def test_resnet50_is_built_as_it_is_counted():
    model = build("resnet50")
    contracts.check_stock(model)
    assert contracts.count_params(model) == 25_557_032
    assert contracts.count_flops(model) == 4_089_184_256


def test_the_resnet50_of_keras_differs_as_the_docstring_says():
    theirs = keras.applications.ResNet50(weights=None)
    ours = blocks_of(families.get("slimmable_resnet50"), slimmable(100), 1000)
    convolutions = [
        operation
        for block in ours.values()
        for operation in block.every_operation
        if isinstance(operation, primitives.Convolution)
    ]
    biases = sum(convolution.filters for convolution in convolutions)
    # Where the stride comes first, a 1x1 convolution sees a quarter.
    moved = sum(
        block.in_channels * operation(block, "reduce").filters * block.size**2
        for block in ours.values()
        if block.name in ("stage2_block1", "stage3_block1", "stage4_block1")
    )
    assert (biases, moved * 3 // 4) == (26_560, 231_211_008)
    found = cost("slimmable_resnet50", slimmable(100))
    assert contracts.count_params(theirs) == found.params + 26_560
    assert contracts.count_flops(theirs) == found.flops - 231_211_008


def test_resnet50d_is_resnet50_with_another_stem():
    found = cost("ofa_resnet50", RESNET50D)
    plain = cost("slimmable_resnet50", slimmable(100))
    kernels = 3 * 32 * 9 + 32 * 32 * 9 + 32 * 64 * 9 - 3 * 64 * 49
    norms = 2 * (32 + 32 + 64) - 2 * 64
    assert found.params == plain.params + kernels + norms == 25_576_264
    assert found.flops == plain.flops + kernels * 112**2 == 4_328_824_832


@pytest.mark.parametrize(
    "extreme, resolution, flops, params",
    [
        ("smallest", 128, 315_079_552, 6_539_280),
        ("smallest", 224, 962_192_128, 6_539_280),
        ("largest", 224, 7_491_643_904, 48_105_992),
        ("largest", 256, 9_784_377_344, 48_105_992),
    ],
)
def test_extremes_of_once_for_all(extreme, resolution, flops, params):
    arch = getattr(families.get("ofa_resnet50").space, extreme)
    arch = dataclasses.replace(arch, resolution=resolution)
    found = cost("ofa_resnet50", arch)
    assert (found.flops, found.params) == (flops, params)


def test_published_once_for_all_networks_lie_in_the_range():
    space = families.get("ofa_resnet50").space
    least = cost("ofa_resnet50", space.smallest)
    most = cost("ofa_resnet50", space.largest)
    for flops in (0.6e9, 0.9e9, 1.2e9, 1.8e9, 2.4e9, 3.0e9, 4.1e9):
        assert least.flops < flops < most.flops
    assert least.params < 30.9e6 < most.params


def test_the_smallest_of_once_for_all_is_built_as_it_is_counted():
    family = families.get("ofa_resnet50")
    plan = family.plan(family.space.smallest, 1000)
    model = build_child(plan)
    assert contracts.count_params(model) == 6_539_280
    assert contracts.count_flops(model) == 315_079_552


def test_widths_of_once_for_all():
    assert families.get("ofa_resnet50").space.width == (
        (24, 32),  # of 20, 24 and 32
        (40, 48, 64),
        (168, 208, 256),
        (336, 408, 512),
        (664, 816, 1024),
        (1328, 1640, 2048),
    )


@pytest.mark.parametrize(
    "filters, hidden",
    [
        (168, (32, 40, 56)),  # of 33.6, 42 and 58.8
        (208, (40, 56, 72)),  # of 41.6, 52 and 72.8
        (256, (48, 64, 88)),  # of 51.2, 64 and 89.6
    ],
)
def test_bottlenecks_of_once_for_all(filters, hidden):
    family = families.get("ofa_resnet50")
    largest = family.space.largest
    for ratio, expected in zip((20, 25, 35), hidden, strict=True):
        arch = dataclasses.replace(
            largest,
            width=(*largest.width[:2], filters, *largest.width[3:]),
            expand_ratio=(ratio, *largest.expand_ratio[1:]),
        )
        block = blocks_of(family, arch)["stage1_block1"]
        assert operation(block, "reduce").filters == expected
        assert operation(block, "conv").filters == expected
        assert operation(block, "expand").filters == filters


def test_bottlenecks_are_a_quarter_of_the_rounded_output():
    family = families.get("slimmable_resnet50", width=(30,))
    block = blocks_of(family)["stage1_block1"]
    # 30 % of 256 is 76.8, rounded 80; 30 % of 64, rounded, would be 24.
    assert operation(block, "expand").filters == 80
    assert operation(block, "conv").filters == 20


def test_size_of_the_once_for_all_space():
    space = families.get("ofa_resnet50").space
    stages = (3**2 + 3**3 + 3**4) ** 3 * (3**4 + 3**5 + 3**6)
    assert space.size == 8 * 2 * 3**5 * 2 * stages == 13_114_212_250_464


def test_size_of_the_slimmable_space():
    assert families.get("slimmable_resnet50").space.size == 4 * 4


def test_a_small_network_by_hand():
    family = OnceForAllResNetD(
        name="by_hand",
        resolution=(16,),
        width=(100,),
        expand_ratio=(50,),
        more_blocks=(0,),
        stem=16,
        channels=(16, 32),
        depth=(1, 1),
    )
    found = costs(family.plan(family.space.largest, classes=3))
    stem = (3 * 8 + 8 * 8 + 8 * 16) * 9  # at 8 pixels, then pooled to 4
    first = 16 * 8 + 8 * 8 * 9 + 8 * 16 + 16 * 16  # at 4
    reduce, second = 16 * 16, 16 * 16 * 9 + 16 * 32 + 16 * 32  # at 4, at 2
    classifier = 32 * 3
    flops = stem * 64 + (first + reduce) * 16 + second * 4 + classifier
    assert found.flops == flops
    norms = 2 * ((8 + 8 + 16) + (8 + 8 + 16 + 16) + (16 + 16 + 32 + 32))
    kernels = stem + first + reduce + second + classifier
    assert found.params == kernels + norms + 3


# Costs against networks that were built


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", [NARROW, NARROW_D], ids=lambda f: f.name)
def test_costs_are_those_of_the_children(family):
    archs = family_checks.sample(family, 1)
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.exhaustive
def test_costs_of_many_are_those_of_the_children():
    # Two stages instead of four, to be quick.
    family = dataclasses.replace(
        NARROW_D, channels=(16, 32), depth=(1, 1), total_strides=4
    )
    archs = family_checks.sample(family, 200)
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.slow
@pytest.mark.parametrize("total_strides", [16, None])
def test_costs_at_other_strides_are_those_of_the_child(total_strides):
    family = dataclasses.replace(NARROW, total_strides=total_strides)
    archs = [family.space.smallest]
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.parametrize("name", ["slimmable_resnet50", "ofa_resnet50"])
def test_many_architectures_are_costed_in_one_call(name):
    family_checks.check_costs_of_many(families.get(name))


# Every way to run a network


@pytest.fixture(
    scope="module", params=[NARROW, NARROW_D], ids=lambda family: family.name
)
def pair(request):
    return contracts.make_pair(request.param, classes=4)


@pytest.mark.slow
def test_sliced_masked_and_child_agree(pair):
    rng = np.random.default_rng(1)
    archs = [pair.space.smallest, pair.space.sample(rng)]
    images = contracts.random_images(4, 32)
    contracts.check_supernet(pair, archs, images)


def test_a_child_is_stock_and_can_be_saved(pair, tmp_path):
    arch = pair.space.sample(np.random.default_rng(2))
    images = contracts.random_images(4, arch.resolution)
    _, statistics = pair.sliced(images, arch, return_statistics=True)
    child = pair.sliced.child(arch, statistics)
    plan = pair.sliced.family.plan(arch, 4)
    contracts.check_child(child, plan, tmp_path)


def test_at_initialization_the_depth_of_stages_does_not_matter():
    supernet = Supernet(NARROW_D, classes=4)
    images = contracts.random_images(4, 24)
    largest = supernet.space.largest
    shallow = dataclasses.replace(
        largest, depth=(largest.depth[0], *supernet.space.smallest.depth[1:])
    )
    np.testing.assert_allclose(
        supernet(images, shallow), supernet(images, largest), atol=1e-5
    )


# Structure


@pytest.mark.parametrize("name", ["slimmable_resnet50", "ofa_resnet50"])
def test_the_stride_is_on_the_three_by_three(name):
    blocks = blocks_of(families.get(name))
    for block in blocks.values():
        if not block.name.startswith("stage"):
            continue
        late = block.name.endswith("block1") and "stage1" not in block.name
        middle = operation(block, "conv")
        assert (middle.kernel_size, middle.strides) == (3, 2 if late else 1)
        assert operation(block, "reduce").strides == 1
        assert operation(block, "expand").strides == 1


@pytest.mark.parametrize(
    "name, kinds",
    [
        ("slimmable_resnet50", ["Convolution", "Normalization"]),
        (
            "ofa_resnet50",
            ["AveragePooling", "Convolution", "Normalization"],
        ),
    ],
)
def test_only_the_first_block_of_a_stage_projects(name, kinds):
    blocks = blocks_of(families.get(name))
    for block in blocks.values():
        if block.name.startswith("stage"):
            found = [type(operation).__name__ for operation in block.shortcut]
            first = block.name.endswith("block1")
            # Where the stage does not stride, nothing is pooled.
            pooled = kinds[1:] if "stage1" in block.name else kinds
            expected = pooled if kinds[0] == "AveragePooling" else kinds
            assert found == (expected if first else [])
    strides = operation(blocks["stage2_block1"], "shortcut").strides
    assert strides == (1 if name == "ofa_resnet50" else 2)


@pytest.mark.parametrize("family", [NARROW, NARROW_D], ids=lambda f: f.name)
def test_blocks_end_with_a_gamma_of_zero_and_a_relu(family):
    for block in blocks_of(family).values():
        zero = [o.name for o in block.every_operation if starts_at_zero(o)]
        if block.name.startswith("stage"):
            assert zero == [f"{block.name}_expand_norm"]
            assert [o.function for o in block.after] == ["relu"]
        else:
            assert zero == []


def starts_at_zero(operation):
    return getattr(operation, "zero_gamma", False)


def test_stem_of_resnet50():
    stem = blocks_of(families.get("slimmable_resnet50"), slimmable(100))["stem"]
    conv, *_, pool = stem.operations
    assert (conv.filters, conv.kernel_size, conv.strides) == (64, 7, 2)
    assert (pool.pool_size, pool.strides, pool.size) == (3, 2, 112)


def test_stem_of_once_for_all():
    family = families.get("ofa_resnet50")
    blocks = blocks_of(family)
    names = ["stem", "stem_block2", "stem_last"]
    assert list(blocks)[:3] == names
    convolutions = [operation(blocks[name], "conv") for name in names]
    assert [c.filters for c in convolutions] == [32, 32, 64]
    assert [c.strides for c in convolutions] == [2, 1, 1]
    assert [blocks[name].shortcut for name in names] == [None, (), None]
    assert blocks["stem_block2"].after == ()
    smallest = blocks_of(family, family.space.smallest)
    assert [smallest[name].live for name in names] == [True, False, True]


@pytest.mark.parametrize("name", ["slimmable_resnet50", "ofa_resnet50"])
@pytest.mark.parametrize(
    "total, resolution, stem, pooled",
    [(None, 224, 2, True), (16, 64, 1, True), (8, 32, 1, False)],
)
def test_strides_for_small_images(name, total, resolution, stem, pooled):
    family = families.get(name, resolution=(resolution,), total_strides=total)
    blocks = blocks_of(family)
    assert operation(blocks["stem"], "conv").strides == stem
    last = list(blocks.values())[-2]
    assert last.out_size == resolution // (total or 32)
    pools = [
        operation
        for block in blocks.values()
        for operation in block.operations
        if isinstance(operation, primitives.MaxPooling)
    ]
    assert len(pools) == pooled


def test_strides_that_cannot_be():
    with pytest.raises(ValueError, match="Received: total_strides=3"):
        families.get("ofa_resnet50", total_strides=3)


# The space


def test_genes_of_blocks_that_are_left_out_are_set():
    family = families.get("ofa_resnet50")
    arch = family.space.canonical(RESNET50D)
    # Of 4, 4, 6 and 4 blocks there are 3, 4, 6 and 3.
    assert arch.expand_ratio == (*[25] * 3, 20, *[25] * 13, 20)
    assert cost("ofa_resnet50", arch) == cost("ofa_resnet50", RESNET50D)
    np.testing.assert_array_equal(
        family.space.encode(arch), family.space.encode(RESNET50D)
    )


def test_every_depth_decides_about_its_own_blocks():
    space = families.get("ofa_resnet50").space
    for stage, dead in enumerate([(2, 3), (6, 7), (12, 13), (16, 17)]):
        depth = list(space.largest.depth)
        depth[1 + stage] = space.smallest.depth[1 + stage]
        arch = dataclasses.replace(space.largest, depth=tuple(depth))
        ratios = space.canonical(arch).expand_ratio
        assert [i for i, ratio in enumerate(ratios) if ratio == 20] == [*dead]


def test_labels_say_what_a_gene_is_of():
    space = families.get("ofa_resnet50").space
    labels = dict(
        zip([name for name, _ in space.genes[1:]], space.labels, strict=True)
    )
    assert labels["width[0]"] == "inside the stem"
    assert labels["width[2]"] == "stage 1"
    assert labels["depth[0]"] == "stem"
    assert labels["depth[4]"] == "stage 4"
    assert labels["expand_ratio[4]"] == "stage 2 block 1"
    assert labels["expand_ratio[17]"] == "stage 4 block 4"
    assert families.get("slimmable_resnet50").space.labels == (
        "percent of all layers",
    )


def test_an_error_names_gene_label_choices_and_neighbors():
    space = families.get("ofa_resnet50").space
    ratios = (30, *space.largest.expand_ratio[1:])
    arch = dataclasses.replace(
        space.largest, expand_ratio=ratios, depth=(2, 4, 4, 6, 5)
    )
    with pytest.raises(ValueError) as error:
        space.validate(arch)
    message = str(error.value)
    assert (
        "`expand_ratio[0]` (stage 1 block 1) must be one of (20, 25, 35) "
        "and is 30, between 25 and 35"
    ) in message
    assert "`depth[4]` (stage 4) must be one of (2, 3, 4) and is 5" in message


def test_an_error_of_the_slimmable_space():
    space = families.get("slimmable_resnet50").space
    with pytest.raises(
        ValueError,
        match=r"`width\[0\]` \(percent of all layers\) must be one of "
        r"\(25, 50, 75, 100\) and is 60, between 50 and 75",
    ):
        space.validate(slimmable(60))


def test_names_find_the_networks():
    family, arch = families.network("resnet50")
    assert (family.name, arch) == ("slimmable_resnet50", slimmable(100))


@pytest.mark.parametrize("family", [NARROW, NARROW_D], ids=lambda f: f.name)
def test_json_round_trip_of_a_changed_table(family):
    family_checks.check_json(family)
    table = json.loads(json.dumps(families.serialize(family)["table"]))
    same = type(family)(**table)
    assert hash(same) == hash(family)
