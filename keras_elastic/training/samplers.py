"""Which architectures a training step runs.

What a sampler draws depends on `(seed, step)` only, so that every replica runs
the same architectures and a resumed run repeats exactly.
"""

import dataclasses
import functools

import numpy as np

from keras_elastic import checks
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import costs

# Random architectures among which those near a target are looked for.
_POOL = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomSubnets:
    """Random architectures only: Once-for-All's phases.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: up to four a step.

    Args:
        num_random: Integer. Subnets of a step. Defaults to 1.
        space: `SearchSpace` to draw from, a part of the supernet's, or `None`
            for all of it. See `SearchSpace.keep_largest`.
        archs: Tuple of `Architecture` of the space to draw from, or `None`
            for the whole space: a last phase may train those that will be
            selected among.

    Raises:
        ValueError: `num_random` is not a positive integer, or `archs` is
            empty.
    """

    num_random: int = 1
    space: SearchSpace | None = None
    archs: tuple[Architecture, ...] | None = None

    def __post_init__(self):
        checks.fields(self, num_random=checks.POSITIVE_INTEGER)
        _check_archs(self.archs)

    def draw(self, supernet, seed, step, losses=None):
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
        return _sample(rng, space, self.archs, self.num_random)

    def names(self):
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
        apart: Boolean. Whether no random subnet is as large as the largest or
            as small as the smallest, at any resolution: DS-Net draws random
            ones among the others, and its largest teaches only.

    Raises:
        ValueError: `num_random` is negative, `archs` is empty, both `mutual`
            and `same_resolution` are set, or there is nothing to draw with
            `apart`.
    """

    num_random: int = 2
    space: SearchSpace | None = None
    archs: tuple[Architecture, ...] | None = None
    mutual: bool = False
    same_resolution: bool = False
    apart: bool = False

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

    def draw(self, supernet, seed, step, losses=None):
        """As `RandomSubnets.draw`: the largest and the smallest come first."""
        rng = np.random.default_rng((seed, step))
        space = self.space or supernet.space
        chosen = self._choose(rng, space, supernet, losses)
        largest, smallest = map(space.encode, (space.largest, space.smallest))
        if self.mutual:
            smallest[0] = rng.choice(space.resolution)
        archs = np.stack([largest, smallest, *chosen])
        if self.same_resolution:
            archs[:, 0] = rng.choice(space.resolution)
        return archs

    def _choose(self, rng, space, supernet, losses):
        return self._sample(rng, space, self.num_random)

    def _sample(self, rng, space, count):
        if self.apart and count:
            return _sample_others(rng, space, self.archs, count)
        return _sample(rng, space, self.archs, count)

    def names(self):
        """Returns the name of each subnet of a step, for the logs."""
        return ("largest", "smallest", *_random_names(self.num_random))


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

    Args:
        arch: `Architecture`.
    """

    arch: Architecture

    def __post_init__(self):
        checks.fields(self)

    def draw(self, supernet, seed, step, losses=None):
        """Returns the architecture as an int32 array of shape (1, genes)."""
        return supernet.space.encode(self.arch)[None]

    def names(self):
        """Returns the name of the only subnet."""
        return ("subnet",)


def _sample(rng, space, archs, count):
    """Random architectures of a space or a list, int32 (count, genes)."""
    if archs is None:
        return space.sample_encoded(rng, count)
    return _encode(space, archs)[rng.integers(len(archs), size=count)]


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
