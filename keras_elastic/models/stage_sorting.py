"""Groups of channels that move together, found in a plan.

An addition ties the channels of all that it adds. So the channels of a stage
are one group: many layers write them, and many read them.
"""

import dataclasses

import numpy as np

from keras_elastic.spaces import plan as primitives

CONSUMERS = (primitives.Convolution, primitives.Dense)


@dataclasses.dataclass(eq=False)
class Group:
    """Channels in one order, and all that holds them.

    Args:
        producers: Operations that write the channels.
        members: Operations that are indifferent to their order, but hold
            weights of each channel.
        consumers: Operations that read the channels.
        is_fixed: Boolean. Whether their order must stay: that of the images,
            of the classes, and of what some subnets add to other channels.
    """

    producers: list = dataclasses.field(default_factory=list)
    members: list = dataclasses.field(default_factory=list)
    consumers: list = dataclasses.field(default_factory=list)
    is_fixed: bool = False


def find_groups(family, classes):
    """Finds the groups of channels of a family's largest network.

    Args:
        family: The family.
        classes: Integer. Number of classes.

    Returns:
        List of `Group`, without those whose order must stay.
    """
    extremes = family.space.unstack(family.space.one_gene_changes)
    finder = _Finder()
    for block in family.plan(extremes, classes).blocks:
        finder.read_block(block)
    finder.groups[finder.current].is_fixed = True
    found = [g for i, g in enumerate(finder.groups) if finder.root(i) == i]
    return [group for group in found if not group.is_fixed]


class _Finder:
    """Follows the channels through the blocks of a plan."""

    def __init__(self):
        self.groups = [Group(is_fixed=True)]
        self._parents = [0]
        self.current = 0

    def root(self, index):
        while self._parents[index] != index:
            index = self._parents[index]
        return index

    def _tie(self, index, other):
        first, second = sorted((self.root(index), self.root(other)))
        if first == second:
            return first
        self._parents[second] = first
        one, two = self.groups[first], self.groups[second]
        one.producers += two.producers
        one.members += two.members
        one.consumers += two.consumers
        one.is_fixed = one.is_fixed or two.is_fixed
        return first

    def read_block(self, block):
        inputs = self.current
        self._read_chain(block.operations)
        if block.shortcut is not None:
            output, self.current = self.current, inputs
            self._read_chain(block.shortcut)
            self.current = self._tie(self.current, output)
        self._read_chain(block.after)
        if not np.all(block.live):
            # Without the block its input is its output.
            self.current = self._tie(self.current, inputs)

    def _read_chain(self, operations):
        for operation in operations:
            self._read(operation)

    def _read(self, operation):
        group = self.groups[self.root(self.current)]
        if isinstance(operation, primitives.Shortcut):
            self._read_shortcut(operation, group)
        elif isinstance(operation, CONSUMERS):
            group.consumers.append(operation)
            self.groups.append(Group(producers=[operation]))
            self._parents.append(len(self._parents))
            self.current = len(self._parents) - 1
        else:
            group.members.append(operation)

    def _read_shortcut(self, operation, group):
        if not np.any(operation.project):
            return
        # Some subnets project and others add the channels as they are, or
        # its weights are of a layer inside: such channels keep their order.
        group.is_fixed = True
        self.groups.append(Group(is_fixed=True))
        self._parents.append(len(self._parents))
        self.current = len(self._parents) - 1
