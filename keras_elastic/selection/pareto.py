"""The Pareto front of costs and accuracy."""

from collections.abc import Sequence
from typing import Any

import numpy as np


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


def pareto_front_of_costs(
    costs: Sequence[Sequence[float]], score: Sequence[Any]
) -> list[int]:
    """Finds the points that no other point beats, over several costs.

    As `pareto_front`, where a point is beaten by one that costs no more in any
    of the costs and scores at least as well.

    Args:
        costs: Costs of each point, of shape (points, costs); less is better.
        score: As for `pareto_front`.

    Returns:
        Indices of the front, by increasing first cost, then the second...
    """
    points = np.asarray(costs)
    order = range(len(points))
    # Best score first, then least costs: only an earlier point beats a later.
    order = sorted(order, key=lambda index: tuple(points[index]))
    order = sorted(order, key=score.__getitem__, reverse=True)
    front: list[int] = []
    for index in order:
        if not (points[front] <= points[index]).all(axis=1).any():
            front.append(index)
    return sorted(front, key=lambda index: tuple(points[index]))
