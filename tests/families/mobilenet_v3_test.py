import contracts
import family_checks
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.models import build_child
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

PLAIN = ("mobilenet_v3_small", "mobilenet_v3_large")

# Multiply-adds and parameters at 1000 classes: network, percent, resolution.
GOLDEN = {
    ("mobilenet_v3_small", 100, 128): (19_848_192, 2_542_856),
    ("mobilenet_v3_small", 100, 224): (56_510_400, 2_542_856),
    ("mobilenet_v3_large", 75, 224): (154_560_624, 3_993_528),
    ("mobilenet_v3_large", 100, 224): (216_589_760, 5_483_032),
    ("mobilenet_v3_large", 125, 224): (355_925_920, 8_256_296),
}

# BasisNet, Table 2 of the supplement: percent, resolution, and as printed.
BASISNET = [
    (100, 224, "217", "5.45"),
    (125, 224, "356", "8.22"),
    (150, 224, "489", "11.3"),
    (200, 128, "276", "19.1"),
    (250, 128, "435", "29.0"),
]

# Recomputed from the release: 41.48, 566.17 and 843 M.
ONCE_FOR_ALL = {
    ("ofa_mobilenet_v3", "smallest"): (41_476_224, 3_410_792),
    ("ofa_mobilenet_v3", "largest"): (566_170_656, 7_664_760),
    ("ofa_mobilenet_v3_w1.2", "smallest"): (65_536_896, 4_602_456),
    ("ofa_mobilenet_v3_w1.2", "largest"): (843_101_040, 10_701_632),
}


def plain(resolution, percent):
    return Architecture(resolution, (percent,), (), (), ())


def blocks_of(family, arch, classes=10):
    return {b.name: b for b in family.plan(arch, classes).blocks}


def operations_of(plan):
    return [o for block in plan.blocks for o in block.every_operation]


def check_counts(plan, expected):
    assert costs(plan)[:2] == expected
    model = build_child(plan)
    counted = contracts.count_flops(model), contracts.count_params(model)
    assert counted == expected


# Published figures


@pytest.mark.parametrize("name, percent, resolution", GOLDEN)
def test_multiply_adds_and_parameters(name, percent, resolution):
    plan = families.get(name).plan(plain(resolution, percent), 1000)
    check_counts(plan, GOLDEN[name, percent, resolution])


@pytest.mark.parametrize("percent, resolution, flops, params", BASISNET)
def test_print_counts_biases_as_operations_and_not_as_parameters(
    percent, resolution, flops, params
):
    family = families.get("mobilenet_v3_large")
    plan = family.plan(plain(resolution, percent), 1000)
    biases = scales = 0
    for operation in operations_of(plan):
        if isinstance(operation, primitives.SqueezeExcite):
            biases += operation.channels + operation.reduced
        if isinstance(operation, primitives.Dense):
            biases += operation.units
        if isinstance(operation, primitives.Normalization):
            scales += 2 * operation.channels
    found = costs(plan)
    assert f"{(found.flops + biases) / 1e6:.0f}" == flops
    kernels = (found.params - biases - scales) / 1e6
    assert f"{kernels:#.3g}" == params


@pytest.mark.parametrize("name, which", ONCE_FOR_ALL)
def test_extremes_of_once_for_all(name, which):
    family = families.get(name)
    plan = family.plan(getattr(family.space, which), 1000)
    check_counts(plan, ONCE_FOR_ALL[name, which])


@pytest.mark.parametrize("name", ["ofa_mobilenet_v3", "ofa_mobilenet_v3_w1.2"])
def test_size_of_the_once_for_all_space(name):
    per_resolution = (9**2 + 9**3 + 9**4) ** 5
    assert families.get(name, resolution=(224,)).space.size == per_resolution
    assert families.get(name).space.size == 25 * per_resolution


# Once-for-all's table


def test_widths_of_once_for_all():
    for name, expected in (
        ("ofa_mobilenet_v3", [16, 16, 24, 40, 80, 112, 160, 960, 1280]),
        ("ofa_mobilenet_v3_w1.2", [24, 24, 32, 48, 96, 136, 192, 1152, 1536]),
    ):
        family = families.get(name)
        blocks = blocks_of(family, family.space.largest)
        trunk = ["stem", "first", *(f"stage{n}_block4" for n in range(1, 6))]
        head = blocks["head"].operations
        widths = [blocks[name].out_channels for name in trunk]
        assert [*widths, head[0].filters, head[4].units] == expected


def test_head_of_once_for_all():
    family = families.get("ofa_mobilenet_v3")
    head = blocks_of(family, family.space.largest)["head"].operations
    assert [type(operation).__name__ for operation in head] == [
        "Convolution",
        "Normalization",
        "Activation",
        "GlobalPooling",
        "Dense",
        "Activation",
        "Dropout",
        "Dense",
    ]
    assert [head[4].use_bias, head[7].use_bias] == [False, True]


def test_activations_and_squeeze_excite_of_once_for_all():
    family = families.get("ofa_mobilenet_v3")
    plan = family.plan(family.space.largest, 10)
    activations, narrows = {}, {}
    for block in plan.blocks:
        key = block.name.split("_")[0]
        for operation in block.operations:
            if isinstance(operation, primitives.Activation):
                activations.setdefault(key, set()).add(operation.function)
            if isinstance(operation, primitives.SqueezeExcite):
                narrows[block.name] = (operation.channels, operation.reduced)
                assert operation.activation == "relu"
                assert operation.gate == "hard_sigmoid"
    swish = dict.fromkeys(("stem", "stage3", "stage4", "stage5", "head"))
    assert activations == {
        **{key: {"relu"} for key in ("first", "stage1", "stage2")},
        **{key: {"hard_silu"} for key in swish},
    }
    assert {name.split("_")[0] for name in narrows} == {
        *("stage2", "stage4", "stage5")
    }
    assert narrows["stage2_block1"] == (144, 40)  # of 36
    assert narrows["stage4_block2"] == (672, 168)


# Width


@pytest.mark.parametrize("name", PLAIN)
def test_space_is_one_width_gene(name):
    space = families.get(name).space
    assert space.size == 8 * 6
    assert space.width == ((35, 50, 75, 100, 125, 150, 200, 250),)
    with pytest.raises(ValueError) as error:
        space.validate(plain(224, 110))
    assert (
        "`width[0]` (percent of all layers) must be one of (35, 50, 75, 100, "
        "125, 150, 200, 250) and is 110, between 100 and 125"
        in str(error.value)
    )


@pytest.mark.parametrize("name", PLAIN)
def test_published_networks_are_in_the_registry(name):
    family, arch = families.network(name)
    assert family == families.get(name)
    assert arch == plain(224, 100)


@pytest.mark.parametrize("name", PLAIN)
def test_at_full_width_hidden_layers_are_those_of_the_table(name):
    family = families.get(name)
    blocks = blocks_of(family, plain(224, 100))
    for number, block in enumerate(family.blocks, start=1):
        operations = blocks[f"block{number}"].operations
        (depthwise,) = (
            operation
            for operation in operations
            if isinstance(operation, primitives.DepthwiseConvolution)
        )
        assert depthwise.channels == block.hidden
        assert depthwise.kernel_size == block.kernel_size
        assert depthwise.strides == block.strides
        assert blocks[f"block{number}"].out_channels == block.filters
        expands = operations[0].name.endswith("expand")
        assert expands == (number > 1)


def test_the_expansion_follows_the_rounded_input():
    blocks = blocks_of(families.get("mobilenet_v3_large"), plain(224, 125))
    # 24 channels at 125 % are 32, and 32 * 72 / 24 = 96, not 90.
    assert blocks["block3"].in_channels == 32
    assert blocks["block3"].operations[0].filters == 96


@pytest.mark.parametrize(
    "name, percent, features",
    [
        ("mobilenet_v3_large", 75, 1280),
        ("mobilenet_v3_large", 150, 1920),
        ("mobilenet_v3_small", 35, 1024),
        ("mobilenet_v3_small", 125, 1280),
    ],
)
def test_features_grow_and_do_not_shrink(name, percent, features):
    head = blocks_of(families.get(name), plain(224, percent))["head"]
    assert head.operations[4].units == features


@pytest.mark.parametrize(
    "name, last", [("mobilenet_v3_small", 11), ("mobilenet_v3_large", 15)]
)
def test_residual_blocks_keep_size_and_width(name, last):
    family = families.get(name)
    blocks = blocks_of(family, plain(224, 100))
    assert f"block{last}" in blocks and f"block{last + 1}" not in blocks
    for block in blocks.values():
        if not block.name.startswith("block"):
            assert block.shortcut is None
            continue
        same = (block.in_channels, block.size) == (
            block.out_channels,
            block.out_size,
        )
        assert block.shortcut == (() if same else None)
        zero = [o.name for o in block.operations if getattr(o, "zero_gamma", 0)]
        assert zero == [f"{block.name}_project_norm"] * same


@pytest.mark.parametrize("name", PLAIN)
def test_where_rounding_alone_makes_a_block_keep_its_width(name):
    found = {
        (percent, block.name)
        for percent in families.get(name).width
        for block in families.get(name).plan(plain(224, percent), 10).blocks
        if block.name.startswith("block")
        and (block.in_channels, block.size)
        == (block.out_channels, block.out_size)
        and block.shortcut is None
    }
    # As the docstring says.
    small = {(35, "block7"), (50, "block7")}
    assert found == (small if name == "mobilenet_v3_small" else set())


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("total, last", [(None, 7), (16, 14), (8, 28)])
def test_strides_for_small_images(name, total, last):
    family = families.get(name, total_strides=total)
    head = blocks_of(family, plain(224, 100))["head"]
    assert head.operations[0].size == last


# Contracts


@pytest.mark.parametrize("name", PLAIN)
def test_a_table_that_was_json_is_the_same_family(name):
    family_checks.check_json(families.get(name, total_strides=8))


@pytest.mark.parametrize("name", PLAIN)
def test_many_architectures_are_costed_in_one_call(name):
    family_checks.check_costs_of_many(families.get(name))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", PLAIN)
def test_costs_are_those_of_the_child(name):
    family = families.get(name)
    family_checks.check_costs_of_children(
        family, family_checks.sample(family, 1)
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", PLAIN)
def test_costs_are_those_of_every_width(name):
    family = families.get(name)
    widths = family.space.width[0]
    archs = [plain(r, w) for r in (96, 160, 224) for w in widths]
    family_checks.check_costs_of_children(family, archs)


@pytest.fixture(
    scope="module",
    params=[
        "mobilenet_v3_small",
        pytest.param("mobilenet_v3_large", marks=pytest.mark.exhaustive),
    ],
)
def pair(request):
    family = families.get(
        request.param, resolution=(32,), width=(35, 50, 125), total_strides=8
    )
    return contracts.make_pair(family, classes=3)


@pytest.mark.exhaustive
def test_every_way_to_run_an_architecture_is_alike(pair):
    archs = [plain(32, percent) for percent in (35, 50)]
    contracts.check_supernet(pair, archs, contracts.random_images(4, 32))


def test_children_are_stock(pair, tmp_path):
    arch = plain(32, 50)
    child = pair.sliced.child(arch)
    contracts.check_child(child, pair.sliced.family.plan(arch, 3), tmp_path)


# Keras's own


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "name, reference",
    [
        ("mobilenet_v3_small", keras.applications.MobileNetV3Small),
        ("mobilenet_v3_large", keras.applications.MobileNetV3Large),
    ],
)
def test_it_is_the_network_of_keras(name, reference):
    """So is what gets the weights of one, of which CI has a test."""
    theirs = reference(
        input_shape=(224, 224, 3),
        weights=None,
        include_preprocessing=False,
        classifier_activation=None,
    )
    ours = keras_elastic.build(name)
    images = contracts.random_images(8, ours.input_shape[1])
    contracts.randomize(theirs)
    family_checks.set_statistics(theirs, images / 127.5 - 1)
    # The 1x1 convolutions behind their pooling are dense layers here.
    family_checks.copy_in_order(theirs, ours)
    expected = np.asarray(theirs(images / 127.5 - 1, training=False))
    assert 0.1 < np.std(expected, axis=0).mean() < 10
    np.testing.assert_allclose(
        ours(images, training=False), expected, atol=1e-4
    )
