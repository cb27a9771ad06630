import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given
from space_strategies import families_and_architectures
from space_strategies import quick
from space_strategies import small_families

from keras_elastic import families


def operations(plan):
    """Every operation of a plan, shortcuts included."""
    for block in plan.blocks:
        yield from block.operations
        if block.shortcut is not None:
            yield from block.shortcut


def names(plan):
    return [operation.name for operation in operations(plan)]


def sizes(operation):
    """The numbers of an operation that an architecture can change."""
    return {
        field: value
        for field, value in dataclasses.asdict(operation).items()
        if not isinstance(value, (str, float))
    }


def plan_of_extremes(family):
    space = family.space
    return family.plan(space.unstack(space.one_gene_changes), classes=10)


@quick
@given(families_and_architectures())
def test_every_architecture_has_the_same_structure(pair):
    family, arch = pair
    plan = family.plan(arch, classes=10)
    assert names(plan) == names(plan_of_extremes(family))
    assert len(set(names(plan))) == len(names(plan))


@quick
@given(families_and_architectures())
def test_a_stage_has_its_first_blocks_as_many_as_its_depth(pair):
    family, arch = pair
    live = {block.name: block.live for block in family.plan(arch, 10).blocks}
    assert live.pop("stem") is True and live.pop("head") is True
    assert live == {
        f"stage{stage}_block{block}": block <= depth
        for stage, depth in enumerate(arch.depth, start=1)
        for block in range(1, max(family.stages[stage - 1].depth) + 1)
    }


@quick
@given(families_and_architectures())
def test_live_blocks_are_a_chain(pair):
    family, arch = pair
    channels = 3
    for block in family.plan(arch, classes=10).blocks:
        if not block.live:
            continue
        first = block.operations[0]
        assert getattr(first, "in_channels", channels) == channels
        assert getattr(first, "channels", channels) == channels
        if block.shortcut is not None:
            assert block.shortcut[0].in_channels == channels
            assert block.shortcut[0].filters == block.out_channels
            assert block.shortcut[0].size == first.size
        channels = block.out_channels
    assert channels == 10


@quick
@given(families_and_architectures())
def test_arrays_and_integers_make_the_same_plan(pair):
    family, arch = pair
    space = family.space
    rows = np.stack([space.encode(space.largest), space.encode(arch)])
    many = operations(family.plan(space.unstack(rows), classes=10))
    one = operations(family.plan(arch, classes=10))
    for of_many, of_one in zip(many, one, strict=True):
        assert sizes(of_one) == {
            field: value[1] if isinstance(value, np.ndarray) else value
            for field, value in sizes(of_many).items()
        }


@quick
@given(families_and_architectures())
def test_one_gene_changes_hold_the_largest_sizes(pair):
    family, arch = pair
    extremes = operations(plan_of_extremes(family))
    own = operations(family.plan(arch, classes=10))
    for largest, operation in zip(extremes, own, strict=True):
        for field, value in sizes(operation).items():
            assert value <= np.max(sizes(largest)[field]), operation


@quick
@given(families_and_architectures())
def test_one_gene_changes_change_all_that_can_change(pair):
    family, arch = pair
    extremes = operations(plan_of_extremes(family))
    smallest = operations(family.plan(family.space.smallest, classes=10))
    own = operations(family.plan(arch, classes=10))
    for elastic, low, operation in zip(extremes, smallest, own, strict=True):
        for field, value in sizes(operation).items():
            if value != sizes(low)[field]:
                assert len(np.unique(sizes(elastic)[field])) > 1, operation


@quick
@given(families_and_architectures(small_families(transition_shortcuts=False)))
def test_shortcuts_inside_stages_never_project(pair):
    family, arch = pair
    for block in family.plan(arch, classes=10).blocks:
        if block.shortcut is not None:
            assert block.shortcut[0].project is False
            assert block.shortcut[0].strides == 1


@pytest.mark.parametrize("extreme", ["smallest", "largest"])
def test_tensors_and_integers_make_the_same_plan(extreme):
    family = families.get("bignas_digits")
    space = family.space
    arch = getattr(space, extreme)
    vector = keras.ops.convert_to_tensor(space.encode(arch))
    genes = space.unstack([vector[i] for i in range(len(space.genes))])
    of_tensors = operations(family.plan(genes, classes=10))
    of_integers = operations(family.plan(arch, classes=10))
    for tensors, integers in zip(of_tensors, of_integers, strict=True):
        found = {field: int(value) for field, value in sizes(tensors).items()}
        assert found == sizes(integers)
