"""The published BasisNets and CondConv nets, and their variants."""

import dataclasses

from keras_elastic import families
from keras_elastic.conditional.basisnet.condconv import CondConvNet
from keras_elastic.conditional.basisnet.costs import basisnet_costs
from keras_elastic.conditional.basisnet.costs import condconv_costs
from keras_elastic.conditional.basisnet.model import BasisNet
from keras_elastic.families.table import WidthTable


def _plan(family, resolution, width, classes, **changes):
    """Plan of a network at a resolution and a width in percent."""
    family = families.get(
        family, resolution=(resolution,), width=(width,), **changes
    )
    return family.plan(family.space.largest, classes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BasisNetVariant:
    """A BasisNet of MobileNets.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 4.1, Table 2 and section D of the supplement.

    Args:
        specialist_family: Name of the family of the specialist.
        light_family: Name of the family of the light network.
        num_bases: Integer. Number of bases.
        first_basis_block: Integer. Number of the first block with bases,
            counted from 1 behind the stem.
        last_basis_block: Integer. Number of the last.
        resolution: Integer. Resolution of the specialist and of the images.
        width: Integer. Width of the specialist in percent.
        light_resolution: Integer. Resolution of the light network.
        light_width: Integer. Width of the light network in percent.
        light_changes: Other fields of the light family's table.
        dropout: Float. Dropout rate before the classifiers.
        activation: `"softmax"` or `"sigmoid"`, of the coefficients.
        exit_threshold: As `BasisNet`.
        method: As `BasisNet`.
        dtype: As `BasisNet`.
    """

    specialist_family: str
    light_family: str
    num_bases: int
    first_basis_block: int
    last_basis_block: int
    resolution: int = 224
    width: int = 100
    light_resolution: int = 128
    light_width: int = 100
    light_changes: dict = dataclasses.field(default_factory=dict)
    dropout: float = 0.2
    activation: str = "softmax"
    exit_threshold: float | None = None
    method: str = "auto"
    dtype: str | None = None

    @property
    def basis_blocks(self):
        """Numbers of the blocks with bases."""
        return range(self.first_basis_block, self.last_basis_block + 1)

    def plans(self, classes):
        """Returns the plans of the light network and of the specialist."""
        light = _plan(
            self.light_family,
            self.light_resolution,
            self.light_width,
            classes,
            dropout=self.dropout,
            **self.light_changes,
        )
        specialist = _plan(
            self.specialist_family,
            self.resolution,
            self.width,
            classes,
            dropout=self.dropout,
        )
        return light, specialist

    def costs(self, classes=1000):
        """Returns the `BasisNetCosts`, without building anything."""
        return basisnet_costs(
            *self.plans(classes), self.num_bases, self.basis_blocks
        )

    def build(self, classes, name):
        """Returns the model, with random weights."""
        return BasisNet(
            *self.plans(classes),
            self.num_bases,
            self.basis_blocks,
            activation=self.activation,
            exit_threshold=self.exit_threshold,
            method=self.method,
            dtype=self.dtype,
            name=name,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CondConvVariant:
    """A CondConv net of a published network.

    Reference:
    - CondConv: Conditionally Parameterized Convolutions for Efficient
      Inference (Yang et al., NeurIPS 2019), section 4.1 and the release.

    Args:
        network: Name of the family of the network.
        num_bases: Integer. Number of experts.
        first_basis_block: Integer. Number of the first block with experts,
            counted from 1 behind the stem.
        last_basis_block: Integer. Number of the last.
        resolution: Integer. Resolution of the images.
        width: Integer. Width of the network in percent, or `None` for 100.
            Networks whose table has no widths have none.
        dropout: Float. Dropout rate before the classifier.
        method: As `CondConvNet`.
        dtype: As `CondConvNet`.
    """

    network: str
    num_bases: int
    first_basis_block: int
    last_basis_block: int
    resolution: int = 224
    width: int | None = None
    dropout: float = 0.25
    method: str = "auto"
    dtype: str | None = None

    @property
    def basis_blocks(self):
        """Numbers of the blocks with experts."""
        return range(self.first_basis_block, self.last_basis_block + 1)

    def plan(self, classes):
        """Returns the plan of the network."""
        has_widths = isinstance(families.get(self.network), WidthTable)
        if has_widths:
            width = 100 if self.width is None else self.width
            changes = {"width": (width,)}
        elif self.width is None:
            changes = {}
        else:
            raise ValueError(
                f"`width` must be None for '{self.network}', a network of one "
                f"width. Received: width={self.width!r}. Leave it out, or take "
                "another network, as 'condconv_mobilenet_v3_large'."
            )
        family = families.get(
            self.network,
            resolution=(self.resolution,),
            dropout=self.dropout,
            **changes,
        )
        return family.plan(family.space.largest, classes)

    def costs(self, classes=1000):
        """Returns the `BasisNetCosts`, without building anything."""
        return condconv_costs(
            self.plan(classes), self.num_bases, self.basis_blocks
        )

    def build(self, classes, name):
        """Returns the model, with random weights."""
        return CondConvNet(
            self.plan(classes),
            self.num_bases,
            self.basis_blocks,
            method=self.method,
            dtype=self.dtype,
            name=name,
        )


VARIANTS = {
    "basisnet_mobilenet_v2": BasisNetVariant(
        specialist_family="mobilenet_v2",
        light_family="mobilenet_v2",
        num_bases=8,
        first_basis_block=11,
        last_basis_block=17,
        light_width=50,
        # Only with 640 filters in the last convolution the published 30.3 M
        # multiply-adds and 1.2 M parameters come out.
        light_changes={"scale_head": True},
    ),
    "basisnet_mobilenet_v3": BasisNetVariant(
        specialist_family="mobilenet_v3_large",
        light_family="mobilenet_v3_small",
        num_bases=16,
        first_basis_block=8,
        last_basis_block=15,
    ),
    # The blocks of the last three stages have experts.
    "condconv_efficientnet_b0": CondConvVariant(
        network="efficientnet_b0",
        num_bases=4,
        first_basis_block=9,
        last_basis_block=16,
    ),
    # As BasisNet's paper compares the two, section 4.5.
    "condconv_mobilenet_v3_large": CondConvVariant(
        network="mobilenet_v3_large",
        num_bases=16,
        first_basis_block=11,
        last_basis_block=15,
    ),
}


def variant(name, **options):
    """Returns a published network that is conditional, or a variant of it.

    Args:
        name: String. A key of `VARIANTS`.
        **options: Fields of `BasisNetVariant` or `CondConvVariant` to change.

    Returns:
        The variant, with `costs(classes)` and `build(classes, name)`.

    Raises:
        ValueError: It has no such option.

    Example:

    >>> costs = variant("basisnet_mobilenet_v3", num_bases=8).costs()
    >>> f"{costs.flops / 1e6:.1f} M, {costs.params / 1e6:.1f} M"
    '245.0 M, 16.6 M'
    """
    fields = [field.name for field in dataclasses.fields(VARIANTS[name])]
    unknown = sorted(set(options) - set(fields))
    if unknown:
        raise ValueError(
            f"The options of '{name}' are {fields}. Received: {unknown}."
        )
    return dataclasses.replace(VARIANTS[name], **options)


def build_variant(name, classes, **options):
    """Builds a published network, or a variant of it; see `build`."""
    return variant(name, **options).build(classes, name)
