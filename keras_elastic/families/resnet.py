"""ResNet-50 by width, and Once-for-All's ResNet-50D.

A network is a stem, four stages of bottleneck blocks and a classifier. Both
tables stride the 3x3 convolution of a block, not its first 1x1 convolution.
`keras.applications.ResNet50` strides the first, and its convolutions have
biases, so at one width it differs from "resnet50" here in both: it has 26,560
parameters more and 231,211,008 multiply-adds fewer.

References:
- Deep Residual Learning for Image Recognition (He et al., CVPR 2016), Table 1.
- Slimmable Neural Networks (Yu et al., ICLR 2019), and Universally Slimmable
  Networks and Improved Training Techniques (Yu and Huang, ICCV 2019), whose
  release says how widths are rounded.
- Bag of Tricks for Image Classification with Convolutional Neural Networks
  (He et al., CVPR 2019), Figure 2: ResNet-D.
- Once-for-All: Train One Network and Specialize it for Efficient Deployment
  (Cai et al., ICLR 2020), and the release, `OFAResNets`.
"""

import dataclasses

from keras_elastic import checks
from keras_elastic.families.strides import limit_strides
from keras_elastic.families.table import FamilyTable
from keras_elastic.families.table import WidthTable
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import round_channels

# Outputs of a stage for each channel inside its bottlenecks.
EXPANSION = 4


@dataclasses.dataclass(frozen=True)
class SlimmableResNet(WidthTable):
    """ResNet with bottlenecks and one width gene, in percent.

    Stem and stages have `width` percent of their channels, rounded to a
    multiple of 8, and a bottleneck is a quarter of its block's rounded output
    (US-Net's release).

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent.
        stem: Integer. Channels of the stem at 100 %.
        channels: Output channels of the stages at 100 %.
        depth: Number of blocks of the stages.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64. A max pooling that would not stride is left out.
        stem_divisor: Integer. The stem's channels are a multiple of it: 8, or
            2 in MutualNet's release.
    """

    stem: int = 64
    channels: tuple[int, ...] = (256, 512, 1024, 2048)
    depth: tuple[int, ...] = (3, 4, 6, 3)
    total_strides: int | None = None
    stem_divisor: int = 8

    def __post_init__(self):
        super().__post_init__()
        checks.positive_integer(stem_divisor=self.stem_divisor)
        stage_strides(self)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        (percent,) = genes.width
        stem_strides, pool_strides, *strides = stage_strides(self)
        builder = PlanBuilder(genes.resolution)
        with builder.block("stem"):
            filters = round_channels(
                self.stem * percent, self.stem_divisor, scale=100
            )
            add_convolution(builder, "conv", filters, 7, stem_strides)
            add_max_pooling(builder, pool_strides)
        for stage, channels in enumerate(self.channels):
            filters = round_channels(channels * percent, scale=100)
            for index in range(self.depth[stage]):
                add_bottleneck(
                    builder,
                    block_name(stage, index),
                    filters // EXPANSION,
                    filters,
                    strides=strides[stage] if index == 0 else 1,
                    shortcut="projection" if index == 0 else "identity",
                )
        add_head(builder, classes)
        return builder.plan()


@dataclasses.dataclass(frozen=True)
class OnceForAllResNetD(FamilyTable):
    """ResNet-D whose depth, width and bottlenecks are elastic.

    The width genes are the channels inside the stem, those it puts out, and
    those of the stages. The depth genes are the convolutions of the stem
    before its last one (the second of two is residual), and the blocks of the
    stages. Every block has a gene for its bottleneck, in percent of the
    block's output.

    Logits do not depend on the depth of the stages at initialization, but on
    that of the stem: the residual convolution there ends in a ReLU, behind
    which a gamma of zero would never learn.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent, for each width gene. Where two
            round to the same channels they are one choice.
        expand_ratio: Choices of the bottlenecks, in percent.
        more_blocks: Choices of the blocks that a stage has beyond `depth`.
        stem: Integer. Channels of the stem at 100 %; half of them inside.
        channels: Output channels of the stages at 100 %.
        depth: Number of blocks of the stages without those of `more_blocks`.
        stem_depth: Choices of the stem's convolutions before its last.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64. A max pooling that would not stride is left out.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[int, ...]
    expand_ratio: tuple[int, ...]
    more_blocks: tuple[int, ...]
    stem: int = 64
    channels: tuple[int, ...] = (256, 512, 1024, 2048)
    depth: tuple[int, ...] = (2, 2, 4, 2)
    stem_depth: tuple[int, ...] = (1, 2)
    total_strides: int | None = None

    def __post_init__(self):
        super().__post_init__()
        stage_strides(self)

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        stages = [f"stage {stage + 1}" for stage in range(len(self.channels))]
        blocks = self._blocks()
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=self._widths(),
            depth=(self.stem_depth, *self._depths()),
            kernel_size=(),
            expand_ratio=(self.expand_ratio,) * len(blocks),
            # The stem has the first depth gene, stage 1 the second.
            owners=(
                *[None] * (2 * len(stages) + 3),
                *((stage + 1, index) for stage, index in blocks),
            ),
            labels=(
                "inside the stem",
                "stem",
                *stages,
                "stem",
                *stages,
                *(f"{stages[stage]} block {i + 1}" for stage, i in blocks),
            ),
        )

    def _widths(self):
        """Choices of the channels, for each width gene."""
        stem = self._scaled(self.stem)
        # The release halves what it rounded, and rounds again.
        inside = {round_channels(channels // 2) for channels in stem}
        stages = [self._scaled(channels) for channels in self.channels]
        return tuple(tuple(sorted(c)) for c in (inside, stem, *stages))

    def _scaled(self, channels):
        return {
            round_channels(channels * percent, scale=100)
            for percent in self.width
        }

    def _depths(self):
        """Choices of the number of blocks, for each stage."""
        return tuple(
            tuple(depth + more for more in self.more_blocks)
            for depth in self.depth
        )

    def _blocks(self):
        """Pairs of a stage and the index of a block in it, both from 0."""
        return [
            (stage, index)
            for stage, choices in enumerate(self._depths())
            for index in range(max(choices))
        ]

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture, as `SlimmableResNet.plan`."""
        stem_strides, pool_strides, *strides = stage_strides(self)
        builder = PlanBuilder(genes.resolution)
        self._stem(builder, genes, stem_strides, pool_strides)
        depths = self._depths()
        for gene, (stage, index) in enumerate(self._blocks()):
            filters = genes.width[2 + stage]
            hidden = filters * genes.expand_ratio[gene]
            depth = genes.depth[1 + stage]
            add_bottleneck(
                builder,
                block_name(stage, index),
                round_channels(hidden, scale=100),
                filters,
                strides=strides[stage] if index == 0 else 1,
                shortcut="pooled_projection" if index == 0 else "identity",
                # The first block of every choice is always there.
                live=index < min(depths[stage]) or index < depth,
            )
        add_head(builder, classes)
        return builder.plan()

    def _stem(self, builder, genes, strides, pool_strides):
        inside, filters = genes.width[:2]
        with builder.block("stem"):
            add_convolution(builder, "conv", inside, 3, strides)
        for index in range(1, max(self.stem_depth)):
            with builder.block(
                f"stem_block{index + 1}",
                live=index < min(self.stem_depth) or index < genes.depth[0],
                shortcut="identity",
            ):
                add_convolution(builder, "conv", inside, 3)
        with builder.block("stem_last"):
            add_convolution(builder, "conv", filters, 3)
            add_max_pooling(builder, pool_strides)


def stage_strides(table):
    """Strides of the stem, its pooling and every stage's first block."""
    stages = [1, *[2] * (len(table.channels) - 1)]
    return limit_strides([2, 2, *stages], table.total_strides)


def block_name(stage, index):
    """Name of a block of a stage, both from 0."""
    return f"stage{stage + 1}_block{index + 1}"


def add_convolution(builder, name, filters, kernel_size=1, strides=1):
    """Adds a convolution, its normalization and a ReLU."""
    builder.convolution(name, filters, kernel_size, strides)
    builder.normalization(f"{name}_norm")
    builder.activation(f"{name}_activation", "relu")


def add_max_pooling(builder, strides):
    """Adds the pooling of the stem, if it strides."""
    if strides > 1:
        builder.max_pooling("pool", 3, strides)


def add_bottleneck(
    builder,
    name,
    hidden,
    filters,
    strides,
    shortcut,
    live=True,
    reduced=None,
    attention="sigmoid",
):
    """Adds a bottleneck block.

    Args:
        builder: `PlanBuilder`.
        name: String. Name of the block.
        hidden: Channels inside.
        filters: Channels of the output.
        strides: Integer. Strides of the 3x3 convolution.
        shortcut: Kind of the shortcut, see `PlanBuilder.block`.
        live: Whether the architecture has this block.
        reduced: Channels that attention to the block's input narrows to, or
            `None` for no attention.
        attention: Name of what the attention multiplies by.
    """
    with builder.block(name, live, shortcut, strides, activation="relu"):
        if reduced is not None:
            builder.squeeze_excite("attention", reduced, "relu", attention)
        add_convolution(builder, "reduce", hidden)
        add_convolution(builder, "conv", hidden, 3, strides)
        builder.convolution("expand", filters)
        builder.normalization("expand_norm", zero_gamma=True)


def add_head(builder, classes):
    """Adds the pooling and the classifier."""
    with builder.block("head"):
        builder.global_pooling("pool")
        builder.dense("classifier", classes)


SLIMMABLE_RESNET50 = SlimmableResNet(
    name="slimmable_resnet50",
    resolution=(128, 160, 192, 224),
    width=(25, 50, 75, 100),
)

OFA_RESNET50 = OnceForAllResNetD(
    name="ofa_resnet50",
    resolution=(128, 144, 160, 176, 192, 224, 240, 256),
    width=(65, 80, 100),
    expand_ratio=(20, 25, 35),
    more_blocks=(0, 1, 2),
)

NETWORKS = {
    "resnet50": ("slimmable_resnet50", Architecture(224, (100,), (), (), ())),
}

FAMILIES = (SLIMMABLE_RESNET50, OFA_RESNET50)
