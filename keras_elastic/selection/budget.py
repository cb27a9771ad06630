"""The budget: what the user can spend on a network."""

import dataclasses
from typing import Any

import numpy as np

from keras_elastic.spaces import Costs
from keras_elastic.spaces import costs

UPPER_BOUNDS = ("flops", "params", "memory")


@dataclasses.dataclass(frozen=True)
class Budget:
    """Upper bounds of costs, and the resolution if it must be a certain one.

    Args:
        flops: Number, most multiply-adds of one image, or `None`.
        params: Number, most trainable weights, or `None`.
        memory: Number, most bytes of activations of one image, or `None`.
        resolution: Integer, the input resolution in pixels, or `None` for any.

    Raises:
        ValueError: A bound is not a positive number.
    """

    flops: float | None = None
    params: float | None = None
    memory: float | None = None
    resolution: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            is_number = isinstance(value, (int, float, np.number))
            is_number = is_number and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                raise ValueError(
                    f"`{field.name}` must be a positive number or None. "
                    f"Received: {field.name}={value!r}."
                )

    def __str__(self) -> str:
        parts = []
        if self.resolution is not None:
            parts.append(f"resolution = {self.resolution}")
        for name in UPPER_BOUNDS:
            if getattr(self, name) is not None:
                parts.append(f"{name} <= {short(getattr(self, name))}")
        return " and ".join(parts) or "no limit"

    def holds(self, costs: Costs, resolution: Any) -> Any:
        """Whether costs are within the budget, also for arrays of them."""
        holds = True
        for name in UPPER_BOUNDS:
            bound = getattr(self, name)
            if bound is not None:
                holds = holds & (getattr(costs, name) <= bound)
        if self.resolution is not None:
            holds = holds & (resolution == self.resolution)
        return holds

    def check_reachable(self, family, classes: int) -> None:
        """Raises a `ValueError` with the reachable range if nothing fits.

        Every cost grows with every gene, so the smallest architecture at the
        wanted resolution decides.

        Args:
            family: The family to select from.
            classes: Integer. Number of classes.
        """
        space = family.space
        if self.resolution not in (None, *space.resolution):
            raise ValueError(
                f"No architecture of '{space.name}' has the resolution "
                f"{self.resolution}. Its resolutions are {space.resolution}."
            )
        least = self._costs_of(family, classes, space.smallest)
        most = self._costs_of(family, classes, space.largest)
        if not self.holds(least, self.resolution):
            raise ValueError(self._unreachable(space.name, least, most))

    def _costs_of(self, family, classes, arch) -> Costs:
        if self.resolution is not None:
            arch = dataclasses.replace(arch, resolution=self.resolution)
        return costs(family.plan(arch, classes))

    def _unreachable(self, name: str, least: Costs, most: Costs) -> str:
        ranges = [
            f"{bound} from {short(getattr(least, bound))} to "
            f"{short(getattr(most, bound))}"
            for bound in UPPER_BOUNDS
            if getattr(self, bound) is not None
            and getattr(least, bound) > getattr(self, bound)
        ]
        at = f" at resolution {self.resolution}" if self.resolution else ""
        return (
            f"No architecture of '{name}' meets {self}; the architectures"
            f"{at} need {' and '.join(ranges)}. Raise the budget."
        )


def short(number: float) -> str:
    """Formats a count with four digits: 203.4e6."""
    for exponent in (9, 6, 3):
        if abs(number) >= 10**exponent:
            return f"{number / 10**exponent:.4g}e{exponent}"
    return f"{number:.4g}"
