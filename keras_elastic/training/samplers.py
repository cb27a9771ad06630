"""Which architectures a training step runs."""

import dataclasses

import numpy as np

from keras_elastic.spaces import Architecture


@dataclasses.dataclass(frozen=True)
class Sandwich:
    """The sandwich rule: the largest, the smallest and some random subnets.

    The largest comes first, because its outputs teach the others.

    Reference:
    - Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 3.3;
      BigNAS (Yu et al., ECCV 2020), section 3.1, with two random subnets.

    Args:
        num_random: Integer. Random subnets of a step. Defaults to 2.
    """

    num_random: int = 2

    def __post_init__(self):
        if not isinstance(self.num_random, int) or self.num_random < 0:
            raise ValueError(
                "`num_random` must be a non-negative integer. "
                f"Received: num_random={self.num_random!r}."
            )

    def draw(self, space, seed, step):
        """Draws the architectures of a step.

        They depend on `(seed, step)` only, so that every replica runs the
        same and a resumed run repeats exactly.

        Args:
            space: `SearchSpace`.
            seed: Integer.
            step: Integer.

        Returns:
            int32 array of shape (2 + num_random, genes).
        """
        rng = np.random.default_rng((seed, step))
        ends = [space.encode(space.largest), space.encode(space.smallest)]
        return np.stack([*ends, *space.sample_encoded(rng, self.num_random)])


@dataclasses.dataclass(frozen=True)
class Single:
    """One architecture in every step: ordinary training of that network.

    Args:
        arch: `Architecture`.
    """

    arch: Architecture

    def draw(self, space, seed, step):
        """Returns the architecture as an int32 array of shape (1, genes)."""
        return space.encode(self.arch)[None]
