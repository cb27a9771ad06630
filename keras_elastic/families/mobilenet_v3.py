"""MobileNet v3 by width, and the space that once-for-all built around it.

References:
- Searching for MobileNetV3 (Howard et al., ICCV 2019), Tables 1 and 2.
- BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et al.,
  2021), Table 2 of the supplement: networks up to 2.5 times as wide.
- Once-for-All: Train One Network and Specialize it for Efficient Deployment
  (Cai et al., ICLR 2020), section 4.1 and the release.
"""

import dataclasses

from keras_elastic.families.inverted_residual import add_inverted_residual
from keras_elastic.families.inverted_residual import normalize_and_activate
from keras_elastic.families.once_for_all import ElasticStage
from keras_elastic.families.once_for_all import OnceForAll
from keras_elastic.families.strides import limit_strides
from keras_elastic.families.table import WidthTable
from keras_elastic.families.table import make_rows
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import round_channels
from keras_elastic.spaces import where

RELU = "relu"
SWISH = "hard_silu"


@dataclasses.dataclass(frozen=True)
class Block:
    """One block: a row of the paper's tables.

    Args:
        kernel_size: Integer. Height and width of the depthwise kernel.
        hidden: Integer. Channels of the depthwise convolution at 100 %.
        filters: Integer. Channels of the output at 100 %.
        squeeze_excite: Whether the block has squeeze-excite.
        activation: Name of the activation of the hidden layers.
        strides: Integer. Strides of the depthwise convolution.
    """

    kernel_size: int
    hidden: int
    filters: int
    squeeze_excite: bool
    activation: str
    strides: int


@dataclasses.dataclass(frozen=True)
class MobileNetV3(WidthTable):
    """MobileNet v3 with one width gene, in percent.

    Stem and blocks have `width` percent of their filters, rounded to a
    multiple of 8. A block's hidden layers are as many times as wide as its
    rounded input as in the published table, rounded again; there is no
    convolution that expands where the table has as many hidden channels as
    inputs. The last convolution is six times as wide as the last block.

    A block is residual where its strides are 1 and the table has as many
    inputs as outputs.

    At 100 % the networks are those of `keras.applications.MobileNetV3Small`
    and `MobileNetV3Large`, weight by weight; the two 1x1 convolutions behind
    the pooling there are dense layers here. At other widths Keras keeps 16
    filters in the stem, and adds a shortcut where rounding alone makes input
    and output alike: in the seventh block of the small network below 75 %.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent.
        blocks: Tuple of `Block`.
        features: Integer. Channels of the layer between the pooling and the
            classifier. It grows with the width, and does not shrink.
        stem: Integer. Channels of the stem at 100 %.
        dropout: Float. Dropout rate before the classifier.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64.
    """

    blocks: tuple[Block, ...]
    features: int
    stem: int = 16
    dropout: float = 0.2
    total_strides: int | None = None

    def __post_init__(self):
        make_rows(self, "blocks", Block)
        super().__post_init__()
        self._strides()

    def _strides(self):
        """Strides of the stem and of every block."""
        published = [2, *(block.strides for block in self.blocks)]
        return limit_strides(published, self.total_strides)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        (percent,) = genes.width
        builder = PlanBuilder(genes.resolution)
        stem_strides, *strides = self._strides()
        with builder.block("stem"):
            stem = _scaled(self.stem, percent)
            builder.convolution("conv", stem, 3, stem_strides)
            normalize_and_activate(builder, SWISH)
        for index in range(len(self.blocks)):
            self._block(builder, index, strides[index], percent)
        with builder.block("head"):
            self._head(builder, percent, classes)
        return builder.plan()

    def _block(self, builder, index, strides, percent):
        block = self.blocks[index]
        inputs = self.blocks[index - 1].filters if index else self.stem
        residual = strides == 1 and inputs == block.filters
        hidden = None
        if block.hidden != inputs:
            # The published expansion of the rounded input, as a fraction.
            hidden = round_channels(
                builder.channels * block.hidden, minimum=8, scale=inputs
            )
        with builder.block(
            f"block{index + 1}", shortcut="identity" if residual else None
        ):
            add_inverted_residual(
                builder,
                hidden,
                _scaled(block.filters, percent),
                block.kernel_size,
                strides,
                activation=block.activation,
                squeeze_excite=block.squeeze_excite,
                residual=residual,
            )

    def _head(self, builder, percent, classes):
        builder.convolution("conv", 6 * builder.channels)
        normalize_and_activate(builder, SWISH)
        builder.global_pooling("pool")
        builder.dense("features", self._features(percent))
        builder.activation("features_activation", SWISH)
        if self.dropout:
            builder.dropout("dropout", self.dropout)
        builder.dense("classifier", classes)

    def _features(self, percent):
        # One object where no choice is wider: it stays a number.
        if max(self.width) <= 100:
            return self.features
        return _scaled(self.features, where(percent < 100, 100, percent))


def _scaled(channels, percent):
    return round_channels(channels * percent, minimum=8, scale=100)


# Kernel, hidden channels, filters, squeeze-excite, activation and strides.
LARGE = (
    Block(3, 16, 16, False, RELU, 1),
    Block(3, 64, 24, False, RELU, 2),
    Block(3, 72, 24, False, RELU, 1),
    Block(5, 72, 40, True, RELU, 2),
    Block(5, 120, 40, True, RELU, 1),
    Block(5, 120, 40, True, RELU, 1),
    Block(3, 240, 80, False, SWISH, 2),
    Block(3, 200, 80, False, SWISH, 1),
    Block(3, 184, 80, False, SWISH, 1),
    Block(3, 184, 80, False, SWISH, 1),
    Block(3, 480, 112, True, SWISH, 1),
    Block(3, 672, 112, True, SWISH, 1),
    Block(5, 672, 160, True, SWISH, 2),
    Block(5, 960, 160, True, SWISH, 1),
    Block(5, 960, 160, True, SWISH, 1),
)

SMALL = (
    Block(3, 16, 16, True, RELU, 2),
    Block(3, 72, 24, False, RELU, 2),
    Block(3, 88, 24, False, RELU, 1),
    Block(5, 96, 40, True, SWISH, 2),
    Block(5, 240, 40, True, SWISH, 1),
    Block(5, 240, 40, True, SWISH, 1),
    Block(5, 120, 48, True, SWISH, 1),
    Block(5, 144, 48, True, SWISH, 1),
    Block(5, 288, 96, True, SWISH, 2),
    Block(5, 576, 96, True, SWISH, 1),
    Block(5, 576, 96, True, SWISH, 1),
)

WIDTHS = (35, 50, 75, 100, 125, 150, 200, 250)
RESOLUTIONS = (96, 128, 160, 192, 224, 256)

MOBILENET_V3_LARGE = MobileNetV3(
    "mobilenet_v3_large", RESOLUTIONS, WIDTHS, LARGE, 1280
)
MOBILENET_V3_SMALL = MobileNetV3(
    "mobilenet_v3_small", RESOLUTIONS, WIDTHS, SMALL, 1024
)

OFA_MOBILENET_V3 = OnceForAll(
    name="ofa_mobilenet_v3",
    resolution=tuple(range(128, 225, 4)),
    stem=16,
    first=16,
    stages=(
        ElasticStage(24, 2, RELU),
        ElasticStage(40, 2, RELU, squeeze_excite=True),
        ElasticStage(80, 2, SWISH),
        ElasticStage(112, 1, SWISH, squeeze_excite=True),
        ElasticStage(160, 2, SWISH, squeeze_excite=True),
    ),
    last=960,
    features=1280,
    activation=SWISH,
    first_activation=RELU,
    epsilon=1e-5,
)

OFA_MOBILENET_V3_W12 = dataclasses.replace(
    OFA_MOBILENET_V3, name="ofa_mobilenet_v3_w1.2", width_percent=120
)

NETWORKS = {
    table.name: (table.name, Architecture(224, (100,), (), (), ()))
    for table in (MOBILENET_V3_SMALL, MOBILENET_V3_LARGE)
}

FAMILIES = (
    MOBILENET_V3_SMALL,
    MOBILENET_V3_LARGE,
    OFA_MOBILENET_V3,
    OFA_MOBILENET_V3_W12,
)
