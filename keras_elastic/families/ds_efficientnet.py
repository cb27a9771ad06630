"""DS-EffNet-B0 with equispaced groups of channels.

Reference:
- Dynamic Slimmable Network (Li et al., CVPR 2021), section 5: one gate after
  the eighth block; the blocks before it at 0.5, those after it at 0.75 to
  1.75 by 0.05. Channels grow by a constant interval in each layer, so that
  what a width adds is a group of its own; the widths are then not quite those
  that the ratios say.
"""

import dataclasses

from keras_elastic.families.efficientnet import EFFICIENTNET_B0
from keras_elastic.families.efficientnet import ScaledEfficientNet
from keras_elastic.spaces import round_channels


@dataclasses.dataclass(frozen=True)
class EquispacedEfficientNet(ScaledEfficientNet):
    """`ScaledEfficientNet` whose widths differ by a constant in each layer.

    The narrowest width is rounded to a multiple of 8, and so is the step from
    one choice to the next.
    """

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

FAMILIES = (DS_EFFICIENTNET_B0,)
