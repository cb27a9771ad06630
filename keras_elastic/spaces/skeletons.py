"""The coarse grid of a space: networks whose stages are alike."""

import itertools
import math
from collections.abc import Iterator

from keras_elastic import checks
from keras_elastic.spaces.architecture import Architecture
from keras_elastic.spaces.search_space import SearchSpace


@checks.arguments(space=checks.SPACE)
def skeletons(space: SearchSpace) -> Iterator[Architecture]:
    """Yields the coarse grid of a space.

    All resolutions, four depths, two widths, four kernels and, where the
    expansion is elastic, two expansions, each for the network as a whole. The
    paper does not print its depths and kernels: here depths are spread evenly
    between the least and the most, and of the stages with a choice of kernels
    the last none, third, two thirds or all have the largest.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.2.

    Args:
        space: `SearchSpace`.
    """
    thirds = (0, 1, 2, 3)
    grid = itertools.product(
        space.resolution,
        _distinct(_level(space.depth, third / 3) for third in thirds),
        _distinct(_level(space.width, end) for end in (0, 1)),
        _distinct(_tail(space.kernel_size, third / 3) for third in thirds),
        _distinct(_level(space.expand_ratio, end) for end in (0, 1)),
    )
    for resolution, depth, width, kernel_size, expand_ratio in grid:
        yield Architecture(resolution, width, depth, kernel_size, expand_ratio)


def _distinct(values):
    return list(dict.fromkeys(values))


def _level(genes, fraction):
    """The choice at a fraction of the way from least to most, of each gene."""
    return tuple(c[math.floor(fraction * (len(c) - 1) + 0.5)] for c in genes)


def _tail(genes, fraction):
    """The largest choice for the last fraction of the genes with a choice."""
    elastic = [i for i, choices in enumerate(genes) if len(choices) > 1]
    tail = elastic[len(elastic) - round(fraction * len(elastic)) :]
    return tuple(c[-1 if i in tail else 0] for i, c in enumerate(genes))
