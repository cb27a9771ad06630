"""DS-ResNet-50: the ResNet whose stages DS-Net chooses one by one.

There is no release of it. The paper has a gate in the first block of each
stage; the ratios are those of slimmable networks, and the stem is whole in
every subnet, because no gate stands before it.

References:
- Dynamic Slimmable Network (Li et al., CVPR 2021), sections 3.3 and 5.
- Slimmable Neural Networks (Yu et al., ICLR 2019): the widths.
"""

import dataclasses

from keras_elastic.families import resnet
from keras_elastic.families.ds_gates import Gate
from keras_elastic.families.table import Table
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import round_channels

# Attention narrows to a quarter of the most channels that it may get.
ATTENTION = 4


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
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[int, ...]
    stem: int = 64
    channels: tuple[int, ...] = (256, 512, 1024, 2048)
    depth: tuple[int, ...] = (3, 4, 6, 3)
    total_strides: int | None = None

    def __post_init__(self):
        super().__post_init__()
        resnet.stage_strides(self)

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

    def plan(self, genes, classes: int):
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
                )
            most = round_channels(channels * max(self.width), scale=100)
        resnet.add_head(builder, classes)
        return builder.plan()


DS_RESNET50 = DSResNet(
    name="ds_resnet50",
    resolution=(224,),
    width=(25, 50, 75, 100),
)

FAMILIES = (DS_RESNET50,)
