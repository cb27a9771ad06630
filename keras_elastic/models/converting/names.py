"""Names of blocks and operations, after those of the Keras layers.

The operations of a supernet are its attributes, and layers of its children:
their names must be identifiers, and unique.
"""

import os
import re

import keras

from keras_elastic.models.converting.blocks import CONVOLUTIONS


def name_blocks(blocks):
    """Names blocks and their steps.

    Args:
        blocks: List of `ReadBlock`.

    Returns:
        Pair of a list with the name of each block, and a dictionary from
        steps to their names without that of the block.
    """
    taken = _Taken()
    names, steps = [], {}
    for index, block in enumerate(blocks):
        name = taken.block(_name_of_block(block, index))
        names.append(name)
        taken.add(f"{name}_after", f"{name}_add")
        for step in [*block.steps, *(block.shortcut or ())]:
            steps[step] = taken.operation(name, _identifier(step.name))
    return names, steps


class _Taken:
    """The names that are taken."""

    def __init__(self):
        self._blocks, self._names = set(), set()

    def add(self, *names):
        self._names.update(names)

    def block(self, wanted):
        name, number = wanted, 2
        while name in self._blocks:
            name, number = f"{wanted}_{number}", number + 1
        self._blocks.add(name)
        return name

    def operation(self, block, wanted):
        """The name of an operation, which the block's is put before."""
        short = wanted.removeprefix(f"{block}_")
        name, number = short, 2
        while self._is_taken(f"{block}_{name}"):
            name, number = f"{short}_{number}", number + 1
        full = f"{block}_{name}"
        # A child has more layers than a plan has operations.
        ends = ("pad", "squeeze", "reduce", "expand", "excite")
        self.add(full, *(f"{full}_{end}" for end in ends))
        return name

    def _is_taken(self, name):
        return name in self._names or hasattr(keras.Model, name)


def _name_of_block(block, index):
    if block.is_head:
        return "head"
    if block.name is not None:
        name = _identifier(block.name).removesuffix("_add")
        if name != "add":
            return name
    layers = [step for step in block.steps if step.kind in CONVOLUTIONS]
    names = [_identifier(step.name) for step in layers or block.steps]
    common = os.path.commonprefix([f"{name}_" for name in names])
    # A prefix ends where a word does.
    common = common.rpartition("_")[0]
    if len(names) == 1:
        common = common.removesuffix("_conv")
    return common or f"block{index + 1}"


def _identifier(name):
    """The name with nothing in it that an attribute may not have."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"layer_{name}"
