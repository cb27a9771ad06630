"""VGG-16 by width, as MutualNet uses it.

A network is five stages of 3x3 convolutions, each with a 2x2 max pooling
after it, and three fully connected layers. One gene, a percentage, sets the
width of every layer.

References:
- Very Deep Convolutional Networks for Large-Scale Image Recognition (Simonyan
  and Zisserman, ICLR 2015), Table 1, column D.
- MutualNet: Adaptive ConvNet via Mutual Learning from Network Width and
  Resolution (Yang et al., ECCV 2020), section 4: the backbone of detectors.
"""

import dataclasses

from keras_elastic.families.strides import limit_strides
from keras_elastic.families.table import WidthTable
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import ceil_divide
from keras_elastic.spaces import round_channels

# Filters and number of the convolutions of the stages.
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

# Units of the two hidden layers of the classifier.
UNITS = 4096

# Height and width of the map that the first of them reads.
MAP = 7

HEADS = ("flatten", "pooled")


@dataclasses.dataclass(frozen=True)
class VGG16(WidthTable):
    """VGG-16 with one width gene, in percent.

    Every layer but the last has `width` percent of its filters or units,
    rounded to a multiple of 8.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent.
        head: `"flatten"` is the published classifier. Its first layer reads a
            map of 7x7 pixels, so it needs the one resolution that gives it:
            7 times `total_strides`. It is written as a 7x7 convolution, which
            is the same function and lets channels be sliced. `"pooled"`
            averages the map first and takes any resolution.
        normalize: Whether a batch normalization follows each convolution and
            takes its bias's place. The published network has none, and then
            there is nothing to calibrate.
        total_strides: Integer, how much the network divides the image by, or
            `None` for the published 32. 8 suits images of 32 pixels, 16 suits
            64. The first poolings are left out.
        dropout: Float. Dropout rate after the two hidden layers of the
            classifier.

    Raises:
        ValueError: `head` is unknown, or `"flatten"` with a resolution that
            does not give a map of 7x7 pixels.
    """

    head: str = "flatten"
    normalize: bool = False
    total_strides: int | None = None
    dropout: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.head not in HEADS:
            raise ValueError(
                f"`head` must be one of {HEADS}. Received: head={self.head!r}."
            )
        self._check_map()

    def _check_map(self):
        sizes = list(self.resolution)
        for strides in self._strides:
            sizes = [ceil_divide(size, strides) for size in sizes]
        if self.head == "flatten" and set(sizes) != {MAP}:
            raise ValueError(
                "`head='flatten'` needs a resolution that the network makes a "
                f"map of {MAP}x{MAP} pixels. Received: "
                f"resolution={self.resolution}, which gives {sizes}. Use "
                "`head='pooled'` for other resolutions."
            )

    @property
    def _strides(self):
        return limit_strides([2] * len(STAGES), self.total_strides)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture.

        Args:
            genes: An `Architecture`, or `Genes` of arrays or tensors.
            classes: Integer. Number of classes.

        Returns:
            A `Plan`.
        """
        (percent,) = genes.width
        strides = self._strides
        builder = PlanBuilder(genes.resolution)
        for number, (base, depth) in enumerate(STAGES):
            filters = round_channels(base * percent, scale=100)
            with builder.block(f"stage{number + 1}"):
                for index in range(1, depth + 1):
                    self._convolution(builder, index, filters)
                if strides[number] > 1:
                    builder.max_pooling("pool", 2, strides[number])
        with builder.block("head"):
            units = round_channels(UNITS * percent, scale=100)
            self._head(builder, units, classes)
        return builder.plan()

    def _convolution(self, builder, index, filters):
        builder.convolution(
            f"conv{index}", filters, 3, use_bias=not self.normalize
        )
        if self.normalize:
            builder.normalization(f"norm{index}")
        builder.activation(f"activation{index}", "relu")

    def _head(self, builder, units, classes):
        if self.head == "pooled":
            builder.global_pooling("pool")
            builder.dense("hidden1", units)
            builder.activation("hidden1_activation", "relu")
        else:
            builder.convolution(
                "hidden1", units, MAP, use_bias=True, padding="valid"
            )
            builder.activation("hidden1_activation", "relu")
            # One pixel is left: its mean is itself.
            builder.global_pooling("pool")
        builder.dropout("hidden1_dropout", self.dropout)
        builder.dense("hidden2", units)
        builder.activation("hidden2_activation", "relu")
        builder.dropout("hidden2_dropout", self.dropout)
        builder.dense("classifier", classes)


VGG_16 = VGG16(
    name="vgg16",
    resolution=(224,),
    width=tuple(range(25, 101, 5)),
)

VGG_16_POOLED = VGG16(
    name="vgg16_pooled",
    resolution=(128, 160, 192, 224),
    width=tuple(range(25, 101, 5)),
    head="pooled",
)

NETWORKS = {
    "vgg16": ("vgg16", Architecture(224, (100,), (), (), ())),
}

FAMILIES = (VGG_16, VGG_16_POOLED)
