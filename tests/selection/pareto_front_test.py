import hypothesis
import pytest
from hypothesis import strategies as st

from keras_elastic.selection.front import pareto_front

# Few values, so that there are many ties.
points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30)


def beats(one, other):
    """Whether a point costs no more, scores no less, and differs."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def brute_force(points):
    """Points that nothing beats, the first of each equal ones."""
    front = [
        index
        for index, point in enumerate(points)
        if not any(beats(other, point) for other in points)
        and point not in points[:index]
    ]
    return sorted(front, key=lambda index: points[index][0])


def front_of(points):
    return pareto_front([p[0] for p in points], [p[1] for p in points])


@hypothesis.given(points)
def test_equals_brute_force(points):
    assert front_of(points) == brute_force(points)


@hypothesis.given(points)
def test_cost_and_score_increase_along_the_front(points):
    front = [points[index] for index in front_of(points)]
    assert front == sorted(set(front))
    assert [p[1] for p in front] == sorted({p[1] for p in front})


@hypothesis.given(points)
def test_the_front_of_a_front_is_the_front(points):
    front = [points[index] for index in front_of(points)]
    assert front_of(front) == list(range(len(front)))


@pytest.mark.parametrize(
    "points, expected",
    [
        ([], []),
        ([(1, 1)], [0]),
        ([(1, 1), (1, 1)], [0]),
        ([(2, 1), (1, 1)], [1]),
        ([(1, 1), (1, 2)], [1]),
        ([(2, 2), (1, 1)], [1, 0]),
        ([(1, 2), (2, 1)], [0]),
    ],
)
def test_ties(points, expected):
    assert front_of(points) == expected


def test_scores_may_be_anything_that_compares():
    # Accuracy first; the loss decides between equals.
    scores = [(0.5, -2.0), (0.5, -1.0), (0.5, -1.5)]
    assert pareto_front([1, 2, 3], scores) == [0, 1]
