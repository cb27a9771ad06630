"""MobileNet v2 by width, and AutoSlim's with a width for every layer.

A network is a stem convolution, seven stages of inverted residual blocks, a
last convolution and a classifier. `MobileNetV2` sets the width of all layers
by one percentage, `AutoSlimMobileNetV2` that of each layer on its own.

References:
- MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler et al., CVPR
  2018), Table 2.
- Universally Slimmable Networks and Improved Training Techniques (Yu and
  Huang, ICCV 2019), and its release: how widths are rounded.
- MutualNet: Adaptive ConvNet via Mutual Learning from Network Width and
  Resolution (Yang et al., ECCV 2020).
- BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et al.,
  2021): the lightweight model, whose last convolution shrinks too.
- AutoSlim: Towards One-Shot Architecture Search for Channel Numbers (Yu and
  Huang, 2019), Table 1 and the configuration of the release (v3.0.0).
"""

import dataclasses
from typing import NamedTuple

from keras_elastic.families.inverted_residual import add_inverted_residual
from keras_elastic.families.inverted_residual import normalize_and_activate
from keras_elastic.families.strides import limit_strides
from keras_elastic.families.table import FamilyTable
from keras_elastic.families.table import WidthTable
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import round_channels
from keras_elastic.spaces import where


class Stage(NamedTuple):
    """A row of the paper's table: t, c, n and s."""

    expand_ratio: int
    filters: int
    depth: int
    strides: int


STEM = 32
STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)
LAST = 1280

# Stage and place of the seventeen blocks, both from 0.
BLOCKS = tuple(
    (number, index)
    for number, stage in enumerate(STAGES)
    for index in range(stage.depth)
)

_STRIDES = (2, *(stage.strides for stage in STAGES))


@dataclasses.dataclass(frozen=True)
class MobileNetV2(WidthTable):
    """MobileNet v2 with one width gene, in percent.

    Stem and blocks have `width` percent of their filters, rounded to a
    multiple of 8, and a block's hidden layers six times its rounded input, as
    in US-Net's release. The blocks after the first of a stage are residual.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64.
        dropout: Float. Dropout rate before the classifier, 0 for none, as in
            US-Net's release.
        scale_head: Whether the last convolution narrows below 1280 filters
            with the other layers, as BasisNet's lightweight model does. Above
            1280 it always grows with them.
        zero_gamma: Whether the last gamma of a residual block begins at zero.
            US-Net's release lets all begin at one.
    """

    total_strides: int | None = None
    dropout: float = 0.0
    scale_head: bool = False
    zero_gamma: bool = True

    def __post_init__(self):
        super().__post_init__()
        limit_strides(_STRIDES, self.total_strides)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        (percent,) = genes.width
        stem = round_channels(STEM * percent, scale=100)
        outputs = [
            round_channels(stage.filters * percent, scale=100)
            for stage in STAGES
        ]
        hidden = _hidden_widths(stem, outputs)
        widths = _Widths(stem, outputs, hidden, self._last_width(percent))
        return _plan(self, genes.resolution, widths, classes)

    def _last_width(self, percent):
        if not self.scale_head:
            # A number for every choice keeps the classifier's kernel static.
            if max(self.width) <= 100:
                return LAST
            percent = where(percent < 100, 100, percent)
        return round_channels(LAST * percent, scale=100)


@dataclasses.dataclass(frozen=True)
class AutoSlimMobileNetV2(FamilyTable):
    """MobileNet v2 with a width gene for every layer, in channels.

    The width genes are the stem, the outputs of the stages, the hidden layers
    of the blocks from the second on, and the last convolution. The blocks of
    a stage share their output's gene, because these outputs are added. The
    first block has no hidden layer of its own.

    A gene's choices are the multiples of a group of channels, up to
    `largest_width` percent of MobileNet v2's layer. The group is that largest
    width divided by `groups`, rounded down to a multiple of 8. The release
    says of its three networks "dynamic 12", and all of their widths are such
    multiples; that they were chosen from these is inferred.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        largest_width: Integer. Width of the largest network in percent of
            MobileNet v2.
        groups: Integer. Number of choices of a layer, before the group is
            rounded.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64.
        dropout: Float. Dropout rate before the classifier, 0 for none, as in
            the release.
    """

    name: str
    resolution: tuple[int, ...]
    largest_width: int = 150
    groups: int = 12
    total_strides: int | None = None
    dropout: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        limit_strides(_STRIDES, self.total_strides)

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        stem = self._largest(STEM)
        outputs = [self._largest(stage.filters) for stage in STAGES]
        hidden = _hidden_widths(stem, outputs)[1:]
        largest = (stem, *outputs, *hidden, self._largest(LAST))
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=tuple(self._choices(width) for width in largest),
            depth=(),
            kernel_size=(),
            expand_ratio=(),
            labels=_LABELS,
        )

    def _largest(self, filters):
        return round_channels(filters * self.largest_width, scale=100)

    def _choices(self, largest):
        group = max(8, largest // self.groups // 8 * 8)
        return tuple(range(largest % group or group, largest + 1, group))

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        stem, *others, last = genes.width
        outputs, hidden = others[: len(STAGES)], others[len(STAGES) :]
        widths = _Widths(stem, outputs, [stem, *hidden], last)
        return _plan(self, genes.resolution, widths, classes)


_LABELS = (
    "stem",
    *(f"stage {number + 1} output" for number in range(len(STAGES))),
    *(f"stage {s + 1} block {b + 1} hidden" for s, b in BLOCKS[1:]),
    "last convolution",
)


class _Widths(NamedTuple):
    """Channels: one output a stage, one hidden width a block."""

    stem: object
    outputs: list
    hidden: list
    last: object


def _hidden_widths(stem, outputs):
    """Channels inside of every block, by the published expansions."""
    before = [stem, *outputs]
    return [
        STAGES[number].expand_ratio * (outputs if index else before)[number]
        for number, index in BLOCKS
    ]


def _plan(table, resolution, widths, classes):
    stem_strides, *strides = limit_strides(_STRIDES, table.total_strides)
    builder = PlanBuilder(resolution)
    with builder.block("stem"):
        builder.convolution("conv", widths.stem, 3, stem_strides)
        normalize_and_activate(builder, "relu6")
    for (number, index), hidden in zip(BLOCKS, widths.hidden, strict=True):
        with builder.block(
            f"stage{number + 1}_block{index + 1}",
            shortcut="identity" if index else None,
        ):
            add_inverted_residual(
                builder,
                hidden if STAGES[number].expand_ratio > 1 else None,
                widths.outputs[number],
                kernel_size=3,
                strides=1 if index else strides[number],
                activation="relu6",
                residual=index > 0 and getattr(table, "zero_gamma", True),
            )
    with builder.block("head"):
        builder.convolution("conv", widths.last)
        normalize_and_activate(builder, "relu6")
        builder.global_pooling("pool")
        if table.dropout:
            builder.dropout("dropout", table.dropout)
        builder.dense("classifier", classes)
    return builder.plan()


MOBILENET_V2 = MobileNetV2(
    name="mobilenet_v2",
    resolution=(128, 160, 192, 224),
    width=tuple(range(25, 101, 5)),
)

MOBILENET_V2_WIDE = MobileNetV2(
    name="mobilenet_v2_wide",
    resolution=(224, 256, 288, 320),
    width=tuple(range(100, 201, 5)),
)

AUTOSLIM_MOBILENET_V2 = AutoSlimMobileNetV2(
    name="autoslim_mobilenet_v2", resolution=(224,)
)


def _autoslim(stem, outputs, hidden, last):
    arch = Architecture(224, (stem, *outputs, *hidden, last), (), (), ())
    return "autoslim_mobilenet_v2", arch


NETWORKS = {
    "mobilenet_v2": ("mobilenet_v2", Architecture(224, (100,), (), (), ())),
    "autoslim_mobilenet_v2_207m": _autoslim(
        stem=8,
        outputs=(8, 16, 24, 48, 64, 176, 280),
        # A line a stage, from the second on.
        hidden=(
            *(96, 96),
            *(96, 144, 144),
            *(144, 288, 288, 288),
            *(288, 432, 432),
            *(648, 720, 720),
            1440,
        ),
        last=1920,
    ),
    "autoslim_mobilenet_v2_305m": _autoslim(
        stem=8,
        outputs=(8, 16, 24, 56, 96, 240, 480),
        hidden=(
            *(96, 96),
            *(96, 144, 144),
            *(144, 288, 288, 288),
            *(288, 432, 432),
            *(864, 1440, 960),
            1440,
        ),
        last=1920,
    ),
    "autoslim_mobilenet_v2_505m": _autoslim(
        stem=32,
        outputs=(16, 24, 48, 88, 144, 240, 480),
        hidden=(
            *(144, 176),
            *(192, 240, 144),
            *(264, 288, 336, 432),
            *(576, 576, 648),
            *(864, 1440, 1440),
            1440,
        ),
        last=1920,
    ),
}

FAMILIES = (MOBILENET_V2, MOBILENET_V2_WIDE, AUTOSLIM_MOBILENET_V2)
