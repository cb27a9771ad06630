"""The families of DS-Net: networks whose width an image may choose.

- DS-MBNet: a MobileNet v1 with channel attention between the depthwise and the
  pointwise half of each block, without shortcuts. The first stages are as
  narrow in every subnet; the later ones grow together by constant intervals.
- DS-ResNet-50, whose stages are chosen one by one. There is no release of it:
  the paper has a gate in the first block of each stage; the ratios are those
  of slimmable networks, and the stem is whole in every subnet, because no gate
  stands before it.
- DS-EffNet-B0: one gate after the eighth block; the blocks before it at 0.5,
  those after it at 0.75 to 1.75 by 0.05.

All normalize by batches, as the release does, with statistics of each width.
With `group_size` they normalize groups of so many channels image by image, as
in the paper's comparison of training methods: then there are no statistics, and
nothing is calibrated. The paper says that the channels of a group are constant,
and not how many; 8 divides all widths of these tables.

Reference:
- Dynamic Slimmable Network (Li et al., CVPR 2021), sections 3 and 5, and its
  release, whose DS-MBNet is this one with batch normalization: its lists of
  channels, its swish, its attention in every block, its one gate.
- Slimmable Neural Networks (Yu et al., ICLR 2019): the widths of DS-ResNet-50.
"""

import dataclasses

import numpy as np

from keras_elastic import checks
from keras_elastic.families import resnet
from keras_elastic.families.efficientnet import EFFICIENTNET_B0
from keras_elastic.families.inverted_residual import normalize_and_activate
from keras_elastic.families.scaled_efficientnet import ScaledEfficientNet
from keras_elastic.families.table import ATTENTIONS
from keras_elastic.families.table import Gate
from keras_elastic.families.table import Table
from keras_elastic.families.table import make_rows
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import round_channels
from keras_elastic.spaces import where
from keras_elastic.spaces.plan import GroupNormalization
from keras_elastic.spaces.plan import Normalization

# Attention narrows to a quarter of the most channels that it may get.
ATTENTION = 4


def _in_groups(plan, group_size):
    """The plan with groups of channels normalized, if there are to be any."""
    if group_size is None:
        return plan

    def changed(operation):
        if not isinstance(operation, Normalization):
            return operation
        fields = {f.name: getattr(operation, f.name) for f in _FIELDS}
        return GroupNormalization(**fields, group_size=group_size)

    return plan.map_operations(changed)


_FIELDS = dataclasses.fields(Normalization)


def _check_groups(table):
    """Raises a `ValueError` unless groups divide all channels of a table."""
    if table.group_size is None:
        return
    checks.positive_integer(group_size=table.group_size)
    space = table.space
    plan = table.plan(space.unstack(space.one_gene_changes), 2)
    divided = {
        int(channels)
        for block in plan.blocks
        for operation in block.every_operation
        if isinstance(operation, GroupNormalization)
        for channels in np.unique(operation.channels)
    }
    odd = sorted(n for n in divided if n % table.group_size)
    if odd:
        raise ValueError(
            "`group_size` must divide the channels of every layer, or a "
            "channel would be in another group at another width. Received: "
            f"group_size={table.group_size}, and layers of {odd} channels."
        )


@dataclasses.dataclass(frozen=True)
class Row(Table):
    """The channels of one stage in every subnet.

    Args:
        narrowest: Integer. Channels of the first subnet.
        interval: Integer. Channels that each subnet has more than the one
            before it, 0 for a stage that no gate changes.
        teacher: Integer. Channels of the teacher.
        depth: Integer. Number of blocks.
        strides: Integer. Strides of the first block.
    """

    narrowest: int
    interval: int
    teacher: int
    depth: int = 1
    strides: int = 1


@dataclasses.dataclass(frozen=True)
class DSMobileNet(Table):
    """A dynamic slimmable MobileNet: one gene, the number of the subnet.

    Subnets 1 to `paths` are those that the gate chooses from. The last choice
    of the gene, `paths + 1`, is the teacher: the supervised network of the
    first stage of training, which is wider than all of them in every layer
    and which no image is sent to.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        paths: Integer. Number of subnets that the gate chooses from.
        stem: `Row` of the stem.
        stages: Tuple of `Row`. The gate is in the first block of the first
            stage with an interval.
        dropout: Float. Dropout rate before the classifier.
        attention: What all attention multiplies by: the `"sigmoid"` of the
            release, or `"one_plus_tanh"`, which begins as 1 (section A of the
            paper's supplement).
        group_size: Integer, the channels of a group that is normalized by
            itself, or `None` for batch normalization. It divides the channels
            of every layer.
    """

    name: str
    resolution: tuple[int, ...]
    paths: int
    stem: Row
    stages: tuple[Row, ...]
    dropout: float = 0.2
    attention: str = "sigmoid"
    group_size: int | None = None

    def __post_init__(self):
        make_rows(self, "stages", Row)
        if isinstance(self.stem, dict):
            object.__setattr__(self, "stem", Row(**self.stem))
        super().__post_init__()
        checks.one_of(ATTENTIONS, attention=self.attention)
        stages = self.stages
        if self.stem.interval or not any(row.interval for row in stages):
            raise ValueError(
                "`stages` must have a row with an interval, and the stem none: "
                "the gate looks at what the first stages see. Received: "
                f"stem={self.stem}, stages={stages}."
            )
        _check_groups(self)

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=(tuple(range(1, self.paths + 2)),),
            depth=(),
            kernel_size=(),
            expand_ratio=(),
            labels=("number of the subnet, the last is the teacher",),
        )

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The one gate, in the first block whose output depends on it."""
        first = next(i for i, row in enumerate(self.stages) if row.interval)
        choices = tuple(range(1, self.paths + 1))
        return (Gate(f"{resnet.block_name(first, 0)}_attention", 0, choices),)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        (number,) = genes.width
        builder = PlanBuilder(genes.resolution)
        with builder.block("stem"):
            filters = self._filters(self.stem, number)
            builder.convolution("conv", filters, 3, self.stem.strides)
            normalize_and_activate(builder, "swish")
        most = self.stem.teacher
        for stage, row in enumerate(self.stages):
            filters = self._filters(row, number)
            for index in range(row.depth):
                strides = row.strides if index == 0 else 1
                with builder.block(resnet.block_name(stage, index)):
                    self._separable(builder, filters, strides, most)
                most = row.teacher
        with builder.block("head"):
            builder.global_pooling("pool")
            if self.dropout:
                builder.dropout("dropout", self.dropout)
            builder.dense("classifier", classes)
        return _in_groups(builder.plan(), self.group_size)

    def _separable(self, builder, filters, strides, most):
        builder.depthwise_convolution("depthwise", 3, strides)
        normalize_and_activate(builder, "swish", "depthwise_")
        builder.squeeze_excite(
            "attention", most // ATTENTION, "relu", self.attention
        )
        builder.convolution("pointwise", filters)
        normalize_and_activate(builder, "swish", "pointwise_")

    def _filters(self, row, number):
        path = row.narrowest
        if row.interval:
            path = path + row.interval * (number - 1)
        return where(number > self.paths, row.teacher, path)


DS_MOBILENET = DSMobileNet(
    name="ds_mobilenet",
    resolution=(224,),
    paths=14,
    stem=Row(16, 0, 24, strides=2),
    stages=(
        Row(32, 0, 88),
        Row(48, 0, 168, depth=2, strides=2),
        Row(96, 0, 264, depth=2, strides=2),
        Row(224, 32, 640, depth=6, strides=2),
        Row(736, 32, 1152, depth=2, strides=2),
    ),
)

# For 32-pixel images.
DS_MOBILENET_CIFAR10 = DSMobileNet(
    name="ds_mobilenet_cifar10",
    resolution=(32,),
    paths=5,
    stem=Row(16, 0, 24, strides=2),
    stages=(
        Row(24, 0, 32),
        Row(40, 0, 56, depth=2, strides=2),
        Row(48, 24, 160, depth=3),
        Row(96, 48, 320, depth=2, strides=2),
    ),
    dropout=0.0,
)


@dataclasses.dataclass(frozen=True)
class DSResNet(Table):
    """A dynamic slimmable ResNet: one width gene a stage, in percent.

    The first block of each stage begins with channel attention, which is where
    the gates are.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width of each stage in percent.
        stem: Integer. Channels of the stem.
        channels: Output channels of the stages at 100 %.
        depth: Number of blocks of the stages.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64. A max pooling that would not stride is left out.
        attention: What the attention of the gates multiplies by, as
            `DSMobileNet`.
        group_size: As `DSMobileNet`.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[int, ...]
    stem: int = 64
    channels: tuple[int, ...] = (256, 512, 1024, 2048)
    depth: tuple[int, ...] = (3, 4, 6, 3)
    total_strides: int | None = None
    attention: str = "sigmoid"
    group_size: int | None = None

    def __post_init__(self):
        super().__post_init__()
        checks.one_of(ATTENTIONS, attention=self.attention)
        resnet.stage_strides(self)
        _check_groups(self)

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        stages = range(1, len(self.channels) + 1)
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=(self.width,) * len(self.channels),
            depth=(),
            kernel_size=(),
            expand_ratio=(),
            labels=tuple(f"percent of stage {stage}" for stage in stages),
        )

    @property
    def gates(self) -> tuple[Gate, ...]:
        """One gate a stage, at the input of its first block."""
        return tuple(
            Gate(f"{resnet.block_name(stage, 0)}_attention", stage, self.width)
            for stage in range(len(self.channels))
        )

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        stem_strides, pool_strides, *strides = resnet.stage_strides(self)
        builder = PlanBuilder(genes.resolution)
        with builder.block("stem"):
            resnet.add_convolution(builder, "conv", self.stem, 7, stem_strides)
            resnet.add_max_pooling(builder, pool_strides)
        most = self.stem
        for stage, channels in enumerate(self.channels):
            filters = round_channels(channels * genes.width[stage], scale=100)
            for index in range(self.depth[stage]):
                first = index == 0
                resnet.add_bottleneck(
                    builder,
                    resnet.block_name(stage, index),
                    filters // resnet.EXPANSION,
                    filters,
                    strides=strides[stage] if first else 1,
                    shortcut="projection" if first else "identity",
                    reduced=most // ATTENTION if first else None,
                    attention=self.attention,
                )
            most = round_channels(channels * max(self.width), scale=100)
        resnet.add_head(builder, classes)
        return _in_groups(builder.plan(), self.group_size)


DS_RESNET50 = DSResNet(
    name="ds_resnet50",
    resolution=(224,),
    width=(25, 50, 75, 100),
)


@dataclasses.dataclass(frozen=True)
class EquispacedEfficientNet(ScaledEfficientNet):
    """`ScaledEfficientNet` whose widths differ by a constant in each layer.

    The narrowest width is rounded to a multiple of 8, and so is the step from
    one choice to the next.

    Args:
        group_size: As `DSMobileNet`.
    """

    group_size: int | None = None

    def __post_init__(self):
        super().__post_init__()
        _check_groups(self)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture, as `ScaledEfficientNet.plan`."""
        return _in_groups(super().plan(genes, classes), self.group_size)

    def _scaled(self, channels, place, percent):
        if self.fixed_stages and place <= self.fixed_stages:
            return round_channels(
                channels * self.fixed_width, minimum=8, scale=100
            )
        first, second = self.width[:2]
        narrowest = round_channels(channels * first, minimum=8, scale=100)
        # The nearest multiple of 8, and not of it the next larger one, as
        # rounding a width would take: it would be added again and again.
        step = channels * (second - first)
        interval = max(8, (step + 400) // 800 * 8)
        return narrowest + interval * ((percent - first) // (second - first))


DS_EFFICIENTNET_B0 = EquispacedEfficientNet(
    name="ds_efficientnet_b0",
    base=EFFICIENTNET_B0,
    width=tuple(range(75, 180, 5)),
    resolution=(224,),
    fixed_stages=4,
    fixed_width=50,
)

DS_EFFICIENTNET = ScaledEfficientNet(
    name="ds_efficientnet",
    base=EFFICIENTNET_B0,
    width=tuple(range(75, 180, 5)),
    resolution=(224,),
    fixed_stages=4,
    fixed_width=50,
)

FAMILIES = (
    DS_MOBILENET,
    DS_MOBILENET_CIFAR10,
    DS_RESNET50,
    DS_EFFICIENTNET,
    DS_EFFICIENTNET_B0,
)
