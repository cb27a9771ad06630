"""Tests of `families/inverted_residual.py`, too."""

import json

import contracts
import family_checks
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.models import build_child
from keras_elastic.models.initial_weights import InitialWeights
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

SMALL = EfficientNet(
    name="small",
    resolution=(8, 12),
    stem=(16, 24),
    stages=(
        Stage((16, 24), (1, 2), expand_ratio=(1,), squeeze_excite=False),
        Stage((24, 40), (2, 3), (3, 5), (4, 6), strides=2),
    ),
    head=(96, 128),
)


def variant(**fields):
    table = {
        field: getattr(SMALL, field) for field in SMALL.__dataclass_fields__
    }
    return EfficientNet(**{**table, **fields})


def blocks_of(family, arch=None, classes=10):
    plan = family.plan(arch or family.space.largest, classes)
    return {block.name: block for block in plan.blocks}


def operation(block, name):
    """The operation of a block by the end of its name, or `None`."""
    found = [
        operation
        for operation in block.operations
        if operation.name == f"{block.name}_{name}"
    ]
    return found[0] if found else None


def test_efficientnet_b0():
    family = families.get("efficientnet_b0")
    assert family.space.size == 1
    found = costs(family.plan(family.space.largest, classes=1000))
    # Printed: 0.39 B and 5.3 M.
    assert (found.flops, found.params) == (385_814_752, 5_288_548)


# Costs against networks that were built


def convolution_and_dense_flops(model):
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            pixels = layer.output.shape[1:-1]
            total += int(np.prod(kernel.shape)) * int(np.prod(pixels))
    return total


def trainable_params(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("attentive", [False, True])
@pytest.mark.parametrize("transition_shortcuts", [False, True])
def test_costs_are_those_of_the_child(seed, attentive, transition_shortcuts):
    family = variant(
        attentive=attentive, transition_shortcuts=transition_shortcuts
    )
    arch = family.space.sample(np.random.default_rng(seed))
    plan = family.plan(arch, classes=10)
    model = build_child(plan)
    assert costs(plan)[:2] == (
        convolution_and_dense_flops(model),
        trainable_params(model),
    )


# Structure


def test_blocks_are_stem_stages_and_head():
    assert list(blocks_of(SMALL)) == [
        "stem",
        "stage1_block1",
        "stage1_block2",
        "stage2_block1",
        "stage2_block2",
        "stage2_block3",
        "head",
    ]


@pytest.mark.parametrize("stem_strides, size", [(1, 12), (2, 6)])
def test_only_the_first_block_of_a_stage_is_strided(stem_strides, size):
    blocks = blocks_of(variant(stem_strides=stem_strides))
    strides = {}
    for name, block in blocks.items():
        if name.startswith("stage"):
            depthwise = operation(block, "depthwise")
            strides[name] = (depthwise.size, depthwise.strides)
            assert block.shortcut[0].strides == depthwise.strides
    assert strides == {
        "stage1_block1": (size, 1),
        "stage1_block2": (size, 1),
        "stage2_block1": (size, 2),
        "stage2_block2": (size // 2, 1),
        "stage2_block3": (size // 2, 1),
    }


def test_expansion_multiplies_the_live_input_channels():
    arch = Architecture(8, (16, 24, 40, 96), (1, 2), (3, 3), (1, 4))
    blocks = blocks_of(SMALL, arch)
    assert operation(blocks["stage2_block1"], "expand").filters == 4 * 24
    assert operation(blocks["stage2_block2"], "expand").filters == 4 * 40


def test_expansion_is_rounded():
    stage = Stage((20,), (2,), expand_ratio=(5,))
    blocks = blocks_of(variant(stem=(18,), stages=(stage,)))
    assert operation(blocks["stage1_block1"], "expand").filters == 88  # of 90
    assert operation(blocks["stage1_block2"], "expand").filters == 104  # of 100


def test_no_expansion_where_one_is_the_only_choice():
    blocks = blocks_of(SMALL)
    assert operation(blocks["stage1_block1"], "expand") is None
    assert operation(blocks["stage1_block1"], "depthwise").channels == 24


def test_an_expansion_by_one_is_kept_where_it_is_a_choice():
    family = variant(stages=(Stage((16,), (1,), expand_ratio=(1, 4)),))
    blocks = blocks_of(family, family.space.smallest)
    assert operation(blocks["stage1_block1"], "expand").filters == 16


def test_squeeze_excite_of_efficientnet_narrows_the_blocks_input():
    blocks = blocks_of(SMALL)
    assert operation(blocks["stage1_block1"], "se") is None
    first = operation(blocks["stage2_block1"], "se")
    assert (first.channels, first.reduced) == (144, 24 // 4)
    second = operation(blocks["stage2_block2"], "se")
    assert (second.channels, second.reduced) == (240, 40 // 4)
    assert (first.activation, first.gate) == ("swish", "sigmoid")


@pytest.mark.parametrize(
    "hidden, reduced", [(64, 16), (72, 24), (96, 24), (112, 32)]
)
def test_squeeze_excite_of_attentivenas_narrows_the_expansion(hidden, reduced):
    stages = (Stage((16,), (1,), expand_ratio=(1,)),)
    family = variant(stem=(hidden,), stages=stages, attentive=True)
    squeeze_excite = operation(blocks_of(family)["stage1_block1"], "se")
    assert squeeze_excite.channels == hidden
    assert squeeze_excite.reduced == reduced
    assert squeeze_excite.activation == "relu"
    assert squeeze_excite.gate == "hard_sigmoid"


def kinds(block):
    return [type(operation) for operation in block.operations]


HEAD = [
    primitives.Convolution,
    primitives.Normalization,
    primitives.Activation,
    primitives.GlobalPooling,
    primitives.Dropout,
    primitives.Dense,
]


def test_head_of_efficientnet():
    head = blocks_of(variant(dropout=0.3))["head"]
    assert kinds(head) == HEAD
    assert operation(head, "conv").filters == 128
    assert operation(head, "dropout").rate == 0.3
    assert operation(head, "classifier").units == 10


def test_head_of_attentivenas():
    head = blocks_of(variant(attentive=True))["head"]
    features = [primitives.Dense, primitives.Activation]
    assert kinds(head) == [*HEAD[:4], *features, *HEAD[4:]]
    assert operation(head, "conv").filters == 6 * 40
    assert operation(head, "features").units == 128
    assert operation(head, "features").use_bias is False
    assert operation(head, "classifier").in_channels == 128


def shortcuts(blocks):
    return {n for n, block in blocks.items() if block.shortcut is not None}


def zero_gammas(blocks):
    return {
        operation.name
        for block in blocks.values()
        for operation in block.operations
        if getattr(operation, "zero_gamma", False)
    }


def test_every_block_of_a_stage_has_a_shortcut():
    blocks = blocks_of(SMALL)
    residual = {name for name in blocks if name.startswith("stage")}
    assert shortcuts(blocks) == residual
    assert zero_gammas(blocks) == {f"{name}_project_norm" for name in residual}


def test_without_transition_shortcuts_a_stage_begins_without():
    blocks = blocks_of(variant(transition_shortcuts=False))
    residual = {"stage1_block2", "stage2_block2", "stage2_block3"}
    assert shortcuts(blocks) == residual
    assert zero_gammas(blocks) == {f"{name}_project_norm" for name in residual}


# The table


@pytest.mark.parametrize("name", families.names())
def test_a_table_that_was_json_is_the_same_family(name):
    family = families.get(name)
    table = json.loads(json.dumps(families.serialize(family)["table"]))
    same = type(family)(**table)
    assert same == family
    assert hash(same) == hash(family)
    arch = family.space.smallest
    assert costs(same.plan(arch, 10)) == costs(family.plan(arch, 10))


def test_space_has_the_choices_of_the_table():
    space = SMALL.space
    assert space.name == "small"
    assert space.resolution == (8, 12)
    assert space.width == ((16, 24), (16, 24), (24, 40), (96, 128))
    assert space.depth == ((1, 2), (2, 3))
    assert space.kernel_size == ((3,), (3, 5))
    assert space.expand_ratio == ((1,), (4, 6))


# Compound scaling


@pytest.mark.parametrize(
    "name, millions, params",
    [
        ("efficientnet_b0", "385.8", 5_288_548),
        ("efficientnet_b1", "686.8", 7_794_184),
        ("efficientnet_b2", "993.6", 9_109_994),
    ],
)
def test_compound_scaled_networks(name, millions, params):
    family, arch = families.network(name)
    counted = costs(family.plan(arch, 1000))
    assert f"{counted.flops / 1e6:.1f}" == millions
    assert counted.params == params


@pytest.mark.parametrize("total, last", [(None, 7), (16, 14), (8, 28)])
def test_strides_for_small_images(total, last):
    family = families.get("bignas", resolution=(224,), total_strides=total)
    plan = family.plan(family.space.largest, 10)
    assert plan.blocks[-1].operations[0].size == last


@pytest.mark.exhaustive
def test_efficientnet_b0_is_the_network_of_keras():
    keras.utils.set_random_seed(0)
    theirs = keras.applications.EfficientNetB0(
        weights=None, classifier_activation=None
    )
    ours = keras_elastic.build("efficientnet_b0")
    images = contracts.random_images(8, 224)
    # Theirs divides pixels by 255, and ours makes -1..1 of them.
    shifted = 255 * (images / 127.5 - 1)
    contracts.randomize(theirs)
    family_checks.set_statistics(theirs, shifted)
    family_checks.copy_in_order(theirs, ours)
    expected = np.asarray(theirs(shifted, training=False))
    assert 0.1 < np.std(expected, axis=0).mean() < 10
    np.testing.assert_allclose(
        ours(images, training=False), expected, atol=1e-4
    )


# Layer by layer

LAYERWISE = variant(name="layerwise", layerwise=True)


def by_layers(arch, family=SMALL, layerwise=LAYERWISE):
    """What an architecture of a space by stages is in one by layers."""
    stages = [
        n for n, s in enumerate(family.stages) for _ in range(max(s.depth))
    ]
    stem, *widths, head = arch.width
    return layerwise.space.canonical(
        Architecture(
            arch.resolution,
            (stem, *(widths[n] for n in stages), head),
            arch.depth,
            tuple(arch.kernel_size[n] for n in stages),
            arch.expand_ratio,
        )
    )


def test_the_layerwise_space_is_as_large_as_printed():
    # BigNAS (Yu et al., ECCV 2020), Table 1: more than 10^12 architectures.
    bignas, layerwise = map(families.get, ("bignas", "bignas_layerwise"))
    assert bignas.space.size < 1e12 < layerwise.space.size
    rng = np.random.default_rng(0)
    for _ in range(20):
        arch = bignas.space.sample(rng)
        same = by_layers(arch, bignas, layerwise)
        assert costs(layerwise.plan(same, 1000)) == costs(
            bignas.plan(arch, 1000)
        )


def test_genes_of_left_out_blocks_mean_nothing():
    space = LAYERWISE.space
    arch = space.largest
    shallow = dict(arch.to_dict(), depth=(1, 2))
    shallow = space.canonical(Architecture(**shallow))
    assert shallow.width == (24, 24, 16, 40, 40, 24, 128)
    assert shallow.kernel_size == (3, 3, 5, 5, 3)
    assert space.labels[1:3] == ("stage 1 block 1", "stage 1 block 2")


def test_weights_by_stages_are_weights_by_layers():
    stages = keras_elastic.Supernet(SMALL, 3)
    contracts.randomize(stages)
    layers = keras_elastic.Supernet(LAYERWISE, 3)
    InitialWeights.of_supernet("stages", stages).give(layers)
    images = contracts.random_images(2, 12)
    rng = np.random.default_rng(1)
    for arch in (SMALL.space.largest, SMALL.space.sample(rng)):
        np.testing.assert_allclose(
            layers(images, by_layers(arch)), stages(images, arch), atol=1e-5
        )
    # Blocks of a stage may differ, and the child is what the subnet is.
    arch = LAYERWISE.space.sample(rng)
    assert len(set(arch.width[3:6])) > 1
    images = contracts.random_images(4, arch.resolution)
    child = keras_elastic.calibrate(layers.child(arch), images)
    statistics = keras_elastic.SubnetCalibrator(layers).measure(arch, images)
    expected = layers(images, arch, statistics=statistics)
    np.testing.assert_allclose(child(images), expected, atol=1e-4)


# One rule for the shortcuts of first blocks


def first_of(family, arch=None):
    """The shortcut of the first block."""
    return blocks_of(family, arch)["stage1_block1"].shortcut[0]


@pytest.mark.parametrize("always", [False, True])
def test_first_blocks_have_one_rule_or_two(always):
    family = variant(always_project=always)
    space, rng = family.space, np.random.default_rng(0)
    archs = [space.smallest, space.largest]
    archs += [space.sample(rng) for _ in range(20)]
    projects = [first_of(family, arch).project for arch in archs]
    # Where widths agree at both ends, half of the others differ.
    assert projects[:2] == [always] * 2
    assert set(projects[2:]) == ({True} if always else {False, True})
    # Blocks within a stage have none, and neither has a stage without choice.
    assert not blocks_of(family)["stage1_block2"].shortcut[0].project
    fixed = variant(
        always_project=always,
        stem=(16,),
        stages=(Stage((16,), (1,), expand_ratio=(1,)),),
    )
    assert not first_of(fixed).project


def test_no_projection_is_trained_by_random_subnets_alone():
    family = families.get("bignas_cifar10", always_project=True)
    space = family.space

    def projections(arch):
        plan = family.plan(arch, 10)
        return {
            shortcut.name
            for block in plan.blocks
            for shortcut in block.shortcut or ()
            if block.live and shortcut.project
        }

    rng = np.random.default_rng(0)
    ends = projections(space.largest) & projections(space.smallest)
    for _ in range(50):
        assert projections(space.sample(rng)) <= ends


def test_the_subnet_with_a_projection_is_the_child():
    family = variant(always_project=True)
    supernet = keras_elastic.Supernet(family, 3)
    contracts.randomize(supernet)
    arch = family.space.smallest
    images = contracts.random_images(4, arch.resolution)
    child = supernet.child(arch)
    keras_elastic.calibrate(child, images)
    statistics = keras_elastic.SubnetCalibrator(supernet).measure(arch, images)
    expected = supernet(images, arch, statistics=statistics)
    np.testing.assert_allclose(child(images), expected, atol=1e-4)
    assert "stage1_block1_shortcut" in [layer.name for layer in child.layers]


def test_a_family_says_how_images_are_resized():
    family = families.get("mobilenet_v1", resize="bilinear")
    plan = family.plan(family.space.smallest, 10)
    assert plan.resize == "bilinear"
    assert (
        families.get("mobilenet_v1").plan(family.space.smallest, 10).resize
        == "bicubic"
    )
    again = families.deserialize(
        json.loads(json.dumps(families.serialize(family)))
    )
    assert again == family
    with pytest.raises(ValueError, match="`resize` must be"):
        families.get("mobilenet_v1", resize="nearest")
