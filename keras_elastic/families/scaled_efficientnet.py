"""EfficientNet at any width, and with the gate of DS-Net."""

import dataclasses

from keras_elastic import checks
from keras_elastic.families.efficientnet import EFFICIENTNET_B0
from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.table import ATTENTIONS
from keras_elastic.families.table import Gate
from keras_elastic.families.table import WidthTable
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import round_channels


@dataclasses.dataclass(frozen=True)
class ScaledEfficientNet(WidthTable):
    """A network of the family at any width: one gene for all layers.

    The width gene is a percentage. Channels are rounded to multiples of 8, at
    least 8.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section 5: EfficientNet
      at 0.75x and wider; in DS-EffNet the first half of the blocks is narrow
      in every subnet.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width in percent.
        base: `EfficientNet` with one architecture, the network at 100 %.
        fixed_stages: Integer. Stem and this many stages keep `fixed_width`.
        fixed_width: Integer. Their width in percent.
        attention: What the attention of DS-Net's gate multiplies by: the
            `"sigmoid"` of EfficientNet, or `"one_plus_tanh"`.
    """

    base: EfficientNet
    fixed_stages: int = 0
    fixed_width: int = 100
    attention: str = "sigmoid"

    def __post_init__(self):
        if isinstance(self.base, dict):
            object.__setattr__(self, "base", EfficientNet(**self.base))
        super().__post_init__()
        checks.one_of(ATTENTIONS, attention=self.attention)
        if self.attention != "sigmoid" and not self.gates:
            raise ValueError(
                "`attention` must be 'sigmoid' without `fixed_stages`, where "
                "there is no gate. Received: "
                f"attention={self.attention!r}. Leave it out."
            )

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture, as `EfficientNet.plan` does."""
        base = self.base.space.largest
        widths = tuple(
            self._scaled(channels, place, genes.width[0])
            for place, channels in enumerate(base.width)
        )
        scaled = Genes(
            genes.resolution,
            widths,
            base.depth,
            base.kernel_size,
            base.expand_ratio,
        )
        plan = self.base.plan(scaled, classes)
        for gate in self.gates:
            plan = replace_gate(plan, gate.operation, self.attention)
        return plan

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Where DS-Net chooses the width: in the first block that has one."""
        if not self.fixed_stages:
            return ()
        operation = f"stage{self.fixed_stages + 1}_block1_se"
        return (Gate(operation, 0, self.width),)

    def _scaled(self, channels, place, percent):
        if self.fixed_stages and place <= self.fixed_stages:
            percent = self.fixed_width
        return round_channels(channels * percent, minimum=8, scale=100)


def replace_gate(plan, name, gate):
    """Returns a plan with another gate of one squeeze-excite.

    Args:
        plan: `Plan`.
        name: String. Name of the squeeze-excite.
        gate: String. Name of its gate's activation.
    """

    def replaced(operation):
        if operation.name != name:
            return operation
        return dataclasses.replace(operation, gate=gate)

    return plan.map_operations(replaced)


EFFICIENTNET_WIDTH = ScaledEfficientNet(
    name="efficientnet_width",
    base=EFFICIENTNET_B0,
    width=tuple(range(25, 180, 5)),
    resolution=(128, 160, 192, 224),
)

FAMILIES = (EFFICIENTNET_WIDTH,)
