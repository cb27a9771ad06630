import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import architectures
from space_strategies import quick
from space_strategies import spaces
from space_strategies import spaces_and_architectures

from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import SearchSpace

TABLE = {
    "name": "tiny",
    "resolution": (8, 16),
    "width": ((16,), (24, 32, 40)),
    "depth": ((1, 2),),
    "kernel_size": ((3, 5),),
    "expand_ratio": ((6,),),
}
TINY = SearchSpace(**TABLE)

seeds = st.integers(0, 2**32).map(np.random.default_rng)


def unchecked(space, vector):
    return Architecture(*space.unstack(list(vector)))


# Encoding


@quick
@given(spaces_and_architectures())
def test_decode_inverts_encode(pair):
    space, arch = pair
    vector = space.encode(arch)
    assert vector.shape == (len(space.genes),)
    assert vector.dtype == np.int32
    assert space.decode(vector) == arch
    assert space.decode(vector.tolist()) == arch


def test_encoding_is_in_the_order_of_the_genes():
    arch = Architecture(8, (16, 40), (2,), (5,), (6,))
    assert TINY.encode(arch).tolist() == [8, 16, 40, 2, 5, 6]
    assert [label for label, _ in TINY.genes] == [
        "resolution",
        "width[0]",
        "width[1]",
        "depth[0]",
        "kernel_size[0]",
        "expand_ratio[0]",
    ]


@pytest.mark.parametrize("vector", [[], [8, 16, 40, 2, 5], [[8] * 6], 8])
def test_decode_refuses_another_shape(vector):
    with pytest.raises(ValueError, match=r"`vector` must have shape \(6,\)"):
        TINY.decode(vector)


def test_decode_refuses_what_is_not_in_the_space():
    with pytest.raises(ValueError, match=r"`width\[1\]` must be one of"):
        TINY.decode([8, 16, 33, 2, 5, 6])


def test_decode_refuses_fractions():
    with pytest.raises(ValueError, match="must hold integers"):
        TINY.decode(np.array([8, 16, 24.5, 2, 5, 6]))


def test_unstack_names_the_columns_of_a_matrix():
    genes = TINY.unstack(
        np.array([[8, 16, 24, 1, 3, 6], [16, 16, 40, 2, 5, 6]])
    )
    assert isinstance(genes, Genes)
    np.testing.assert_array_equal(genes.resolution, [8, 16])
    np.testing.assert_array_equal(genes.width, [[16, 16], [24, 40]])
    np.testing.assert_array_equal(genes.depth, [[1, 2]])
    np.testing.assert_array_equal(genes.kernel_size, [[3, 5]])
    np.testing.assert_array_equal(genes.expand_ratio, [[6, 6]])


@pytest.mark.parametrize("count", [None, 3])
def test_unstacked_arrays_have_room_for_costs(count):
    rng = np.random.default_rng(0)
    vectors = TINY.sample_encoded(rng, 1 if count is None else count)
    genes = TINY.unstack(vectors[0] if count is None else vectors)
    assert genes.resolution.dtype == np.int64
    assert genes.width[1].dtype == np.int64


def test_unstack_leaves_the_entries_of_a_list_alone():
    entries = [object() for _ in TINY.genes]
    genes = TINY.unstack(entries)
    assert genes.resolution is entries[0]
    assert genes.width == (entries[1], entries[2])
    assert genes.expand_ratio == (entries[5],)


# What is in the space


@quick
@given(spaces())
def test_size_is_the_product_of_the_choices(space):
    counts = [len(space.resolution)]
    for field in ("width", "depth", "kernel_size", "expand_ratio"):
        counts += [len(choices) for choices in getattr(space, field)]
    assert space.size == math.prod(counts)


def test_size_counts_the_architectures():
    vectors = itertools.product(*(choices for _, choices in TINY.genes))
    assert TINY.size == len({TINY.decode(vector) for vector in vectors}) == 24


@quick
@given(spaces(), seeds)
def test_samples_are_in_the_space(space, rng):
    assert space.contains(space.sample(rng))


@quick
@given(spaces(), seeds)
def test_encoded_samples_are_in_the_space(space, rng):
    vectors = space.sample_encoded(rng, 3)
    assert vectors.shape == (3, len(space.genes))
    assert vectors.dtype == np.int32
    assert all(space.contains(space.decode(vector)) for vector in vectors)


def test_every_choice_is_sampled_equally_often():
    vectors = TINY.sample_encoded(np.random.default_rng(0), 6000)
    for column, (_, choices) in zip(vectors.T, TINY.genes, strict=True):
        values, counts = np.unique(column, return_counts=True)
        assert tuple(values) == choices
        np.testing.assert_allclose(counts, 6000 / len(choices), rtol=0.1)


def test_the_same_seed_draws_the_same():
    one, other = (TINY.sample(np.random.default_rng(5)) for _ in range(2))
    assert one == other


@quick
@given(spaces_and_architectures())
def test_extremes_bound_every_gene(pair):
    space, arch = pair
    assert space.contains(space.smallest) and space.contains(space.largest)
    assert np.all(space.encode(space.smallest) <= space.encode(arch))
    assert np.all(space.encode(arch) <= space.encode(space.largest))


def test_contains_nothing_but_architectures():
    assert not TINY.contains(TINY.largest.to_dict())
    assert not TINY.contains(None)


def test_validate_says_which_type_it_wants():
    with pytest.raises(ValueError, match="`arch` must be .*of type dict"):
        TINY.validate(TINY.largest.to_dict())


@quick
@given(spaces_and_architectures(), st.data())
def test_validate_names_every_bad_gene(pair, data):
    space, arch = pair
    labels = [label for label, _ in space.genes]
    bad = data.draw(st.sets(st.sampled_from(labels), min_size=2))
    vector = space.encode(arch)
    for i, (label, choices) in enumerate(space.genes):
        vector[i] = choices[-1] + 1 if label in bad else vector[i]
    wrong = unchecked(space, vector.tolist())
    assert not space.contains(wrong)
    with pytest.raises(ValueError) as error:
        space.validate(wrong)
    named = {label for label in labels if f"`{label}`" in str(error.value)}
    assert named == bad


def test_validate_tells_the_choices_and_the_value():
    wrong = Architecture(9, (16, 33), (1,), (3,), (6,))
    with pytest.raises(ValueError) as error:
        TINY.validate(wrong)
    assert str(error.value) == (
        "The architecture is not in the space 'tiny': "
        "`resolution` must be one of (8, 16) and is 9, between 8 and 16; "
        "`width[1]` must be one of (24, 32, 40) and is 33, between 32 and 40. "
        f"Received: {wrong.to_json()}"
    )


def test_validate_names_every_wrong_length():
    wrong = Architecture(8, (16,), (1, 1), (), (6,))
    assert not TINY.contains(wrong)
    with pytest.raises(ValueError) as error:
        TINY.validate(wrong)
    message = str(error.value)
    assert "`width` needs 2 values and has 1" in message
    assert "`depth` needs 1 values and has 2" in message
    assert "`kernel_size` needs 1 values and has 0" in message
    assert "`expand_ratio`" not in message


def test_only_architectures_of_the_space_are_encoded():
    wrong = dataclasses.replace(TINY.largest, resolution=9)
    with pytest.raises(ValueError, match="not in the space 'tiny'"):
        TINY.encode(wrong)


# One-gene changes


@quick
@given(spaces())
def test_one_gene_changes_cover_every_choice(space):
    rows = space.one_gene_changes
    assert rows.dtype == np.int32
    for column, (_, choices) in zip(rows.T, space.genes, strict=True):
        assert set(column.tolist()) == set(choices)


@quick
@given(spaces())
def test_one_gene_changes_are_near_an_extreme(space):
    rows = space.one_gene_changes
    low, high = space.encode(space.smallest), space.encode(space.largest)
    np.testing.assert_array_equal(rows[:2], [low, high])
    changes = [np.sum(rows != extreme, axis=1) for extreme in (low, high)]
    assert np.all(np.minimum(*changes) <= 1)
    assert all(space.contains(space.decode(row)) for row in rows)


@quick
@given(spaces())
def test_every_choice_changes_alone_from_both_extremes(space):
    rows = {tuple(row) for row in space.one_gene_changes.tolist()}
    for extreme in (space.smallest, space.largest):
        for i, (_, choices) in enumerate(space.genes):
            for choice in choices:
                vector = space.encode(extreme)
                vector[i] = choice
                assert tuple(vector.tolist()) in rows


# The table


@quick
@given(spaces())
def test_json_round_trip_of_a_space(space):
    values = json.loads(json.dumps(space.to_dict()))
    assert SearchSpace.from_dict(values) == space


@quick
@given(spaces())
def test_lists_and_numpy_integers_make_the_same_space(space):
    values = space.to_dict()
    same = {
        **values,
        "resolution": np.array(values["resolution"]),
        "width": [np.array(gene) for gene in values["width"]],
    }
    assert SearchSpace(**same) == space
    assert hash(SearchSpace(**same)) == hash(space)
    json.dumps(SearchSpace(**same).to_dict())


@pytest.mark.parametrize(
    "choices", [(), (16, 8), (8, 8), (0, 8), (-8,)], ids=repr
)
@pytest.mark.parametrize("field", ["resolution", "width", "kernel_size"])
def test_choices_must_increase(field, choices):
    label = field if field == "resolution" else f"{field}[0]"
    wrong = choices if field == "resolution" else (choices, *TABLE[field][1:])
    with pytest.raises(ValueError) as error:
        SearchSpace(**{**TABLE, field: wrong})
    assert f"`{label}` in the space 'tiny' must be positive" in str(error.value)
    assert f"Received: {choices}" in str(error.value)


@pytest.mark.parametrize("choices", [(8.5,), (True,), ("8",)], ids=repr)
def test_choices_must_be_integers(choices):
    with pytest.raises(ValueError, match="`resolution` must hold integers"):
        SearchSpace(**{**TABLE, "resolution": choices})


def test_a_forgotten_comma_is_named():
    with pytest.raises(ValueError, match=r"`width\[0\]` must be a sequence"):
        SearchSpace(**{**TABLE, "width": ((16), (24, 32))})


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TINY.resolution = (8,)


@given(st.data())
@quick
def test_a_space_holds_no_architecture_of_a_narrower_sibling(data):
    narrow = dataclasses.replace(TINY, resolution=(16,))
    arch = data.draw(architectures(TINY))
    assert TINY.contains(arch)
    assert narrow.contains(arch) == (arch.resolution == 16)


# Genes of blocks that may be left out

OWNED = SearchSpace(
    name="owned",
    resolution=(32, 64),
    width=((8, 16),),
    depth=((1, 2, 3), (2, 3)),
    kernel_size=((3, 5, 7),) * 6,
    expand_ratio=((3, 4),) * 6,
    owners=(None,) * 3 + tuple((s, b) for s in (0, 1) for b in range(3)) * 2,
    labels=("all", "stage 1", "stage 2")
    + tuple(f"stage {s} block {b}" for s in (1, 2) for b in (1, 2, 3)) * 2,
)


def owned(depth, kernel_size, expand_ratio=(3,) * 6):
    return Architecture(32, (8,), depth, kernel_size, expand_ratio)


def test_genes_of_blocks_that_are_left_out_mean_nothing():
    first = owned((1, 2), (5, 7, 3, 5, 5, 7))
    second = owned((1, 2), (5, 3, 5, 5, 5, 3), (3, 4, 4, 3, 3, 4))
    np.testing.assert_array_equal(OWNED.encode(first), OWNED.encode(second))
    canonical = OWNED.canonical(first)
    assert canonical == OWNED.canonical(second)
    assert canonical == owned((1, 2), (5, 3, 3, 5, 5, 3))


def test_genes_of_live_blocks_are_kept():
    arch = owned((3, 3), (5, 7, 3, 5, 5, 7), (4, 3, 4, 3, 4, 3))
    assert OWNED.canonical(arch) == arch


def test_size_counts_each_network_once():
    brute = {
        OWNED.canonical(owned((d, 2), (k, l, m, 3, 3, 3)))
        for d in (1, 2, 3)
        for k in (3, 5, 7)
        for l in (3, 5, 7)  # noqa: E741
        for m in (3, 5, 7)
    }
    assert len(brute) == 3 + 9 + 27
    per_stage = (6 + 6**2 + 6**3, 6**2 + 6**3)
    assert OWNED.size == 2 * 2 * per_stage[0] * per_stage[1]


def test_samples_are_canonical():
    rng = np.random.default_rng(0)
    for _ in range(200):
        arch = OWNED.sample(rng)
        assert arch == OWNED.canonical(arch)


def test_validate_says_what_a_gene_is_of():
    with pytest.raises(ValueError) as error:
        OWNED.validate(owned((1, 2), (3, 3, 3, 3, 4, 3)))
    assert (
        "`kernel_size[4]` (stage 2 block 2) must be one of (3, 5, 7) and is "
        "4, between 3 and 5" in str(error.value)
    )


@pytest.mark.parametrize("field", ["owners", "labels"])
def test_owners_and_labels_must_be_one_a_gene(field):
    with pytest.raises(ValueError, match=f"`{field}` of the space 'owned'"):
        dataclasses.replace(OWNED, **{field: getattr(OWNED, field)[1:]})


def test_owners_and_labels_survive_json():
    text = json.dumps(OWNED.to_dict())
    assert SearchSpace.from_dict(json.loads(text)) == OWNED


# A part of a space


COUNTS = st.dictionaries(
    st.sampled_from(
        ("resolution", "width", "depth", "kernel_size", "expand_ratio")
    ),
    st.integers(1, 4),
)


@quick
@given(spaces(), COUNTS)
def test_a_part_keeps_the_largest_choices(space, counts):
    part = space.keep_largest(**counts)
    for (label, kept), (_, choices) in zip(
        part.genes, space.genes, strict=True
    ):
        count = counts.get(label.split("[")[0], len(choices))
        assert kept == choices[-count:]
    assert (part.name, part.owners) == (space.name, space.owners)


@quick
@given(spaces(), COUNTS, seeds)
def test_a_part_lies_in_the_space(space, counts, rng):
    part = space.keep_largest(**counts)
    assert part.size <= space.size
    assert part.largest == space.largest
    for row in part.sample_encoded(rng, 5):
        # The same network, whose unused genes may be written differently.
        arch = space.decode(row)
        assert space.contains(part.decode(row))
        assert space.canonical(part.decode(row)) == arch


def test_nothing_to_keep_is_the_whole_space():
    assert TINY.keep_largest() == TINY
    assert TINY.keep_largest(depth=9, width=3) == TINY


def test_one_choice_of_each_is_the_largest():
    part = TINY.keep_largest(
        resolution=1, width=1, depth=1, kernel_size=1, expand_ratio=1
    )
    assert part.size == 1
    assert part.smallest == part.largest == TINY.largest


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_wrong_counts_of_a_part_are_refused(count):
    with pytest.raises(ValueError, match=f"`depth` .*Received: depth={count}"):
        TINY.keep_largest(depth=count)


def test_an_unknown_field_of_a_part_is_refused():
    with pytest.raises(ValueError, match="`field` .*'depth'.*field='depths'"):
        TINY.keep_largest(depths=1)
