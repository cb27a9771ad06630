"""Containment: a larger network that has all weights of a smaller."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import plan as primitives
from keras_elastic.spaces.architecture import FIELDS

# What the weights of an operation have, by its kind.
EXTENTS = {
    primitives.Convolution: ("in_channels", "filters", "kernel_size"),
    primitives.DepthwiseConvolution: ("channels", "kernel_size"),
    primitives.Normalization: ("channels",),
    primitives.GroupNormalization: ("channels",),
    primitives.SqueezeExcite: ("channels", "reduced"),
    primitives.Dense: ("in_channels", "units"),
    primitives.Shortcut: ("in_channels", "filters"),
}


@checks.arguments(space=checks.SPACE, reference=checks.ARCHITECTURE)
def constrained(space: SearchSpace, reference: Architecture) -> SearchSpace:
    """Returns the part of a space whose networks contain a reference.

    Every gene but the resolution keeps the choices from the reference's on.
    So in every dimension (blocks, channels, kernel, expansion) an architecture
    has at least what the reference has, and in a supernet, whose subnets share
    weights, it has the reference's weights. Channels that are products of
    genes grow with each of them; `contains` counts them in the plan. Only in
    `bignas_layerwise`, whose widths may change within a stage, a projection may
    take the place of an identity that the reference has.

    The encodings of the part are encodings of the whole.

    Reference:
    - REG-NAS (Duggal et al., ECCV 2022), section 3.3, constrained architecture
      sampling. The resolution is no dimension of the weights, and stays free.

    Args:
        space: `SearchSpace`.
        reference: `Architecture` of it.

    Returns:
        `SearchSpace` with the same genes and fewer choices.

    Raises:
        ValueError: `reference` is not in the space.
    """
    reference = space.canonical(reference)
    changes: dict[str, Any] = {
        field: tuple(
            tuple(choice for choice in choices if choice >= least)
            for choices, least in zip(
                getattr(space, field), getattr(reference, field), strict=True
            )
        )
        for field in FIELDS[1:]
    }
    return dataclasses.replace(space, **changes)


@dataclasses.dataclass(frozen=True)
class ConstrainedFamily:
    """A family whose space is cut to what contains a reference.

    Any search takes it like the family itself.

    Args:
        family: The family.
        reference: `Architecture` that all others contain.
    """

    family: Any
    reference: Architecture

    @property
    def name(self) -> str:
        """Name of the family."""
        return self.family.name

    @property
    def space(self) -> SearchSpace:
        """The part of the family's space that contains the reference."""
        space = constrained(self.family.space, self.reference)
        # For messages: what is out of reach here may be in reach of the whole.
        name = f"{space.name}, containing the reference"
        return dataclasses.replace(space, name=name)

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """The family's plan of an architecture."""
        return self.family.plan(genes, classes)


@checks.arguments(plan=checks.PLAN, reference=checks.PLAN)
def contains(plan: Plan, reference: Plan) -> Any:
    """Whether a network has at least every extent of another.

    Compared are blocks that are there, channels in and out, and kernels, of
    every operation that has weights. Whether an elastic shortcut projects is
    not compared: it does where its widths differ.

    Args:
        plan: Plan of the larger architecture, or of many as arrays.
        reference: Plan of the smaller one, of the same family.

    Returns:
        Boolean, or an array of them.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> largest = family.plan(family.space.largest, 10)
    >>> contains(largest, family.plan(family.space.smallest, 10))
    True
    """
    result = True
    pairs = zip(_extents(plan), _extents(reference), strict=True)
    for (live, extent), (reference_live, reference_extent) in pairs:
        lacks = ~np.asarray(live, bool) | (extent < reference_extent)
        result = result & ~(lacks & np.asarray(reference_live, bool))
    return result if np.ndim(result) else bool(result)


def _extents(plan: Plan) -> Iterator[tuple[Any, Any]]:
    """Pairs of whether an operation is there and one of its extents."""
    for block in plan.blocks:
        for operation in block.every_operation:
            for extent in EXTENTS.get(type(operation), ()):
                yield block.live, getattr(operation, extent)
