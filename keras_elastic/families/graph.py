"""Networks that no file describes: the plan as a table.

`keras_elastic.elastic` writes such a table from the graph of a Keras model.
Where the other families compute their plan, this one holds it, operation by
operation, with references to the genes of its space.
"""

import dataclasses
import functools
from typing import Any

from keras_elastic.families.table import Table
from keras_elastic.families.table import make_rows
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace


@dataclasses.dataclass(frozen=True)
class GraphOperation(Table):
    """An operation of a block.

    Args:
        kind: Name of the method of `PlanBuilder` that adds it.
        arguments: Pairs of the name of an argument and its value. Two names
            are references: `"width"` to the width gene that the operation's
            filters or units come from, and `"kernel"` to the gene of its
            kernel. A dense layer with neither units nor reference is the
            classifier.
    """

    kind: str
    arguments: tuple[tuple[str, Any], ...]

    def add_to(self, builder, genes, classes: int) -> None:
        """Adds the operation to a plan."""
        arguments = dict(self.arguments)
        output = "units" if self.kind == "dense" else "filters"
        if "width" in arguments:
            arguments[output] = genes.width[arguments.pop("width")]
        if "kernel" in arguments:
            gene = arguments.pop("kernel")
            arguments["kernel_size"] = genes.kernel_size[gene]
        if self.kind == "dense":
            arguments.setdefault(output, classes)
        getattr(builder, self.kind)(**arguments)


@dataclasses.dataclass(frozen=True)
class GraphBlock(Table):
    """A block: operations, and what is added to what they make.

    Args:
        name: String, prefix of the names of its operations.
        operations: Tuple of `GraphOperation`.
        shortcut: Tuple of `GraphOperation`: the path that is added, `()` for
            the input itself, or `None` for no addition.
        activation: Name of the activation after the addition, or `None`.
        stage: Pair of a depth gene and the block's index in its stage, both
            from 0, for a block that can be left out, or `None`.
    """

    name: str
    operations: tuple[GraphOperation, ...]
    shortcut: tuple[GraphOperation, ...] | None = None
    activation: str | None = None
    stage: tuple[int, int] | None = None

    def __post_init__(self):
        make_rows(self, "operations", GraphOperation)
        make_rows(self, "shortcut", GraphOperation)
        super().__post_init__()


@dataclasses.dataclass(frozen=True)
class GraphFamily(Table):
    """A network that was read from a graph, and its smaller versions.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the channels, for each width gene.
        depth: Choices of the number of blocks, for each depth gene.
        kernel_size: Choices of the kernel, for each kernel gene.
        owners: As `SearchSpace`.
        labels: As `SearchSpace`.
        blocks: Tuple of `GraphBlock`.
        scale: The first block reads `pixels * scale + offset`. A number, or a
            tuple with one for each channel.
        offset: As `scale`.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[tuple[int, ...], ...]
    depth: tuple[tuple[int, ...], ...]
    kernel_size: tuple[tuple[int, ...], ...]
    owners: tuple[tuple[int, int] | None, ...]
    labels: tuple[str, ...]
    blocks: tuple[GraphBlock, ...]
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]

    def __post_init__(self):
        make_rows(self, "blocks", GraphBlock)
        super().__post_init__()

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=self.width,
            depth=self.depth,
            kernel_size=self.kernel_size,
            expand_ratio=(),
            owners=self.owners,
            labels=self.labels,
        )

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        builder = PlanBuilder(
            genes.resolution, scale=self.scale, offset=self.offset
        )

        def add(operations):
            for operation in operations:
                operation.add_to(builder, genes, classes)

        for block in self.blocks:
            shortcut = None
            if block.shortcut is not None:
                shortcut = functools.partial(add, block.shortcut)
            with builder.block(
                block.name,
                live=self._is_live(block, genes),
                shortcut=shortcut,
                activation=block.activation,
            ):
                add(block.operations)
        return builder.plan()

    def _is_live(self, block, genes):
        if block.stage is None:
            return True
        gene, index = block.stage
        # The first block of every choice is always there.
        return index < min(self.depth[gene]) or index < genes.depth[gene]


CLASSES = (GraphFamily,)
