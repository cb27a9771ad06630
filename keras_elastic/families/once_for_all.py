"""Once-for-all spaces: a kernel and an expansion gene for every block.

The tables are in the files of the networks that the spaces are built around,
MobileNet v3 and ProxylessNAS.

Reference:
- Once-for-All: Train One Network and Specialize it for Efficient Deployment
  (Cai et al., ICLR 2020), section 3 and the release: how widths are rounded.
"""

import dataclasses

from keras_elastic.families.inverted_residual import add_inverted_residual
from keras_elastic.families.inverted_residual import normalize_and_activate
from keras_elastic.families.strides import limit_strides
from keras_elastic.families.table import FamilyTable
from keras_elastic.families.table import Table
from keras_elastic.families.table import make_rows
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import round_channels


@dataclasses.dataclass(frozen=True)
class ElasticStage(Table):
    """The choices of one stage: a row of the table.

    Args:
        width: Integer. Output channels at 100 %.
        strides: Integer. Strides of the first block.
        activation: Name of the activation of the hidden layers.
        squeeze_excite: Whether the blocks have squeeze-excite.
        depth: Choices of the number of blocks.
        kernel_size: Choices of the depthwise kernel of each block in pixels.
        expand_ratio: Choices of the expansion of each block.
    """

    width: int
    strides: int
    activation: str = "relu6"
    squeeze_excite: bool = False
    depth: tuple[int, ...] = (2, 3, 4)
    kernel_size: tuple[int, ...] = (3, 5, 7)
    expand_ratio: tuple[int, ...] = (3, 4, 6)


@dataclasses.dataclass(frozen=True)
class OnceForAll(FamilyTable):
    """A space of networks of inverted residual blocks, and the plan of each.

    A network is a stem, one block without expansion, elastic stages and a
    head. Widths are fixed. Kernel and expansion are genes of every block, the
    number of blocks is one of every stage: a stage keeps its first blocks. The
    kernel and expansion genes of blocks that are left out mean nothing, and
    are canonical in the space.

    A block is residual, and adds its input, where its strides are 1 and its
    input is as wide as its output: in the published tables, all blocks of a
    stage but the first. There is no other shortcut.

    The release pads strided layers on both sides alike, and normalizes pixels
    by channel: `convention="torch"`.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        stem: Integer. Channels of the stem at 100 %.
        first: Integer. Channels of the first block at 100 %.
        stages: Tuple of `ElasticStage`.
        last: Integer. Channels of the last convolution at 100 %.
        features: Integer. Channels of a layer without normalization between
            the pooling and the classifier at 100 %, or `None` for no layer.
        activation: Name of the activation of stem and head.
        first_activation: Name of the activation of the first block.
        width_percent: Integer. Width of all layers in percent.
        kernel_transform: Whether a smaller kernel is a learned map of the next
            larger one, and not its center. A child has none of the maps.
        epsilon: Float, of the normalizations.
        dropout: Float. Dropout rate before the classifier.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64.
    """

    name: str
    resolution: tuple[int, ...]
    stem: int
    first: int
    stages: tuple[ElasticStage, ...]
    last: int
    features: int | None = None
    activation: str = "relu6"
    first_activation: str = "relu6"
    width_percent: int = 100
    kernel_transform: bool = True
    epsilon: float = 1e-3
    dropout: float = 0.1
    total_strides: int | None = None

    def __post_init__(self):
        make_rows(self, "stages", ElasticStage)
        super().__post_init__()
        self._strides()

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        stages = self.stages
        blocks = self._blocks()
        of_stages = [f"stage {n + 1}" for n in range(len(stages))]
        of_blocks = [f"stage {n + 1} block {i + 1}" for n, i in blocks]
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=(),
            depth=tuple(stage.depth for stage in stages),
            kernel_size=tuple(stages[n].kernel_size for n, _ in blocks),
            expand_ratio=tuple(stages[n].expand_ratio for n, _ in blocks),
            owners=(*([None] * len(stages)), *blocks, *blocks),
            labels=(*of_stages, *of_blocks, *of_blocks),
        )

    def _blocks(self):
        """Pairs (stage, block), both from 0, in the order of the genes."""
        return [
            (number, index)
            for number, stage in enumerate(self.stages)
            for index in range(max(stage.depth))
        ]

    def _strides(self):
        """Strides of the stem and of every stage's first block."""
        published = [2, *(stage.strides for stage in self.stages)]
        return limit_strides(published, self.total_strides)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        builder = PlanBuilder(genes.resolution)
        stem_strides, *strides = self._strides()
        with builder.block("stem"):
            builder.convolution(
                "conv", self._scaled(self.stem), 3, stem_strides
            )
            normalize_and_activate(
                builder, self.activation, epsilon=self.epsilon
            )
        self._first(builder)
        for gene, (number, index) in enumerate(self._blocks()):
            first = strides[number] if index == 0 else 1
            self._block(builder, genes, gene, number, index, first)
        with builder.block("head"):
            self._head(builder, classes)
        return builder.plan()

    def _scaled(self, channels):
        percent = self.width_percent
        return round_channels(channels * percent, minimum=8, scale=100)

    def _first(self, builder):
        filters = self._scaled(self.first)
        residual = builder.channels == filters
        with builder.block("first", shortcut="identity" if residual else None):
            add_inverted_residual(
                builder,
                None,
                filters,
                3,
                activation=self.first_activation,
                residual=residual,
                epsilon=self.epsilon,
            )

    def _block(self, builder, genes, gene, number, index, strides):
        stage = self.stages[number]
        hidden = builder.channels * genes.expand_ratio[gene]
        # The same object in a stage: readers see that the width is constant.
        filters = builder.channels if index else self._scaled(stage.width)
        residual = strides == 1 and builder.channels == filters
        with builder.block(
            f"stage{number + 1}_block{index + 1}",
            # The first blocks of a stage are always there.
            live=index < min(stage.depth) or index < genes.depth[number],
            shortcut="identity" if residual else None,
        ):
            add_inverted_residual(
                builder,
                round_channels(hidden),
                filters,
                genes.kernel_size[gene],
                strides,
                activation=stage.activation,
                squeeze_excite=stage.squeeze_excite,
                residual=residual,
                kernel_transform=self.kernel_transform,
                epsilon=self.epsilon,
            )

    def _head(self, builder, classes):
        builder.convolution("conv", self._scaled(self.last))
        normalize_and_activate(builder, self.activation, epsilon=self.epsilon)
        builder.global_pooling("pool")
        if self.features is not None:
            features = self._scaled(self.features)
            builder.dense("features", features, use_bias=False)
            builder.activation("features_activation", self.activation)
        if self.dropout:
            builder.dropout("dropout", self.dropout)
        builder.dense("classifier", classes)
