"""The Pareto front of cost and accuracy."""

from collections.abc import Sequence
from typing import Any


def pareto_front(cost: Sequence[float], score: Sequence[Any]) -> list[int]:
    """Finds the points that no other point beats.

    A point is beaten by one that costs no more and scores at least as well,
    and is better in one of the two. Of equal points the first stays.

    Args:
        cost: Cost of each point; less is better.
        score: Accuracy of each point, or any values that compare; more is
            better.

    Returns:
        Indices of the front, by increasing cost.
    """
    by_score = sorted(range(len(cost)), key=score.__getitem__, reverse=True)
    front = []
    for index in sorted(by_score, key=cost.__getitem__):
        if not front or score[index] > score[front[-1]]:
            front.append(index)
    return front
