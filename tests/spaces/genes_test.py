import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_elastic import families
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces import SearchSpace

NAMES = ("bignas", "bignas_digits", "ofa_mobilenet_v3", "mobilenet_v1")
# A stage of one to three blocks, with a kernel gene for each.
BLOCKS = SearchSpace(
    name="blocks",
    resolution=(8, 16),
    width=((4, 8, 12),),
    depth=((1, 2, 3),),
    kernel_size=((3, 5), (3, 5, 7), (3, 5)),
    expand_ratio=(),
    owners=(None, None, (0, 0), (0, 1), (0, 2)),
)

names = st.sampled_from(NAMES)
seeds = st.integers(0, 2**32 - 1)
quick = hypothesis.settings(deadline=None, max_examples=25)


def sample(space, seed, count=20):
    return space.sample_encoded(np.random.default_rng(seed), count)


def anything(space, seed, count=20):
    """Combinations of choices that need not be canonical."""
    rng = np.random.default_rng(seed)
    columns = [rng.choice(c, size=count) for _, c in space.genes]
    return np.stack(columns, axis=1).astype("int32")


def is_canonical(space, encoded):
    decoded = [space.decode(row) for row in encoded]
    return all(
        (space.encode(arch) == row).all()
        for arch, row in zip(decoded, encoded, strict=True)
    )


@quick
@hypothesis.given(names, seeds)
def test_canonical_is_that_of_the_space(name, seed):
    space = families.get(name).space
    encoded = anything(space, seed)
    expected = [space.encode(space.decode(row)) for row in encoded]
    canonical = GeneTable(space).canonical(encoded)
    np.testing.assert_array_equal(canonical, expected)
    assert canonical.dtype == "int32"


def test_dead_genes():
    table = GeneTable(BLOCKS)
    encoded = np.array([[8, 4, depth, 3, 3, 3] for depth in (1, 2, 3)])
    np.testing.assert_array_equal(
        table.dead(encoded)[:, 3:],
        [[False, True, True], [False, False, True], [False, False, False]],
    )
    assert not table.dead(encoded)[:, :3].any()


def test_a_space_without_owners_has_no_dead_genes():
    space = families.get("bignas").space
    assert not GeneTable(space).dead(sample(space, 0)).any()


@quick
@hypothesis.given(names, seeds)
def test_indices_and_back(name, seed):
    space = families.get(name).space
    table = GeneTable(space)
    encoded = sample(space, seed)
    indices = table.indices(encoded)
    assert (indices >= 0).all() and (indices < table.counts).all()
    np.testing.assert_array_equal(table.from_indices(indices), encoded)


def test_all_rows_are_the_space():
    table = GeneTable(BLOCKS)
    rows = table.all_rows()
    assert len(rows) == table.combinations == 2 * 3 * 3 * 2 * 3 * 2
    assert len(np.unique(rows, axis=0)) == BLOCKS.size
    assert is_canonical(BLOCKS, rows)


# Mutation


@quick
@hypothesis.given(names, seeds, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_mutants_are_others_of_the_space(name, seed, probability):
    space = families.get(name).space
    encoded = sample(space, seed)
    rng = np.random.default_rng(seed)
    mutants = GeneTable(space).mutate(encoded, rng, probability)
    assert is_canonical(space, mutants)
    assert (mutants != encoded).any(axis=1).all()


def test_a_mutation_leaves_the_rows_alone():
    rows = sample(BLOCKS, 0)
    before = rows.copy()
    GeneTable(BLOCKS).mutate(rows, np.random.default_rng(0), 1.0)
    np.testing.assert_array_equal(rows, before)


def test_the_same_seed_mutates_alike():
    table, rows = GeneTable(BLOCKS), sample(BLOCKS, 0)
    one, other = (
        table.mutate(rows, np.random.default_rng(5), 0.3) for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


def test_a_mutation_of_probability_one_changes_all():
    space = families.get("bignas").space
    table = GeneTable(space)
    encoded = sample(space, 0)
    mutants = table.mutate(encoded, np.random.default_rng(0), 1.0)
    np.testing.assert_array_equal(
        mutants != encoded, np.tile(table.counts > 1, (len(encoded), 1))
    )


def test_rate_of_mutations():
    space = families.get("bignas").space
    table = GeneTable(space)
    encoded = sample(space, 0, 20_000)
    probability = np.full(len(table.counts), 0.1)
    probability[0] = 0.5
    rng = np.random.default_rng(1)
    changed = table.mutate(encoded, rng, probability) != encoded
    elastic = table.counts > 1
    # That one gene changes at least adds a little.
    added = math.prod((1 - probability[elastic]).tolist())
    expected = probability[elastic] + added / elastic.sum()
    found = changed[:, elastic].mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=0.015)


def test_mutants_are_drawn_uniformly_from_the_other_choices():
    table = GeneTable(families.get("mobilenet_v1").space)
    encoded = np.tile(np.array([160, 50], "int32"), (8000, 1))
    mutants = table.mutate(encoded, np.random.default_rng(0), np.array([1, 0]))
    values, counts = np.unique(mutants[:, 0], return_counts=True)
    assert values.tolist() == [128, 192, 224]
    assert (mutants[:, 1] == 50).all()
    np.testing.assert_allclose(counts / 8000, 1 / 3, atol=0.02)


def test_genes_of_added_blocks_are_drawn():
    table = GeneTable(BLOCKS)
    encoded = np.tile(np.array([8, 4, 1, 3, 3, 3], "int32"), (600, 1))
    only_depth = np.array([0, 0, 1, 0, 0, 0])
    mutants = table.mutate(encoded, np.random.default_rng(0), only_depth)
    assert set(mutants[:, 2].tolist()) == {2, 3}
    assert set(mutants[:, 4].tolist()) == {3, 5, 7}
    deepest = mutants[:, 2] == 3
    assert set(mutants[deepest, 5].tolist()) == {3, 5}
    assert (mutants[~deepest, 5] == 3).all()
    assert (mutants[:, 3] == 3).all()


def test_a_space_of_one_architecture_does_not_mutate():
    space = families.get("efficientnet_b0").space
    encoded = sample(space, 0, 3)
    mutants = GeneTable(space).mutate(encoded, np.random.default_rng(0), 1.0)
    np.testing.assert_array_equal(mutants, encoded)


# Crossover


@quick
@hypothesis.given(names, seeds)
def test_children_have_the_genes_of_their_parents(name, seed):
    space = families.get(name).space
    table = GeneTable(space)
    first, second = sample(space, seed), sample(space, seed + 1)
    children = table.crossover(first, second, np.random.default_rng(seed))
    assert is_canonical(space, children)
    live = ~table.dead(children)
    from_first = (children == first) & ~table.dead(first)
    from_second = (children == second) & ~table.dead(second)
    assert (from_first | from_second)[live].all()


def test_equal_parents_have_equal_children():
    space = families.get("ofa_mobilenet_v3").space
    parents = sample(space, 0)
    rng = np.random.default_rng(0)
    children = GeneTable(space).crossover(parents, parents, rng)
    np.testing.assert_array_equal(children, parents)


def test_either_parent_is_as_likely():
    space = families.get("bignas").space
    table = GeneTable(space)
    low, high = (
        np.tile(space.encode(arch), (4000, 1))
        for arch in (space.smallest, space.largest)
    )
    children = table.crossover(low, high, np.random.default_rng(0))
    elastic = table.counts > 1
    share = (children == high)[:, elastic].mean(axis=0)
    np.testing.assert_allclose(share, 0.5, atol=0.03)


# Features


def test_one_hot():
    table = GeneTable(BLOCKS)
    features = table.one_hot(np.array([[16, 4, 2, 5, 7, 3]]))
    expected = [0, 1] + [1, 0, 0] + [0, 1, 0] + [0, 1] + [0, 0, 1] + [0, 0]
    assert features.dtype == "float32"
    assert features.tolist() == [expected]


@pytest.mark.parametrize("name", NAMES)
def test_one_hot_tells_architectures_apart(name):
    space = families.get(name).space
    encoded = np.unique(sample(space, 0, 500), axis=0)
    features = GeneTable(space).one_hot(encoded)
    assert len(np.unique(features, axis=0)) == len(encoded)
    genes = (~GeneTable(space).dead(encoded)).sum(axis=1)
    np.testing.assert_array_equal(features.sum(axis=1), genes)
