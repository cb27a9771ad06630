import math

import numpy as np
import pytest

from keras_elastic.training.guard import Guard

CLASSES = 10
CHANCE = math.log(CLASSES)


def feed(guard, losses):
    """The first problem and its place, or `None`."""
    for place, loss in enumerate(losses):
        problem = guard.check(loss)
        if problem:
            return place, problem
    return None


def noisy(level, count, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return level + rng.normal(0, spread, count)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite(loss):
    guard = Guard(CHANCE)
    assert guard.check(1.0) is None
    assert guard.check(loss) == f"the loss is {loss}"


def test_a_healthy_training():
    losses = np.linspace(1.2 * CHANCE, 0.3, 1000) + noisy(0, 1000)
    guard = Guard(CHANCE)
    assert feed(guard, losses) is None
    assert guard.is_healthy()


def test_a_training_that_never_learns_is_none_that_collapsed():
    guard = Guard(CHANCE)
    assert feed(guard, noisy(CHANCE, 1000)) is None
    assert guard.is_healthy()


def test_a_slow_start_above_chance():
    guard = Guard(CHANCE)
    assert feed(guard, [*noisy(5 * CHANCE, 200), *noisy(1.0, 300)]) is None


def test_a_collapse_is_found_within_some_time_constants():
    guard = Guard(CHANCE)
    assert feed(guard, noisy(0.5, 500)) is None
    place, problem = feed(guard, noisy(CHANCE, 500))
    assert 50 < place < 300
    assert "back at" in problem and "guessing" in problem


def test_a_training_on_its_way_to_chance_is_not_worth_keeping():
    guard = Guard(CHANCE)
    feed(guard, noisy(0.5, 500))
    assert guard.is_healthy()
    healthy = []
    for loss in noisy(CHANCE, 100, seed=1):
        assert guard.check(loss) is None
        healthy.append(guard.is_healthy())
    # At first it is, then it no longer is: well before it is called lost.
    first = healthy.index(False)
    assert 20 < first < 60
    assert not any(healthy[first + 20 :])


def test_a_spike_that_goes_away_is_forgiven():
    guard = Guard(CHANCE)
    feed(guard, noisy(0.5, 500))
    assert feed(guard, [CHANCE] * 20 + [0.5] * 300) is None
    assert guard.is_healthy()


def test_one_huge_loss_is_smoothed():
    guard = Guard(CHANCE)
    feed(guard, [0.5] * 100)
    # 0.98 of the old and 0.02 of the new.
    assert guard.check(10.0) is None
    assert guard.is_healthy()


def test_the_message_tells_both_losses():
    guard = Guard(CHANCE, momentum=0.0)
    guard.check(0.25)
    assert guard.check(2.5) == (
        "the loss fell to 0.25 and is back at 2.5, which is that of guessing"
    )


def test_a_new_guard_is_healthy():
    assert Guard(CHANCE).is_healthy()
