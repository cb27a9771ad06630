import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.containment import EXTENTS
from keras_elastic.selection.containment import ConstrainedFamily
from keras_elastic.selection.containment import constrained
from keras_elastic.selection.containment import contains
from keras_elastic.selection.searches.evolution import EvolutionSearch
from keras_elastic.selection.searches.random_search import RandomSearch
from keras_elastic.spaces.architecture import FIELDS

CLASSES = 10
# Every family with a choice.
NAMES = [n for n in families.names() if families.get(n).space.size > 1]

quick = hypothesis.settings(deadline=None, max_examples=60)
references = st.tuples(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
# Where widths change within a stage, a projection takes an identity's place.
BY_CHANNEL = [name for name in NAMES if name != "bignas_layerwise"]


def sample_reference(name, seed):
    family = families.get(name)
    return family, family.space.sample(np.random.default_rng(seed))


def plans(family, encoded):
    return family.plan(family.space.unstack(encoded), CLASSES)


@quick
@hypothesis.given(
    st.tuples(st.sampled_from(BY_CHANNEL), st.integers(0, 2**32 - 1))
)
def test_samples_contain_the_reference_channel_by_channel(reference):
    family, arch = sample_reference(*reference)
    space = constrained(family.space, arch)
    encoded = space.sample_encoded(np.random.default_rng(0), 200)
    larger = plans(family, encoded)
    smaller = family.plan(arch, CLASSES)
    assert np.all(contains(larger, smaller))
    for block, least in zip(larger.blocks, smaller.blocks, strict=True):
        if not least.live:
            continue
        assert np.all(block.live)
        assert np.all(block.out_channels >= least.out_channels)


@quick
@hypothesis.given(references)
def test_every_gene_is_at_least_that_of_the_reference(reference):
    family, arch = sample_reference(*reference)
    space = constrained(family.space, arch)
    encoded = space.sample_encoded(np.random.default_rng(0), 50)
    assert (encoded[:, 1:] >= family.space.encode(arch)[1:]).all()
    assert space.resolution == family.space.resolution
    # Encodings of the part are those of the whole.
    for row in encoded[:5]:
        np.testing.assert_array_equal(
            family.space.encode(space.decode(row)), row
        )


@quick
@hypothesis.given(references)
def test_the_ends(reference):
    family, arch = sample_reference(*reference)
    space = constrained(family.space, arch)
    assert space.largest == family.space.largest
    least = dataclasses.replace(arch, resolution=family.space.resolution[0])
    assert space.smallest == least
    everything = constrained(family.space, family.space.smallest)
    assert everything == family.space


@quick
@hypothesis.given(references, st.integers(0, 2**32 - 1))
def test_contains_is_an_order(reference, seed):
    family, arch = sample_reference(*reference)
    _, other = sample_reference(reference[0], seed)
    one, two = (family.plan(a, CLASSES) for a in (arch, other))
    assert contains(one, one) is True
    largest = family.plan(family.space.largest, CLASSES)
    assert contains(largest, one) is True
    if contains(one, two) and contains(two, one):
        pairs = zip(one.blocks, two.blocks, strict=True)
        assert all(a.out_channels == b.out_channels for a, b in pairs if a.live)


@pytest.mark.parametrize(
    "field, gene",
    [("width", 2), ("depth", 1), ("kernel_size", 1), ("expand_ratio", 1)],
)
def test_what_is_less_in_one_dimension_does_not_contain(field, gene):
    family = families.get("bignas_digits")
    values = list(getattr(family.space.largest, field))
    values[gene] = getattr(family.space, field)[gene][0]
    smaller = dataclasses.replace(
        family.space.largest, **{field: tuple(values)}
    )
    largest = family.plan(family.space.largest, CLASSES)
    plan = family.plan(smaller, CLASSES)
    assert contains(largest, plan) is True
    assert contains(plan, largest) is False


@pytest.mark.parametrize(
    "percent, width, expected",
    # Inner channels are the width times the expansion: 59 to 42, 42 to 52.
    [(35, 208, False), (25, 256, True)],
)
def test_channels_that_are_products_are_compared_as_products(
    percent, width, expected
):
    family = families.get("ofa_resnet50")
    smallest = family.space.smallest
    blocks = len(smallest.expand_ratio)
    reference = dataclasses.replace(smallest, expand_ratio=(percent,) * blocks)
    # All as wide as can be, but for the stage of the width in question.
    largest = list(family.space.largest.width)
    wider = dataclasses.replace(
        family.space.largest,
        width=(*largest[:2], width, *largest[3:]),
        expand_ratio=(20,) * blocks,
    )
    found = contains(
        family.plan(wider, CLASSES), family.plan(reference, CLASSES)
    )
    assert found is expected
    # The genes alone are enough, and not needed: less of one is not sampled.
    assert not constrained(family.space, reference).contains(wider)


def test_every_operation_with_weights_is_compared():
    for name in families.names():
        family = families.get(name)
        plan = family.plan(family.space.largest, CLASSES)
        for block in plan.blocks:
            for operation in block.every_operation:
                extents = ("filters", "units", "reduced", "kernel_size")
                if any(hasattr(operation, extent) for extent in extents):
                    assert type(operation) in EXTENTS


def test_a_reference_of_another_family():
    arch = families.get("bignas").space.smallest
    with pytest.raises(ValueError, match="is of another family"):
        constrained(families.get("mobilenet_v1").space, arch)


# Families


@pytest.mark.parametrize(
    "way",
    [RandomSearch(40), EvolutionSearch(population=20, generations=3)],
    ids=lambda way: type(way).__name__,
)
@pytest.mark.parametrize("name", ["bignas_digits", "ofa_mobilenet_v3"])
def test_searches_take_it_like_a_family(way, name):
    family, reference = sample_reference(name, 0)
    part = ConstrainedFamily(family, reference)
    asked = []
    way.search(part, CLASSES, lambda a: asked.append(a) or 0, [Budget()])
    smaller = family.plan(reference, CLASSES)
    assert asked
    for arch in asked:
        assert contains(family.plan(arch, CLASSES), smaller)
        for field in FIELDS[1:]:
            pairs = zip(
                getattr(arch, field), getattr(reference, field), strict=True
            )
            assert all(value >= least for value, least in pairs)


def test_a_budget_below_the_reference_is_out_of_reach():
    family = families.get("bignas_digits")
    part = ConstrainedFamily(family, family.space.largest)
    message = (
        "No architecture of 'bignas_digits, containing the reference' meets "
        "params <= 80e3; the architectures need params from 147.6e3"
    )
    with pytest.raises(ValueError, match=message):
        Budget(params=80e3).check_reachable(part, CLASSES)
    Budget(params=80e3).check_reachable(family, CLASSES)
    assert part.name == family.name
