"""Which architectures a training step runs.

What a sampler draws depends on `(seed, step)` only, so that every replica runs
the same architectures and a resumed run repeats exactly.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import costs
from keras_elastic.spaces.genes import GeneTable

if TYPE_CHECKING:
    from keras_elastic.models.supernet import Supernet

# Random architectures among which those near a target are looked for.
_POOL = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomSubnets:
    """Random architectures only: Once-for-All's phases, single paths.

    References:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: up to four a step.
    - Single Path One-Shot Neural Architecture Search with Uniform Sampling
      (Guo et al., ECCV 2020), section 3.2: one a step, each of its genes drawn
      uniformly, and trained on the labels alone (`Supervised`).
    - FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural
      Architecture Search (Chu et al., ICCV 2021), section 3.2, strict
      fairness.

    Args:
        num_random: Integer. Subnets of a step. Defaults to 1.
        space: `SearchSpace` to draw from, a part of the supernet's, or `None`
            for all of it. See `SearchSpace.keep_largest`.
        archs: Tuple of `Architecture` of the space to draw from, or `None`
            for the whole space: a last phase may train those that will be
            selected among.
        fair: Boolean. Whether the subnets of a step share out the choices of
            each gene: each choice is trained as often as every other, which
            is strict where `num_random` is a multiple of their number, and
            else as near as can be. `num_random` must be as many as the gene
            with the most choices has. FairNAS's genes have equally many.

    Raises:
        ValueError: `num_random` is not a positive integer, or too small with
            `fair`; `archs` is empty, or given with `fair`.
    """

    num_random: int = 1
    space: SearchSpace | None = None
    archs: tuple[Architecture, ...] | None = None
    fair: bool = False

    def __post_init__(self):
        checks.fields(self, num_random=checks.POSITIVE_INTEGER)
        _check_archs(self.archs)
        if self.fair and self.archs is not None:
            raise ValueError(
                "`archs` must be None with `fair`, which shares out the "
                f"choices of a space. Received: {len(self.archs)} "
                "architectures. Leave one out."
            )
        if self.fair and self.space is not None:
            _check_turns(self.space, self.num_random)

    def draw(
        self,
        supernet: "Supernet",
        seed: int,
        step: int,
        losses: Callable[[Any], Any] | None = None,
    ) -> np.ndarray:
        """Draws the architectures of a step.

        Args:
            supernet: `Supernet`.
            seed: Integer.
            step: Integer.
            losses: Function from encoded architectures, (count, genes), to
                their mean losses on the step's global batch, (count,).

        Returns:
            int32 array of shape (subnets, genes).
        """
        rng = np.random.default_rng((seed, step))
        space = self.space or supernet.space
        if self.fair:
            return _share_out(rng, space, self.num_random)
        return _sample(rng, space, self.archs, self.num_random)

    def names(self) -> tuple[str, ...]:
        """Returns the name of each subnet of a step, for the logs."""
        return _random_names(self.num_random)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sandwich:
    """The sandwich rule: the largest, the smallest and some random subnets.

    The largest comes first, because its outputs teach the others.

    Reference:
    - Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 3.3;
      BigNAS (Yu et al., ECCV 2020), section 3.1, with two random subnets;
      MutualNet (Yang et al., ECCV 2020), section 3.2, where the smallest draws
      its resolution at random too.

    Args:
        num_random: Integer. Random subnets of a step. Defaults to 2.
        space: As `RandomSubnets`.
        archs: As `RandomSubnets`. The largest and the smallest are those of
            the space nevertheless.
        mutual: Boolean. Whether all but the largest draw their resolution at
            random.
        same_resolution: Boolean. Whether all subnets of a step, the largest
            too, have one resolution, which is drawn anew each step. So the
            largest learns every resolution, and teaches each at its own
            (Once-for-All draws its resolutions so).
        largest_too: Boolean. Whether with `mutual` the largest draws its
            resolution, too. MutualNet tried it, and found it worse.
        smallest_last: Boolean. Whether the smallest comes after the random
            subnets, which can teach it then; see `PrioritizedDistillation`.
        apart: Boolean. Whether no random subnet is as large as the largest or
            as small as the smallest, at any resolution: DS-Net draws random
            ones among the others, and its largest teaches only.

    Raises:
        ValueError: `num_random` is negative, `archs` is empty, both `mutual`
            and `same_resolution` are set, `largest_too` without `mutual`, or
            there is nothing to draw with `apart`.
    """

    num_random: int = 2
    space: SearchSpace | None = None
    archs: tuple[Architecture, ...] | None = None
    mutual: bool = False
    same_resolution: bool = False
    apart: bool = False
    largest_too: bool = False
    smallest_last: bool = False

    def __post_init__(self):
        checks.fields(self, num_random=checks.COUNT)
        _check_archs(self.archs)
        if self.apart and self.space is not None and self.num_random:
            _check_others(self.space, self.archs)
        if self.mutual and self.same_resolution:
            raise ValueError(
                "`same_resolution` must be False with `mutual`, whose subnets "
                "draw a resolution each. Received: both. Leave one out."
            )
        if self.largest_too and not self.mutual:
            raise ValueError(
                "`largest_too` must be False without `mutual`. Received: "
                "largest_too=True. Pass `mutual=True`, too."
            )

    def draw(
        self,
        supernet: "Supernet",
        seed: int,
        step: int,
        losses: Callable[[Any], Any] | None = None,
    ) -> np.ndarray:
        """As `RandomSubnets.draw`: the largest and the smallest come first."""
        rng = np.random.default_rng((seed, step))
        space = self.space or supernet.space
        chosen = self._choose(rng, space, supernet, losses)
        largest, smallest = map(space.encode, (space.largest, space.smallest))
        if self.mutual:
            smallest[0] = rng.choice(space.resolution)
        if self.largest_too:
            largest[0] = rng.choice(space.resolution)
        archs = np.stack([largest, smallest, *chosen])
        if self.smallest_last:
            archs = np.concatenate([archs[:1], archs[2:], archs[1:2]])
        if self.same_resolution:
            archs[:, 0] = rng.choice(space.resolution)
        return archs

    def _choose(self, rng, space, supernet, losses):
        return self._sample(rng, space, self.num_random)

    def _sample(self, rng, space, count):
        if self.apart and count:
            return _sample_others(rng, space, self.archs, count)
        return _sample(rng, space, self.archs, count)

    def names(self) -> tuple[str, ...]:
        """Returns the name of each subnet of a step, for the logs."""
        others = _random_names(self.num_random)
        if self.smallest_last:
            return ("largest", *others, "smallest")
        return ("largest", "smallest", *others)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentiveSandwich(Sandwich):
    """A sandwich whose random subnets are the best, or the worst, of several.

    For each random subnet a number of multiply-adds is drawn uniformly, and
    some architectures near it. The one with the least loss on the step's
    batch is trained ("best-up"), or the one with the greatest ("worst-up").
    The losses are those of the global batch, so that all replicas agree.

    Reference:
    - AttentiveNAS (Wang et al., CVPR 2021), sections 3.3 and 4: BestUp-3 and
      WorstUp-3. There a conditional distribution of each gene is fitted to
      draw architectures near a target; here they are the nearest of 512
      uniform ones.

    Args:
        num_random: As `Sandwich`.
        space: As `RandomSubnets`.
        archs: As `Sandwich`.
        mutual: As `Sandwich`.
        apart: As `Sandwich`.
        smallest_last: As `Sandwich`.
        num_candidates: Integer. Architectures to choose one of. Defaults to 3.
        prefer: `"best"` or `"worst"`.
    """

    num_candidates: int = 3
    prefer: str = "best"

    def __post_init__(self):
        super().__post_init__()
        checks.positive_integer(num_candidates=self.num_candidates)
        if self.prefer not in ("best", "worst"):
            raise ValueError(
                "`prefer` must be 'best' or 'worst'. "
                f"Received: prefer={self.prefer!r}."
            )

    def _choose(self, rng, space, supernet, losses):
        if not self.num_random:
            return ()
        groups = [
            self._near_a_target(rng, space, supernet)
            for _ in range(self.num_random)
        ]
        values = np.asarray(losses(np.concatenate(groups)))
        ends = np.cumsum([len(group) for group in groups])[:-1]
        pick = np.argmin if self.prefer == "best" else np.argmax
        return [
            group[pick(losses)]
            for group, losses in zip(
                groups, np.split(values, ends), strict=True
            )
        ]

    def _near_a_target(self, rng, space, supernet):
        pool = self._sample(rng, space, max(_POOL, self.num_candidates))
        # In a small space they repeat, and equal candidates are no choice.
        pool = np.unique(pool, axis=0)
        plan = supernet.family.plan(space.unstack(pool), supernet.classes)
        flops = np.broadcast_to(costs(plan).flops, len(pool))
        target = rng.uniform(flops.min(), flops.max())
        nearest = np.argsort(np.abs(flops - target), kind="stable")
        return pool[nearest[: self.num_candidates]]


@dataclasses.dataclass(frozen=True)
class Single:
    """One architecture in every step: ordinary training of that network.

    Or of it and its students: with `InPlaceDistillation` a pair learns as the
    largest and one other subnet of a sandwich do.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), Table 3, "scratch + distill (B)": a child
      beside its teacher, both from scratch.

    Args:
        arch: `Architecture`.
        students: Tuple of `Architecture` that are trained beside it.

    Raises:
        ValueError: One of them is no `Architecture`; when drawn, it is not in
            the space.
    """

    arch: Architecture
    students: tuple[Architecture, ...] = ()

    def __post_init__(self):
        checks.fields(self)

    def draw(
        self,
        supernet: "Supernet",
        seed: int,
        step: int,
        losses: Callable[[Any], Any] | None = None,
    ) -> np.ndarray:
        """Returns the architectures as an int32 array, (subnets, genes)."""
        archs = (self.arch, *self.students)
        return np.stack([supernet.space.encode(arch) for arch in archs])

    def names(self) -> tuple[str, ...]:
        """Returns the name of each subnet of a step, for the logs."""
        count = len(self.students)
        return ("subnet", *(f"student_{n + 1}" for n in range(count)))


def _sample(rng, space, archs, count):
    """Random architectures of a space or a list, int32 (count, genes)."""
    if archs is None:
        return space.sample_encoded(rng, count)
    return _encode(space, archs)[rng.integers(len(archs), size=count)]


def _share_out(rng, space, count):
    """Architectures whose genes have their choices equally often."""
    _check_turns(space, count)
    columns = []
    for _, choices in space.genes:
        turns = [
            rng.permutation(choices) for _ in range(-(-count // len(choices)))
        ]
        # All whole turns, and a part of the last; then in any order.
        columns.append(rng.permutation(np.concatenate(turns)[:count]))
    encoded = np.stack(columns, axis=1).astype("int32")
    return GeneTable(space).canonical(encoded)


def _check_turns(space, count):
    """Raises a `ValueError` if not each choice gets its turn in a step."""
    most = max(len(choices) for _, choices in space.genes)
    if count < most:
        raise ValueError(
            f"`num_random` must be {most} at least with `fair`, the most "
            f"choices that a gene of the space '{space.name}' has. Received: "
            f"num_random={count}."
        )


def _sample_others(rng, space, archs, count):
    """As `_sample`, without those that are as large as the ends are."""
    _check_others(space, archs)
    drawn = _sample(rng, space, archs, count)
    while (ends := _are_ends(space, drawn)).any():
        drawn[ends] = _sample(rng, space, archs, int(ends.sum()))
    return drawn


def _are_ends(space, encoded):
    """Which rows are the largest or the smallest, at any resolution."""
    ends = (space.encode(arch)[1:] for arch in (space.largest, space.smallest))
    return np.any([(encoded[:, 1:] == end).all(axis=1) for end in ends], axis=0)


# A training asks for one space, in every step.
@functools.lru_cache(maxsize=1)
def _check_others(space, archs):
    """Raises a `ValueError` if all that can be drawn are the ends."""
    if archs is None:
        found = dataclasses.replace(space, resolution=(1,)).size > 2
    else:
        found = not _are_ends(space, _encode(space, archs)).all()
    if not found:
        raise ValueError(
            "With `apart` there must be subnets to draw besides the largest "
            f"and the smallest of the space '{space.name}'. Received: none. "
            "Give the family more choices, or pass `num_random=0`."
        )


# A training draws from one list, in every step.
@functools.lru_cache(maxsize=1)
def _encode(space, archs):
    return np.stack([space.encode(arch) for arch in archs])


def _random_names(count):
    return tuple(f"random_{number + 1}" for number in range(count))


def _check_archs(archs):
    if archs is not None and not archs:
        raise ValueError(
            "`archs` must hold an architecture at least, or be None for the "
            f"whole space. Received: archs={archs!r}."
        )
