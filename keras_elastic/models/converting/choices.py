"""From blocks to a family: which parts can shrink, and how far."""

import dataclasses
import itertools
import math

from keras_elastic.families import GraphFamily
from keras_elastic.families.graph import GraphBlock
from keras_elastic.families.graph import GraphOperation
from keras_elastic.models.converting.names import name_blocks
from keras_elastic.spaces import round_channels


@dataclasses.dataclass(frozen=True)
class Shrinking:
    """How far the parts of a network shrink; see `elastic`.

    Args:
        width: Fractions of the channels of stages.
        hidden: Fractions of the channels inside of blocks.
        depth: Fraction of the blocks of a stage that stay at least.
        kernel_size: The smallest depthwise kernel.
    """

    width: tuple[float, ...]
    hidden: tuple[float, ...]
    depth: float
    kernel_size: int


def make_family(read, shrinking, name, resolution, scale, offset):
    """Makes the family of a model.

    Args:
        read: `ReadModel`.
        shrinking: `Shrinking`.
        name: String.
        resolution: Choices of the input resolution in pixels.
        scale: As `GraphFamily`.
        offset: As `GraphFamily`.

    Returns:
        Pair of the `GraphFamily` and a dictionary from the names of the
        plan's operations to the weights that were read.
    """
    writer = _Writer(read, shrinking)
    blocks = writer.write_blocks()
    genes = [*writer.widths, *writer.depths, *writer.kernels]
    family = GraphFamily(
        name=name,
        resolution=tuple(resolution),
        width=tuple(gene.choices for gene in writer.widths),
        depth=tuple(gene.choices for gene in writer.depths),
        kernel_size=tuple(gene.choices for gene in writer.kernels),
        owners=tuple(gene.owner for gene in genes),
        labels=tuple(gene.label for gene in genes),
        blocks=blocks,
        scale=scale,
        offset=offset,
    )
    return family, writer.weights


@dataclasses.dataclass(frozen=True)
class _Gene:
    choices: tuple[int, ...]
    label: str
    owner: tuple[int, int] | None = None


class _Writer:
    """Writes the table of a family, and collects its genes on the way."""

    def __init__(self, read, shrinking):
        self.read = read
        self.shrinking = shrinking
        self.names, self._names_of_steps = name_blocks(read.blocks)
        self.widths, self.depths, self.kernels = [], [], []
        self.weights = {}
        self._width_genes = {}
        self._stage_groups = {
            self._root(block.group)
            for block in read.blocks
            if not block.is_head
        }
        self._classifier = read.blocks[-1].steps[-1]
        self._stages = self._find_stages()

    def _root(self, group):
        return self.read.channels.root(group)

    # Depth

    def _find_stages(self):
        """The pair of a depth gene and an index, of blocks in stages."""
        stages, start = {}, 0
        for group, run in itertools.groupby(
            self.read.blocks, key=lambda block: self._root(block.group)
        ):
            run = list(run)
            self._add_stage(run, start, group, stages)
            start += len(run)
        return stages

    def _add_stage(self, run, start, group, stages):
        droppable = 0
        for block in reversed(run[1:]):
            if block.shortcut != []:
                break
            droppable += 1
        total = len(run)
        least = math.ceil(round(total * self.shrinking.depth, 6))
        least = max(1, least, total - droppable)
        if least == total:
            return
        for index in range(total):
            stages[start + index] = (len(self.depths), index)
        choices = tuple(range(least, total + 1))
        label = f"blocks from {self.names[start]}"
        self.depths.append(_Gene(choices, label))

    def _owner(self, index):
        """The depth gene of a block that can be left out."""
        stage = self._stages.get(index)
        if stage is None or stage[1] < self.depths[stage[0]].choices[0]:
            return None
        return stage

    # Width

    def _width_gene(self, index, step):
        """Number of the gene of a step's filters, or `None` for no choice."""
        group = self._root(step.group)
        is_stage = group in self._stage_groups
        size = self.read.channels.sizes[group]
        # Layers of one block that are as wide are so in every subnet.
        key = group if is_stage else (index, size)
        if key not in self._width_genes:
            self._width_genes[key] = self._add_width(index, size, is_stage)
        # What was an image cannot shrink.
        return None if group == 0 else self._width_genes[key]

    def _add_width(self, index, size, is_stage):
        name = self.names[index]
        if is_stage:
            fractions, label, owner = self.shrinking.width, f"{name}", None
        else:
            fractions, label = self.shrinking.hidden, f"inside {name}"
            owner = self._owner(index)
        choices = _channels(size, fractions)
        if len(choices) == 1:
            return None
        self.widths.append(_Gene(choices, label, owner))
        return len(self.widths) - 1

    def _kernel_gene(self, index, step):
        largest, least = step.window, self.shrinking.kernel_size
        if (
            step.kind != "depthwise_convolution"
            or largest <= least
            or step.arguments["padding"] == "valid"
        ):
            return None
        choices = tuple(range(least, largest + 1, 2))
        label = f"depthwise of {self.names[index]}"
        self.kernels.append(_Gene(choices, label, self._owner(index)))
        return len(self.kernels) - 1

    # Blocks

    def write_blocks(self):
        """The rows of the table."""
        return tuple(
            self._write_block(index, block)
            for index, block in enumerate(self.read.blocks)
        )

    def _write_block(self, index, block):
        _zero_last_gamma(block)
        operations = self._write_steps(index, block.steps)
        shortcut = block.shortcut
        if shortcut is not None:
            shortcut = self._write_steps(index, shortcut)
        activation = block.activation
        return GraphBlock(
            name=self.names[index],
            operations=operations,
            shortcut=shortcut,
            activation=activation and activation.arguments["function"],
            stage=self._owner(index),
        )

    def _write_steps(self, index, steps):
        return tuple(self._write_step(index, step) for step in steps)

    def _write_step(self, index, step):
        name = self._names_of_steps[step]
        self.weights[f"{self.names[index]}_{name}"] = step.weights
        arguments = {"name": name, **step.arguments}
        if step.filters is not None and step is not self._classifier:
            gene = self._width_gene(index, step)
            if gene is not None:
                arguments["width"] = gene
            else:
                key = "units" if step.kind == "dense" else "filters"
                arguments[key] = step.filters
        gene = self._kernel_gene(index, step)
        if gene is not None:
            del arguments["kernel_size"]
            arguments["kernel"] = gene
        return GraphOperation(step.kind, tuple(arguments.items()))


def _zero_last_gamma(block):
    """A new supernet then begins as a chain of shortcuts, as others do."""
    if block.shortcut is not None:
        last = block.steps[-1]
        if last.kind == "normalization":
            last.arguments["zero_gamma"] = True


def _channels(size, fractions):
    """Choices of channels: the fractions, in multiples of 8."""
    rounded = {
        min(size, round_channels(round(size * fraction * 1000), 8, 8, 1000))
        for fraction in fractions
    }
    return tuple(sorted(rounded | {size}))
