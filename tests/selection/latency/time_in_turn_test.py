"""Tests of `selection/latency/timings.py`, too."""

import gc

import pytest

from keras_elastic.selection.latency import runtimes
from keras_elastic.selection.latency.runtimes import LatencyTiming
from keras_elastic.selection.latency.runtimes import time_in_turn


class Clock:
    """A clock that functions move on by hand."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def function(self, name, durations):
        def run():
            self.calls.append(name)
            number = self.calls.count(name) - 1
            self.now += durations[min(number, len(durations) - 1)]

        return run


def test_quantiles_are_in_milliseconds():
    timing = LatencyTiming.of([i / 1000 for i in range(101)])
    assert timing == (50, 95, 25, 101)


def test_scaled():
    timing = LatencyTiming(2.0, 3.0, 1.0, 7).scaled(1.5)
    assert timing == (3.0, 4.5, 1.5, 7)


def test_functions_take_turns():
    clock = Clock()
    functions = [clock.function(name, [0.001]) for name in "ab"]
    time_in_turn(functions, 3, clock)
    rounds = 3 + runtimes.WARM_UP
    pairs = list(zip(clock.calls[::2], clock.calls[1::2], strict=True))
    assert len(pairs) == rounds
    assert set(pairs) == {("a", "b"), ("b", "a")}


def test_each_function_has_its_own_timing():
    clock = Clock()
    functions = [clock.function("a", [0.001]), clock.function("b", [0.004])]
    one, other = time_in_turn(functions, 10, clock)
    assert one.median_ms == pytest.approx(1)
    assert other.median_ms == pytest.approx(4)
    assert one.runs == other.runs == 10


def test_the_first_rounds_do_not_count():
    clock = Clock()
    slow_start = [1.0] * runtimes.WARM_UP + [0.002]
    [timing] = time_in_turn([clock.function("a", slow_start)], 10, clock)
    assert timing.p95_ms == pytest.approx(2)


def test_long_calls_are_timed_less_often():
    clock = Clock()
    [timing] = time_in_turn([clock.function("a", [1.0])], 1000, clock)
    assert timing.runs == runtimes.LEAST_RUNS


def test_a_busy_machine_moves_the_quiet_time_least():
    clock = Clock()
    busy = [0.001, 0.010] * 100
    [timing] = time_in_turn([clock.function("a", busy)], 100, clock)
    assert timing.quiet_ms == pytest.approx(1)
    assert timing.p95_ms == pytest.approx(10)


def test_garbage_is_collected_again_after_an_error():
    def fail():
        assert not gc.isenabled()
        raise KeyError

    with pytest.raises(KeyError):
        time_in_turn([fail], 1)
    assert gc.isenabled()
