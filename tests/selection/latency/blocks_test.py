import dataclasses

import numpy as np
import pytest
from training.tiny import CLASSES
from training.tiny import FAMILY

from keras_elastic import families
from keras_elastic.selection.latency.blocks import build_block
from keras_elastic.selection.latency.blocks import choose
from keras_elastic.selection.latency.blocks import describe
from keras_elastic.selection.latency.blocks import distinct_blocks
from keras_elastic.selection.latency.blocks import occurrences
from keras_elastic.spaces import GeneTable


def keys_of_plan(family, arch):
    """Keys of an architecture's blocks, read from its plan over integers."""
    keys = []
    for index, block in enumerate(family.plan(arch, CLASSES).blocks):
        if block.live:
            text, numbers = describe(block)
            key = text.format(*(int(number) for number in numbers))
            keys.append("pixels " * (index == 0) + key)
    return keys


def keys_of_rows(family, encoded):
    keys = [[] for _ in encoded]
    for place in occurrences(family, CLASSES, encoded):
        for row, which in zip(place.rows, place.which, strict=True):
            keys[row].append(place.keys[which])
    return keys


@pytest.mark.parametrize(
    "name", ["bignas_cifar10", "ofa_mobilenet_v3", "ofa_resnet50"]
)
def test_arrays_have_the_blocks_of_integers(name):
    family = families.get(name)
    encoded = family.space.sample_encoded(np.random.default_rng(0), 20)
    expected = [
        keys_of_plan(family, family.space.decode(row)) for row in encoded
    ]
    assert keys_of_rows(family, encoded) == expected


def test_every_architecture_is_made_of_the_distinct_blocks():
    known = distinct_blocks(FAMILY, CLASSES)
    rows = GeneTable(FAMILY.space).all_rows()
    met = {key for keys in keys_of_rows(FAMILY, rows) for key in keys}
    assert met == set(known)


def test_samples_of_a_large_space_have_its_blocks():
    family = families.get("bignas_cifar10")
    known = distinct_blocks(family, CLASSES)
    encoded = family.space.sample_encoded(np.random.default_rng(9), 2000)
    met = {key for keys in keys_of_rows(family, encoded) for key in keys}
    assert met <= set(known)
    # Counted by hand: of the stem, of the blocks of the stages in turn, and
    # of the head. Maps of 28 and of 32 pixels end at the same size.
    stages = 12 + (24 + 12) + (72 + 36) + (108 + 24)
    assert len(known) == 6 + stages + 12


def test_a_block_at_two_places_is_one():
    arch = families.get("bignas_cifar10").space.largest
    keys = keys_of_plan(families.get("bignas_cifar10"), arch)
    # The second and third block of a stage are alike.
    assert keys[5] == keys[6] != keys[4]
    assert keys[8] == keys[9] != keys[7]


def first_block():
    return FAMILY.plan(FAMILY.space.largest, CLASSES).blocks[-2]


def test_a_name_is_no_part_of_a_block():
    block = first_block()
    renamed = dataclasses.replace(
        block,
        name="other",
        operations=tuple(
            dataclasses.replace(operation, name="other")
            for operation in block.operations
        ),
    )
    assert describe(renamed) == describe(block)


@pytest.mark.parametrize("field", ["in_channels", "size"])
def test_the_input_is_a_part_of_a_block(field):
    block = first_block()
    changed = dataclasses.replace(block, **{field: getattr(block, field) + 1})
    assert describe(changed) != describe(block)


def test_an_operation_is_a_part_of_a_block():
    block = first_block()
    changes = {"filters": 5, "kernel_size": 7, "strides": 3, "function": "relu"}
    changed = 0
    for number, operation in enumerate(block.operations):
        for field, value in changes.items():
            if hasattr(operation, field):
                operations = list(block.operations)
                operations[number] = dataclasses.replace(
                    operation, **{field: value}
                )
                other = dataclasses.replace(block, operations=tuple(operations))
                text, numbers = describe(other)
                assert (text, numbers) != describe(block)
                changed += 1
    assert changed >= 5


def test_the_shortcut_is_a_part_of_a_block():
    block = first_block()
    texts = {
        describe(dataclasses.replace(block, shortcut=shortcut))[0]
        for shortcut in (None, (), block.shortcut)
    }
    assert len(texts) == 3


def test_every_block_is_built_with_its_shapes():
    for distinct in distinct_blocks(FAMILY, CLASSES).values():
        block, model = distinct.block, build_block(distinct)
        channels = 3 if distinct.index == 0 else block.in_channels
        assert model.input_shape == (None, block.size, block.size, channels)
        assert model.output_shape[-1] == block.out_channels


def test_chosen_blocks_are_of_all_places():
    known = distinct_blocks(FAMILY, CLASSES)
    places = {block.index for block in known.values()}
    chosen = choose(known, len(places))
    assert {block.index for block in chosen} == places


def test_more_blocks_hold_fewer():
    known = distinct_blocks(FAMILY, CLASSES)
    few, more = ({b.key for b in choose(known, n, seed=3)} for n in (5, 9))
    assert len(few) == 5 and len(more) == 9
    assert few < more


def test_all_blocks_are_chosen_once():
    known = distinct_blocks(FAMILY, CLASSES)
    chosen = [block.key for block in choose(known, None)]
    assert sorted(chosen) == sorted(known)
    assert chosen != list(known)
