import dataclasses

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.spaces import skeletons


@pytest.mark.parametrize(
    "name, resolutions, widths, kernels, expansions",
    [
        # As in the paper: 5 resolutions, 4 depths, 2 widths, 4 kernels.
        ("bignas", 5, 2, 4, 1),
        ("attentivenas", 4, 2, 4, 2),
    ],
)
def test_number_of_skeletons(name, resolutions, widths, kernels, expansions):
    space = families.get(name).space
    grid = list(skeletons(space))
    assert len(grid) == resolutions * 4 * widths * kernels * expansions
    assert len({arch.resolution for arch in grid}) == resolutions
    assert len({arch.depth for arch in grid}) == 4
    assert len({arch.width for arch in grid}) == widths
    assert len({arch.kernel_size for arch in grid}) == kernels
    assert len({arch.expand_ratio for arch in grid}) == expansions


def test_bignas_has_the_skeletons_of_the_paper():
    assert len(list(skeletons(families.get("bignas").space))) == 160


@pytest.mark.parametrize("name", families.names())
def test_skeletons_are_distinct_and_in_the_space(name):
    space = families.get(name).space
    grid = list(skeletons(space))
    assert all(space.contains(arch) for arch in grid)
    assert len(set(grid)) == len(grid)


@pytest.mark.parametrize("name", families.names())
def test_the_ends_of_every_resolution_are_skeletons(name):
    # So there is a candidate for every budget that is in reach.
    space = families.get(name).space
    grid = set(skeletons(space))
    for resolution in space.resolution:
        for end in (space.smallest, space.largest):
            assert dataclasses.replace(end, resolution=resolution) in grid


def test_depths_of_bignas():
    space = families.get("bignas").space
    depths = list(dict.fromkeys(arch.depth for arch in skeletons(space)))
    assert depths[0] == (1, 2, 2, 2, 2, 2, 1)
    assert depths[-1] == (2, 3, 3, 4, 6, 6, 2)
    assert (np.diff(depths, axis=0) >= 0).all()


def test_kernels_of_bignas_grow_from_the_end():
    space = families.get("bignas").space
    kernels = list(dict.fromkeys(arch.kernel_size for arch in skeletons(space)))
    assert kernels == [
        (3, 3, 3, 3, 3, 3, 3),
        (3, 3, 3, 3, 3, 5, 5),
        (3, 3, 3, 3, 5, 5, 5),
        (3, 3, 5, 5, 5, 5, 5),
    ]
