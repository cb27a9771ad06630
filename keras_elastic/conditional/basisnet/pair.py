"""The two architectures of a BasisNet under one budget."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.conditional.basisnet.costs import BasisNetCosts
from keras_elastic.conditional.basisnet.costs import basisnet_costs
from keras_elastic.selection.budget import short
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs

if TYPE_CHECKING:
    from keras_elastic.families.family import Family


@dataclasses.dataclass(frozen=True)
class BasisNetPair:
    """The architectures of a BasisNet, for `basisnet_from_supernet`.

    Args:
        light: `Architecture` of the light network.
        specialist: `Architecture` of the specialist.
        basis_blocks: Numbers of the specialist's blocks with bases.
        costs: `BasisNetCosts` of both.
    """

    light: Architecture
    specialist: Architecture
    basis_blocks: tuple[int, ...]
    costs: BasisNetCosts


@checks.arguments(
    family=checks.FAMILY,
    flops=checks.POSITIVE,
    classes=checks.POSITIVE_INTEGER,
    num_bases=checks.POSITIVE_INTEGER,
    num_basis_blocks=checks.POSITIVE_INTEGER,
    light_family=checks.FAMILY | checks.NONE,
    light_share=checks.FRACTION,
    score=checks.FUNCTION | checks.NONE,
    light_score=checks.FUNCTION | checks.NONE,
    num_candidates=checks.POSITIVE_INTEGER,
    seed=checks.COUNT,
)
def select_pair(
    family: "Family",
    flops: float,
    *,
    classes: int,
    num_bases: int = 16,
    num_basis_blocks: int = 5,
    light_family: "Family | None" = None,
    light_share: float = 0.25,
    score: Callable[[Architecture], float] | None = None,
    light_score: Callable[[Architecture], float] | None = None,
    num_candidates: int = 2000,
    seed: int = 0,
) -> BasisNetPair:
    """Selects a light network and a specialist for a total budget.

    The light network is the best candidate within its share of the budget, the
    specialist then the best that fits beside it.

    Args:
        family: Family of the specialist.
        flops: Number. Most multiply-adds of an image that passes both stages,
            with those of the coefficients and of mixing.
        classes: Integer. Number of classes.
        num_bases: Integer. Number of bases.
        num_basis_blocks: Integer. How many blocks have bases: the last ones.
            A network of fewer blocks has bases in all.
        light_family: Family of the light network. Defaults to `family`.
        light_share: Float in 0..1. The most of the budget that the light
            network takes. In the paper it is a tenth to a fifth.
        score: Function from an `Architecture` of `family` to a number that is
            larger for a better one, such as an `AccuracyPredictor`. Defaults
            to the multiply-adds: the largest is the best.
        light_score: The same for `light_family`. Defaults to `score` if both
            are of one family, else to the multiply-adds.
        num_candidates: Integer. Random architectures that are looked at, beside
            the smallest and the largest.
        seed: Integer. Seed of these.

    Returns:
        A `BasisNetPair`.

    Raises:
        ValueError: No pair is within the budget; the range is stated.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> pair = select_pair(
    ...     family, 1e6, classes=10, num_bases=4, num_basis_blocks=3
    ... )
    >>> pair.costs.flops <= 1e6
    True
    """
    if light_family is None:
        light_family, light_score = family, light_score or score
    rng = np.random.default_rng(seed)
    lights = _Candidates(light_family, classes, num_candidates, rng)
    specialists = _Candidates(family, classes, num_candidates, rng)

    def pair_of(light, specialist):
        plan = specialists.plan(specialist)
        blocks = _last_blocks(plan, num_basis_blocks)
        total = basisnet_costs(lights.plan(light), plan, num_bases, blocks)
        return BasisNetPair(light, specialist, blocks, total)

    light = next(lights.best_first(flops * light_share, light_score), None)
    if light is not None:
        for specialist in specialists.best_first(flops, score):
            # A preview that is larger than the image shows nothing more.
            if specialist.resolution < light.resolution:
                continue
            pair = pair_of(light, specialist)
            if pair.costs.flops <= flops:
                return pair
    raise ValueError(
        _unreachable(flops, light_share, lights, specialists, pair_of)
    )


class _Candidates:
    """Random architectures of a family, and its extremes."""

    def __init__(self, family, classes, count, rng):
        self.family = family
        self.classes = classes
        self.space = family.space
        extremes = [
            self.space.encode(arch)
            for arch in (self.space.smallest, self.space.largest)
        ]
        drawn = self.space.sample_encoded(rng, count)
        self.encoded = np.concatenate([extremes, drawn])
        genes = self.space.unstack(self.encoded)
        flops = costs(family.plan(genes, classes)).flops
        self.flops = np.broadcast_to(flops, len(self.encoded))

    def plan(self, arch) -> Any:
        return self.family.plan(arch, self.classes)

    def best_first(self, most_flops, score):
        """Yields architectures of at most so many multiply-adds."""
        rows = np.flatnonzero(self.flops <= most_flops)
        if score is None:
            scores = self.flops[rows]
        else:
            archs = [self.space.decode(row) for row in self.encoded[rows]]
            scores = np.array([float(score(arch)) for arch in archs])
        for row in rows[np.argsort(-scores, kind="stable")]:
            yield self.space.decode(self.encoded[row])


def _last_blocks(plan, count):
    live = sum(bool(block.live) for block in plan.blocks[1:-1])
    return tuple(range(max(1, live - count + 1), live + 1))


def _unreachable(flops, light_share, lights, specialists, pair_of):
    low, high = (
        pair_of(light, specialist).costs.flops
        for light, specialist in (
            (lights.space.smallest, specialists.space.smallest),
            (lights.space.largest, specialists.space.largest),
        )
    )
    least = short(float(lights.flops.min()))
    return (
        f"No pair of '{lights.space.name}' and '{specialists.space.name}' has "
        f"flops <= {short(flops)} with a light network of at most "
        f"{light_share:.0%} of it; pairs need from {short(low)} to "
        f"{short(high)}, and the smallest light network needs {least}. Raise "
        "the budget or `light_share`."
    )
