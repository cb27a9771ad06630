"""MobileNet v1 by width: US-Net's and MutualNet's first network.

A network is a stem convolution, thirteen depthwise separable convolutions and
a classifier. One gene, a percentage, sets the width of every layer.

References:
- MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
  Applications (Howard et al., 2017), Table 1.
- Universally Slimmable Networks and Improved Training Techniques (Yu and
  Huang, ICCV 2019): one network, any width in [0.25, 1].
- MutualNet: Adaptive ConvNet via Mutual Learning from Network Width and
  Resolution (Yang et al., ECCV 2020), section 4: widths [0.25, 1] at 128 to
  224 pixels, widths [1, 2] at 224 to 320.
"""

import dataclasses

from keras_elastic.families.inverted_residual import normalize_and_activate
from keras_elastic.families.strides import limit_strides
from keras_elastic.families.table import WidthTable
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import round_channels

STEM = 32

# Filters and strides of the blocks.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)

_STRIDES = (2, *(strides for _, strides in BLOCKS))


@dataclasses.dataclass(frozen=True)
class MobileNetV1(WidthTable):
    """MobileNet v1 with one width gene, in percent.

    Every layer but the classifier has `width` percent of its filters, rounded
    to a multiple of 8 as in US-Net's release. There are no shortcuts.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64.
        dropout: Float. Dropout rate before the classifier, 0 for none, as in
            US-Net's release.
    """

    total_strides: int | None = None
    dropout: float = 0.0

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
        stem_strides, *strides = limit_strides(_STRIDES, self.total_strides)
        builder = PlanBuilder(genes.resolution)
        with builder.block("stem"):
            filters = round_channels(STEM * percent, scale=100)
            builder.convolution("conv", filters, 3, stem_strides)
            normalize_and_activate(builder, "relu6")
        for index, (base, _) in enumerate(BLOCKS):
            with builder.block(f"block{index + 1}"):
                builder.depthwise_convolution("depthwise", 3, strides[index])
                normalize_and_activate(builder, "relu6", "depthwise_")
                filters = round_channels(base * percent, scale=100)
                builder.convolution("pointwise", filters)
                normalize_and_activate(builder, "relu6", "pointwise_")
        with builder.block("head"):
            builder.global_pooling("pool")
            if self.dropout:
                builder.dropout("dropout", self.dropout)
            builder.dense("classifier", classes)
        return builder.plan()


MOBILENET_V1 = MobileNetV1(
    name="mobilenet_v1",
    resolution=(128, 160, 192, 224),
    width=tuple(range(25, 101, 5)),
)

MOBILENET_V1_WIDE = MobileNetV1(
    name="mobilenet_v1_wide",
    resolution=(224, 256, 288, 320),
    width=tuple(range(100, 201, 5)),
)

NETWORKS = {
    "mobilenet_v1": ("mobilenet_v1", Architecture(224, (100,), (), (), ())),
}

FAMILIES = (MOBILENET_V1, MOBILENET_V1_WIDE)
