"""What holds for every once-for-all space, whatever its table."""

import dataclasses

import contracts
import family_checks
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.models import Supernet
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

NAMES = ("ofa_mobilenet_v3", "ofa_mobilenet_v3_w1.2", "ofa_proxyless")


def small(name, **changes):
    """The family for images of 32 pixels, and narrow."""
    changes = {"width_percent": 50, **changes}
    return families.get(
        name, resolution=(32,), total_strides=8, dropout=0.5, **changes
    )


def blocks_of(family, arch=None, classes=10):
    plan = family.plan(arch or family.space.largest, classes)
    return {block.name: block for block in plan.blocks}


# The space


@pytest.mark.parametrize("name", NAMES)
def test_every_block_has_its_genes(name):
    space = families.get(name).space
    blocks = sum(max(depth) for depth in space.depth)
    assert blocks == {"ofa_proxyless": 21}.get(name, 20)
    assert space.resolution == tuple(range(128, 225, 4))
    assert space.width == ()
    assert space.kernel_size == ((3, 5, 7),) * blocks
    assert space.expand_ratio == ((3, 4, 6),) * blocks


@pytest.mark.parametrize("name", NAMES)
def test_labels_say_of_which_block_a_gene_is(name):
    space = families.get(name).space
    genes = [gene for gene, _ in space.genes[1:]]
    labels = dict(zip(genes, space.labels, strict=True))
    assert labels["depth[2]"] == "stage 3"
    assert labels["kernel_size[0]"] == "stage 1 block 1"
    assert labels["kernel_size[7]"] == "stage 2 block 4"
    assert labels["expand_ratio[8]"] == "stage 3 block 1"


@pytest.mark.parametrize("name", NAMES)
def test_an_error_names_the_gene_its_block_and_its_choices(name):
    space = families.get(name).space
    genes = space.smallest.to_dict()
    genes["kernel_size"][5] = 4
    genes["expand_ratio"][0] = 5
    genes["resolution"] = 130
    with pytest.raises(ValueError) as error:
        space.validate(Architecture.from_dict(genes))
    message = str(error.value)
    assert (
        "`kernel_size[5]` (stage 2 block 2) must be one of (3, 5, 7) and is 4,"
        " between 3 and 5" in message
    )
    assert (
        "`expand_ratio[0]` (stage 1 block 1) must be one of (3, 4, 6) and is "
        "5, between 4 and 6" in message
    )
    assert "is 130, between 128 and 132" in message
    assert f"space '{name}'" in message


def with_other_dead_genes(space, arch):
    """The same network, with every gene of a left-out block changed."""
    vector = space.encode(arch)
    for gene in np.flatnonzero(GeneTable(space).dead(vector)):
        vector[gene] = space.genes[gene][1][-1]
    return Architecture(*space.unstack(vector.tolist()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_genes_of_blocks_that_are_left_out_do_not_matter(name, seed):
    family = families.get(name)
    space = family.space
    arch = space.sample(np.random.default_rng(seed))
    other = with_other_dead_genes(space, arch)
    assert other != arch
    np.testing.assert_array_equal(space.encode(other), space.encode(arch))
    assert space.canonical(other) == arch
    assert costs(family.plan(other, 10)) == costs(family.plan(arch, 10))


@pytest.mark.parametrize("name", NAMES)
def test_sampled_and_mutated_architectures_are_canonical(name):
    space = families.get(name).space
    rng = np.random.default_rng(0)
    rows = space.sample_encoded(rng, 100)
    mutants = GeneTable(space).mutate(rows, rng, probability=0.2)
    assert (mutants != rows).any(axis=1).all()
    for row in [*rows, *mutants]:
        drawn = space.decode(row)
        np.testing.assert_array_equal(space.encode(drawn), row)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_that_was_json_is_the_same_family(name):
    family_checks.check_json(small(name, kernel_transform=False))


# Structure


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_keeps_its_first_blocks(name):
    space = families.get(name).space
    depth = (2, 4, 3, *(choices[0] for choices in space.depth[3:]))
    arch = dataclasses.replace(space.smallest, depth=depth)
    live = [
        block.name
        for block in blocks_of(families.get(name), arch).values()
        if block.live and block.name.startswith("stage")
    ]
    assert live == [
        f"stage{number}_block{index}"
        for number, blocks in enumerate(depth, start=1)
        for index in range(1, blocks + 1)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_genes_reach_their_blocks(name):
    space = families.get(name).space
    kernel_size = list(space.largest.kernel_size)
    expand_ratio = list(space.largest.expand_ratio)
    kernel_size[9], expand_ratio[9] = 5, 3
    arch = dataclasses.replace(
        space.largest,
        kernel_size=tuple(kernel_size),
        expand_ratio=tuple(expand_ratio),
    )
    blocks = blocks_of(families.get(name), arch)
    for block_name, block in blocks.items():
        if not block_name.startswith("stage"):
            continue
        expand, depthwise = block.operations[0], block.operations[3]
        changed = block_name == "stage3_block2"
        assert depthwise.kernel_size == (5 if changed else 7)
        ratio = 3 if changed else 6
        # Rounded to a multiple of 8.
        assert abs(expand.filters - ratio * block.in_channels) <= 4
        assert expand.filters == depthwise.channels


@pytest.mark.parametrize("name", NAMES)
def test_only_residual_blocks_start_as_the_identity(name):
    blocks = blocks_of(families.get(name))
    residual = {n for n, b in blocks.items() if b.shortcut is not None}
    expected = {n for n in blocks if n[:5] == "stage" and n[-1] != "1"}
    # The first block of ProxylessNAS narrows.
    expected |= set() if name == "ofa_proxyless" else {"first"}
    assert residual == expected
    assert all(blocks[n].shortcut == () for n in residual)
    zero = {
        operation.name
        for block in blocks.values()
        for operation in block.every_operation
        if getattr(operation, "zero_gamma", False)
    }
    assert zero == {f"{n}_project_norm" for n in residual}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("total, last", [(None, 7), (16, 14), (8, 28)])
def test_strides_for_small_images(name, total, last):
    family = families.get(name, total_strides=total)
    assert blocks_of(family)["head"].operations[0].size == last


def test_impossible_strides_are_refused():
    with pytest.raises(ValueError, match="`total_strides`.*Received.*=12"):
        families.get(NAMES[0], total_strides=12)


@pytest.mark.parametrize("name", NAMES)
def test_every_normalization_has_the_epsilon_of_the_table(name):
    family = families.get(name)
    assert family.epsilon == (1e-3 if name == "ofa_proxyless" else 1e-5)
    epsilons = {
        operation.epsilon
        for block in blocks_of(family).values()
        for operation in block.operations
        if isinstance(operation, primitives.Normalization)
    }
    assert epsilons == {family.epsilon}


@pytest.mark.parametrize("kernel_transform", [True, False])
def test_elastic_kernels_are_transformed(kernel_transform):
    family = families.get(NAMES[0], kernel_transform=kernel_transform)
    first, *elastic = (
        operation
        for block in blocks_of(family).values()
        for operation in block.operations
        if isinstance(operation, primitives.DepthwiseConvolution)
    )
    # The first block has one kernel, which needs no map.
    assert not first.kernel_transform
    assert {o.kernel_transform for o in elastic} == {kernel_transform}


# Costs


@pytest.mark.parametrize("name", NAMES)
def test_many_architectures_are_costed_in_one_call(name):
    family_checks.check_costs_of_many(families.get(name))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NAMES)
def test_costs_are_those_of_the_child(name):
    # Half as wide: the time goes into initial weights.
    family = families.get(name, width_percent=50)
    family_checks.check_costs_of_children(
        family, family_checks.sample(family, 1)
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NAMES)
def test_costs_are_those_of_many_children(name):
    family = families.get(name, width_percent=50)
    family_checks.check_costs_of_children(
        family, family_checks.sample(family, 50, seed=1)
    )


# Supernets


@pytest.fixture(
    scope="module",
    params=[NAMES[0], pytest.param(NAMES[2], marks=pytest.mark.exhaustive)],
)
def pair(request):
    """A supernet in both modes. Its maps of kernels are random."""
    return contracts.make_pair(small(request.param), classes=3)


def some_architectures(space):
    return [space.largest, space.sample(np.random.default_rng(0))]


@pytest.mark.slow
def test_every_way_to_run_an_architecture_is_alike(pair):
    images = contracts.random_images(4, 32)
    contracts.check_supernet(pair, some_architectures(pair.space), images)


def test_children_are_stock_and_have_no_maps_of_kernels(pair, tmp_path):
    arch = pair.space.sample(np.random.default_rng(3))
    child = pair.sliced.child(arch)
    contracts.check_child(child, pair.sliced.family.plan(arch, 3), tmp_path)


def test_at_first_the_depth_does_not_matter(pair):
    supernet = Supernet(pair.sliced.family, classes=3)
    images = contracts.random_images(2, 32)
    space = supernet.space
    shallow = dataclasses.replace(space.largest, depth=space.smallest.depth)
    np.testing.assert_allclose(
        supernet(images, shallow), supernet(images, space.largest), atol=1e-6
    )


@pytest.mark.slow
def test_a_map_that_is_the_identity_takes_the_center():
    mapped = Supernet(small(NAMES[0]), classes=3)
    contracts.randomize(mapped)
    plain = Supernet(small(NAMES[0], kernel_transform=False), classes=3)
    weights = {v.path: v for v in mapped.trainable_variables}
    for variable in plain.trainable_variables:
        variable.assign(weights.pop(variable.path))
    # What is left are the maps: two for each of 20 blocks.
    assert len(weights) == 40
    images = contracts.random_images(2, 32)
    space = mapped.space
    for arch in some_architectures(space):
        expected = plain(images, arch)
        differs = np.abs(mapped(images, arch) - expected).max() > 1e-3
        # Only the largest kernels are nobody's map.
        assert differs == (arch != space.largest)
    for matrix in weights.values():
        matrix.assign(np.eye(matrix.shape[0]))
    for arch in some_architectures(space):
        np.testing.assert_allclose(
            mapped(images, arch), plain(images, arch), atol=1e-5
        )
