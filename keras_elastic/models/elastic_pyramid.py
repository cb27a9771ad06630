"""Features of several sizes, of a supernet at any architecture."""

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.models import elastic_operations
from keras_elastic.models.subnet_run import SubnetRun
from keras_elastic.spaces import Architecture


class ElasticPyramid:
    """The feature maps of a supernet, one for each stride.

    What `feature_pyramid` returns of a `Supernet`. At an architecture they are
    the maps of its child. Images are taken as they are, of any height and
    width: the resolution of the architecture is not looked at. The blocks
    behind the last map do not run.

    Args:
        supernet: `Supernet`.
        blocks: Dictionary from strides to the names of blocks, whose outputs
            are the maps.

    Call arguments:
        images: Tensor of pixels in 0..255, of shape (batch, height, width, 3).
        arch: `Architecture`, or its encoding: an int32 vector.
        statistics: As `Supernet`.
        return_statistics: As `Supernet`.

    Returns:
        Dictionary from `"stride_8"` and so on to features of shape (batch,
        height, width, channels), the channels being those of the
        architecture. With `return_statistics`, a pair of it and the batch's
        statistics.

    Example:

    >>> pyramid = keras_elastic.feature_pyramid(supernet, strides=(2, 4))
    >>> maps = pyramid(np.zeros((1, 8, 16, 3)), supernet.space.smallest)
    >>> maps["stride_4"].shape
    TensorShape([1, 2, 4, 32])
    """

    def __init__(self, supernet, blocks):
        self.supernet = supernet
        self.blocks = dict(blocks)
        names = list(self.blocks.values())
        plan = elastic_operations.plan_of_extremes(
            supernet.family, supernet.classes
        )
        ends = {block.name: n for n, block in enumerate(plan.blocks)}
        self._length = 1 + max(ends[name] for name in names)
        # The most channels of each map, by its stride.
        self.channels = {
            stride: int(np.max(plan.blocks[ends[name]].out_channels))
            for stride, name in self.blocks.items()
        }

    @property
    def strides(self):
        """The strides of the maps, the finest first."""
        return tuple(self.blocks)

    def __call__(self, images, arch, statistics=None, return_statistics=False):
        if isinstance(arch, Architecture):
            self.supernet.space.validate(arch)
        checks.check_images(images)
        plan = self.supernet.plan_of(arch)
        pixels = self.supernet.rescale(ops.cast(images, "float32"), plan)
        run = SubnetRun(self.supernet, statistics, None, return_statistics)
        blocks = plan.blocks[: self._length]
        steps = list(run.run_blocks(blocks, pixels))
        outputs = {block.name: features for block, features, _ in steps}
        *_, (_, _, seen) = steps
        maps = {f"stride_{s}": outputs[n] for s, n in self.blocks.items()}
        return (maps, seen) if return_statistics else maps
