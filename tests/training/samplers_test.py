import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.training import Sandwich
from keras_elastic.training import Single

SPACE = families.get("bignas").space


def test_the_sandwich_is_largest_smallest_and_random():
    archs = Sandwich(num_random=3).draw(SPACE, seed=0, step=7)
    assert archs.shape == (5, len(SPACE.genes))
    assert archs.dtype == "int32"
    assert SPACE.decode(archs[0]) == SPACE.largest
    assert SPACE.decode(archs[1]) == SPACE.smallest
    for row in archs[2:]:
        assert SPACE.contains(SPACE.decode(row))


def test_a_draw_depends_on_seed_and_step_only():
    first = Sandwich().draw(SPACE, seed=3, step=11)
    Sandwich().draw(SPACE, seed=3, step=12)
    np.testing.assert_array_equal(first, Sandwich().draw(SPACE, 3, 11))


@pytest.mark.parametrize("other", [(4, 11), (3, 12)])
def test_other_seeds_and_steps_draw_others(other):
    first = Sandwich().draw(SPACE, 3, 11)
    assert not np.array_equal(first, Sandwich().draw(SPACE, *other))


def test_every_choice_is_drawn():
    draws = np.concatenate(
        [Sandwich().draw(SPACE, 0, step)[2:] for step in range(100)]
    )
    for column, (_, choices) in zip(draws.T, SPACE.genes, strict=True):
        assert set(column) == set(choices)


def test_single_repeats_its_architecture():
    archs = Single(SPACE.smallest).draw(SPACE, seed=0, step=5)
    assert archs.shape == (1, len(SPACE.genes))
    assert SPACE.decode(archs[0]) == SPACE.smallest


@pytest.mark.parametrize("num_random", [-1, 1.5])
def test_a_wrong_number_is_refused(num_random):
    with pytest.raises(ValueError, match="`num_random` must be"):
        Sandwich(num_random)
