"""DS-MBNet: the MobileNet v1 whose width DS-Net chooses image by image.

A stem and depthwise separable convolutions with channel attention between the
depthwise and the pointwise half, without shortcuts. The first stages are as
narrow in every subnet; the later ones grow together by constant intervals.

References:
- Dynamic Slimmable Network (Li et al., CVPR 2021), sections 3 and 5, and its
  release, which is this network with batch normalisation: its lists of
  channels, its swish, its attention in every block, its one gate.
"""

import dataclasses

from keras_elastic.families.ds_gates import Gate
from keras_elastic.families.table import Table
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import where

# Attention narrows to a quarter of the most channels that it may get.
ATTENTION = 4


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
    """

    name: str
    resolution: tuple[int, ...]
    paths: int
    stem: Row
    stages: tuple[Row, ...]
    dropout: float = 0.2

    def __post_init__(self):
        super().__post_init__()
        # A table that was JSON has dictionaries for rows.
        object.__setattr__(self, "stem", _row(self.stem))
        stages = tuple(_row(stage) for stage in self.stages)
        object.__setattr__(self, "stages", stages)
        if self.stem.interval or not any(row.interval for row in stages):
            raise ValueError(
                "`stages` must have a row with an interval, and the stem none: "
                "the gate looks at what the first stages see. Received: "
                f"stem={self.stem}, stages={stages}."
            )

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
        return (Gate(f"{_name(first, 0)}_attention", 0, choices),)

    def plan(self, genes, classes: int):
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
            _normalize_and_activate(builder, "")
        most = self.stem.teacher
        for stage, row in enumerate(self.stages):
            filters = self._filters(row, number)
            for index in range(row.depth):
                strides = row.strides if index == 0 else 1
                with builder.block(_name(stage, index)):
                    _separable(builder, filters, strides, most // ATTENTION)
                most = row.teacher
        with builder.block("head"):
            builder.global_pooling("pool")
            if self.dropout:
                builder.dropout("dropout", self.dropout)
            builder.dense("classifier", classes)
        return builder.plan()

    def _filters(self, row, number):
        path = row.narrowest
        if row.interval:
            path = path + row.interval * (number - 1)
        return where(number > self.paths, row.teacher, path)


def _row(row):
    return row if isinstance(row, Row) else Row(**row)


def _name(stage, index):
    return f"stage{stage + 1}_block{index + 1}"


def _separable(builder, filters, strides, reduced):
    builder.depthwise_convolution("depthwise", 3, strides)
    _normalize_and_activate(builder, "depthwise_")
    builder.squeeze_excite("attention", reduced, "relu", "sigmoid")
    builder.convolution("pointwise", filters)
    _normalize_and_activate(builder, "pointwise_")


def _normalize_and_activate(builder, prefix):
    builder.normalization(f"{prefix}norm")
    builder.activation(f"{prefix}activation", "swish")


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

FAMILIES = (DS_MOBILENET, DS_MOBILENET_CIFAR10)
