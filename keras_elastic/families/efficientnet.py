"""EfficientNet, and the table of every space of its kind.

A network is a stem convolution, stages of inverted residual blocks (MBConv)
and a head. A table of choices, one row a stage, says which space it is; one
plan reads them all. The spaces of BigNAS and AttentiveNAS are in `bignas.py`.

References:
- EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks
  (Tan and Le, ICML 2019), Table 1.
- BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models
  (Yu et al., ECCV 2020), Table 1 and section 3.
- AttentiveNAS: Improving Neural Architecture Search via Attentive Sampling
  (Wang et al., CVPR 2021), Table 2 and the released configuration.
"""

import dataclasses
import functools

from keras_elastic import checks
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
from keras_elastic.spaces import ceil_divide
from keras_elastic.spaces import round_channels
from keras_elastic.spaces.plan import PIXEL_OFFSET
from keras_elastic.spaces.plan import PIXEL_SCALE


@dataclasses.dataclass(frozen=True)
class Stage(Table):
    """The choices of one stage: a row of the table.

    Args:
        width: Choices of the output channels.
        depth: Choices of the number of blocks.
        kernel_size: Choices of the depthwise kernel in pixels.
        expand_ratio: Choices of the expansion. A stage whose only choice is 1
            has no expansion convolution.
        strides: Integer. Strides of the first block.
        squeeze_excite: Whether the blocks have squeeze-excite.
    """

    width: tuple[int, ...]
    depth: tuple[int, ...]
    kernel_size: tuple[int, ...] = (3,)
    expand_ratio: tuple[int, ...] = (6,)
    strides: int = 1
    squeeze_excite: bool = True


@dataclasses.dataclass(frozen=True)
class EfficientNet(FamilyTable):
    """A space of EfficientNet-like networks, and the plan of each.

    Every block has a shortcut, also the first of a stage, where the stride or
    the width changes (2x2 average pooling, then a 1x1 convolution without
    normalization), so that a network whose last gammas are zero is a chain of
    shortcuts.

    The width genes are the stem, the stages and the head, in this order. With
    `layerwise` each block has a width and a kernel of its own: an architecture
    whose blocks agree within each stage is then the network of the space by
    stages, and computes with the same weights, which have the same names.
    Blocks of a stage that differ in width have projections besides, which the
    ends of a sandwich do not use.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        stem: Choices of the stem's channels.
        stages: Tuple of `Stage`.
        head: Choices of the channels before the classifier.
        stem_strides: Integer. Strides of the stem.
        attentive: Whether squeeze-excite and head are AttentiveNAS's. If so,
            squeeze-excite narrows to a quarter of the expanded channels (to a
            multiple of 8) with relu and hard sigmoid, and the head is an
            expansion by 6, pooling, and a convolution without normalization.
            If not, they are EfficientNet's: squeeze-excite narrows to a
            quarter of the block's input channels, with swish and sigmoid, and
            the head is one convolution before the pooling.
        dropout: Float. Dropout rate before the classifier.
        transition_shortcuts: Whether the first block of a stage has a
            shortcut. EfficientNet itself has none there.
        total_strides: Integer. Keeps the last strides that multiply to this:
            8 for images of 32 pixels, 16 for 64. `None` keeps them all.
        always_project: Whether the shortcut of a stage's first block has its
            projection in every network, if there is one with it. Where the
            choices before and after are the same, as of a stem and a first
            stage, networks with equal widths otherwise have none: the ends of
            a sandwich never train it, and half of the random subnets use it.
        layerwise: Whether width and kernel are chosen for each block, and not
            for each stage.
        activation: Name of the activation of stem, blocks and head.
        scale: Float. The stem reads `pixels * scale + offset`.
        offset: Float.
    """

    name: str
    resolution: tuple[int, ...]
    stem: tuple[int, ...]
    stages: tuple[Stage, ...]
    head: tuple[int, ...]
    stem_strides: int = 2
    attentive: bool = False
    dropout: float = 0.2
    transition_shortcuts: bool = True
    total_strides: int | None = None
    activation: str = "swish"
    always_project: bool = False
    layerwise: bool = False
    scale: float = PIXEL_SCALE
    offset: float = PIXEL_OFFSET

    def __post_init__(self):
        make_rows(self, "stages", Stage)
        super().__post_init__()
        checks.string(activation=self.activation)
        checks.SIZES.check("resolution", self.resolution)
        checks.SIZES.check("stem", self.stem)
        checks.positive_integer(stem_strides=self.stem_strides)
        checks.fraction(dropout=self.dropout)
        self._strides()

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        stages, units = self.stages, self._units
        rows = [stages[number] for number, _ in units]
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=(self.stem, *(row.width for row in rows), self.head),
            depth=tuple(stage.depth for stage in stages),
            kernel_size=tuple(row.kernel_size for row in rows),
            expand_ratio=tuple(stage.expand_ratio for stage in stages),
            owners=self._owners(),
            labels=self._labels(),
        )

    @property
    def _units(self):
        """What has a width and a kernel: pairs of a stage and a block.

        The block is `None` where they are those of the whole stage.
        """
        if not self.layerwise:
            return [(number, None) for number in range(len(self.stages))]
        return [
            (number, index)
            for number, stage in enumerate(self.stages)
            for index in range(max(stage.depth))
        ]

    def _owners(self):
        if not self.layerwise:
            return ()
        units, stages = self._units, [None] * len(self.stages)
        return (None, *units, None, *stages, *units, *stages)

    def _labels(self):
        stages = [f"stage {n + 1}" for n in range(len(self.stages))]
        units = [
            stages[number] + ("" if index is None else f" block {index + 1}")
            for number, index in self._units
        ]
        return ("stem", *units, "head", *stages, *units, *stages)

    def _strides(self):
        """Strides of the stem and of every stage's first block."""
        published = [self.stem_strides, *(s.strides for s in self.stages)]
        return limit_strides(published, self.total_strides)

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
        stem_strides, *strides = self._strides()
        with builder.block("stem"):
            builder.convolution("conv", genes.width[0], 3, stem_strides)
            normalize_and_activate(builder, self.activation)
        for number, stage in enumerate(self.stages):
            for index in range(max(stage.depth)):
                first = strides[number] if index == 0 else 1
                self._block(builder, genes, number, index, first)
        with builder.block("head"):
            self._head(builder, genes.width[-1])
            builder.dropout("dropout", self.dropout)
            builder.dense("classifier", classes)
        return builder.plan()

    def _block(self, builder, genes, number, index, strides):
        stage = self.stages[number]
        shortcut = index > 0 or self.transition_shortcuts
        unit = self._units.index((number, index if self.layerwise else None))
        in_channels = builder.channels
        hidden = round_channels(in_channels * genes.expand_ratio[number])
        with builder.block(
            f"stage{number + 1}_block{index + 1}",
            # The first block of every choice is always there.
            live=index < min(stage.depth) or index < genes.depth[number],
            shortcut=self._shortcut(number, index) if shortcut else None,
            strides=strides,
        ):
            attend = functools.partial(self._attend, in_channels=in_channels)
            add_inverted_residual(
                builder,
                None if stage.expand_ratio == (1,) else hidden,
                genes.width[unit + 1],
                genes.kernel_size[unit],
                strides,
                activation=self.activation,
                squeeze_excite=stage.squeeze_excite,
                attend=attend,
                residual=shortcut,
            )

    def _shortcut(self, number, index):
        before = self.stages[number - 1].width if number else self.stem
        is_elastic = len({*before, *self.stages[number].width}) > 1
        if self.always_project and index == 0 and is_elastic:
            return "projected"
        return "elastic"

    def _attend(self, builder, in_channels):
        if self.attentive:
            reduced = round_channels(builder.channels // 4)
            builder.squeeze_excite("se", reduced, "relu", "hard_sigmoid")
        else:
            builder.squeeze_excite("se", in_channels // 4, "swish", "sigmoid")

    def _head(self, builder, width):
        before_pooling = 6 * builder.channels if self.attentive else width
        builder.convolution("conv", before_pooling)
        normalize_and_activate(builder, self.activation)
        builder.global_pooling("pool")
        if self.attentive:
            builder.dense("features", width, use_bias=False)
            builder.activation("features_activation", "swish")


EFFICIENTNET_B0 = EfficientNet(
    name="efficientnet_b0",
    resolution=(224,),
    stem=(32,),
    stages=(
        Stage((16,), (1,), (3,), (1,)),
        Stage((24,), (2,), (3,), strides=2),
        Stage((40,), (2,), (5,), strides=2),
        Stage((80,), (3,), (3,), strides=2),
        Stage((112,), (3,), (5,)),
        Stage((192,), (4,), (5,), strides=2),
        Stage((320,), (1,), (3,)),
    ),
    head=(1280,),
    transition_shortcuts=False,
)


def _compound_scaled(name, width, depth, resolution, dropout):
    """EfficientNet-B0 with its width and depth in percent (section 3.3)."""

    def channels(choices):
        return tuple(round_channels(c * width, 8, 8, 100) for c in choices)

    stages = tuple(
        dataclasses.replace(
            stage,
            width=channels(stage.width),
            depth=tuple(ceil_divide(d * depth, 100) for d in stage.depth),
        )
        for stage in EFFICIENTNET_B0.stages
    )
    return dataclasses.replace(
        EFFICIENTNET_B0,
        name=name,
        resolution=(resolution,),
        stem=channels(EFFICIENTNET_B0.stem),
        stages=stages,
        head=channels(EFFICIENTNET_B0.head),
        dropout=dropout,
    )


EFFICIENTNET_B1 = _compound_scaled("efficientnet_b1", 100, 110, 240, 0.2)
EFFICIENTNET_B2 = _compound_scaled("efficientnet_b2", 110, 120, 260, 0.3)

_NETWORKS = (EFFICIENTNET_B0, EFFICIENTNET_B1, EFFICIENTNET_B2)

NETWORKS = {
    table.name: (table.name, table.space.largest) for table in _NETWORKS
}

FAMILIES = _NETWORKS
