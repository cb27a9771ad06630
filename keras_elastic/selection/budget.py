"""The budget: what the user can spend on a network."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Costs
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import costs

if TYPE_CHECKING:
    from keras_elastic.families.family import Family

UPPER_BOUNDS = ("flops", "params", "memory")


@dataclasses.dataclass(frozen=True)
class Limit:
    """An upper bound of a cost of the user's own.

    Args:
        name: String. Name of the cost, for messages: "latency in ms".
        cost: Function from an `Architecture` to the cost, a number. If it has
            a method `predict_encoded`, that is asked for many encoded
            architectures at once. A `LatencyTable` is such a function.
        bound: Number. The most that is allowed.
    """

    name: str
    cost: Callable[[Architecture], float]
    bound: float

    def __post_init__(self) -> None:
        checks.fields(self, name=checks.STRING)

    def __str__(self) -> str:
        return f"{self.name} <= {short(self.bound)}"

    def holds(self, space: SearchSpace, encoded: np.ndarray) -> np.ndarray:
        """Which of encoded architectures, (count, genes), are within."""
        if hasattr(self.cost, "predict_encoded"):
            return np.asarray(self.cost.predict_encoded(encoded)) <= self.bound
        costs_of_each = [self.cost(space.decode(row)) for row in encoded]
        return np.array(costs_of_each, "float64") <= self.bound


@dataclasses.dataclass(frozen=True)
class Budget:
    """Upper bounds of costs, and the resolution if it must be a certain one.

    Args:
        flops: Number, most multiply-adds of one image, or `None`.
        params: Number, most trainable weights, or `None`.
        memory: Number, most bytes of activations of one image, or `None`.
        resolution: Integer, the input resolution in pixels, or `None` for any.
        limits: Tuple of `Limit`: upper bounds of other costs.

    Raises:
        ValueError: A bound is not a positive number.
    """

    flops: float | None = None
    params: float | None = None
    memory: float | None = None
    resolution: int | None = None
    limits: tuple[Limit, ...] = ()

    def __post_init__(self) -> None:
        checks.each(checks.instance(Limit)).check("limits", self.limits)
        if self.resolution is not None:
            checks.positive_integer(resolution=self.resolution)
        for name in UPPER_BOUNDS:
            value = getattr(self, name)
            if value is not None:
                checks.positive_number(**{name: value})

    def __str__(self) -> str:
        parts = []
        if self.resolution is not None:
            parts.append(f"resolution = {self.resolution}")
        for name in UPPER_BOUNDS:
            if getattr(self, name) is not None:
                parts.append(f"{name} <= {short(getattr(self, name))}")
        parts.extend(map(str, self.limits))
        return " and ".join(parts) or "no limit"

    def holds(self, costs: Costs, resolution: Any) -> Any:
        """Whether costs are within the bounds, also for arrays of them.

        `limits`, which need the architecture itself, are looked at by
        `fits_limits`.
        """
        holds = True
        for name in UPPER_BOUNDS:
            bound = getattr(self, name)
            if bound is not None:
                holds = holds & (getattr(costs, name) <= bound)
        if self.resolution is not None:
            holds = holds & (resolution == self.resolution)
        return holds

    def fits_limits(
        self, space: SearchSpace, encoded: np.ndarray
    ) -> np.ndarray:
        """Which of encoded architectures, (count, genes), fit the limits."""
        fits = np.ones(len(encoded), bool)
        for limit in self.limits:
            # Each is asked for those that are left: it may be slow.
            rows = np.flatnonzero(fits)
            fits[rows] = limit.holds(space, encoded[rows])
        return fits

    def check_reachable(self, family: "Family", classes: int) -> None:
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
        self._check_limits(space)

    def _check_limits(self, space) -> None:
        least, most = (
            self._at_resolution(arch)
            for arch in (space.smallest, space.largest)
        )
        for limit in self.limits:
            if not limit.cost(least) <= limit.bound:
                raise ValueError(
                    f"No architecture of '{space.name}' meets {limit}; the "
                    f"smallest needs {short(limit.cost(least))} and the "
                    f"largest {short(limit.cost(most))}. Raise the budget."
                )

    def _at_resolution(self, arch):
        if self.resolution is None:
            return arch
        return dataclasses.replace(arch, resolution=self.resolution)

    def _costs_of(self, family, classes, arch) -> Costs:
        return costs(family.plan(self._at_resolution(arch), classes))

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


@checks.arguments(
    latency_ms=checks.POSITIVE | checks.NONE,
    latency_table=checks.PATH
    | checks.having("predict_encoded", what="a `LatencyTable`")
    | checks.NONE,
)
def latency_limits(
    latency_ms=None, latency_table=None, family=None
) -> tuple[Limit, ...]:
    """Returns what a bound of the latency adds to a budget.

    Args:
        latency_ms: Number. Most milliseconds of a call, or `None`.
        latency_table: `LatencyTable`, or path of the file of one, or `None`.
        family: The family that is selected from, or `None` to look at the
            other two only.

    Returns:
        Tuple of one `Limit`, or an empty one where both are `None`.

    Raises:
        ValueError: One is given without the other, or the table is of another
            family.
    """
    given = {"latency_ms": latency_ms, "latency_table": latency_table}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 1:
        raise ValueError(
            "`latency_ms` and `latency_table` must be given together: "
            "milliseconds are those of the device that the table was measured "
            f"on. Received: {missing[0]}=None. `keras-elastic search "
            "--measure` makes a table of this machine."
        )
    if missing or family is None:
        return ()
    # With it comes Keras, which other budgets do without.
    from keras_elastic.selection.latency.table import LatencyTable

    if not isinstance(latency_table, LatencyTable):
        try:
            latency_table = LatencyTable.load(latency_table, family)
        except ValueError as error:
            raise ValueError(
                f"`latency_table` cannot be used. {error}"
            ) from error
    elif latency_table.family != family:
        raise ValueError(
            f"`latency_table` must be of the family '{family.name}', with the "
            "same fields. Received: a table of "
            f"'{latency_table.family.name}'. Measure one for this family."
        )
    return (Limit("latency in ms", latency_table, latency_ms),)


def short(number: float) -> str:
    """Formats a count with four digits: 203.4e6."""
    for exponent in (9, 6, 3):
        if abs(number) >= 10**exponent:
            return f"{number / 10**exponent:.4g}e{exponent}"
    return f"{number:.4g}"
