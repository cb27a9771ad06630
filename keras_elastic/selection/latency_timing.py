"""Timing functions in turn, so that a busy machine hits them alike."""

import gc
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WARM_UP = 5
# Large networks are timed less often: no more than so long each, if that is
# enough for a quantile.
SECONDS_EACH = 2.0
LEAST_RUNS = 20
# Other work on the machine only ever adds time: a low quantile is nearer to
# what the function takes than the median, and steadier than the minimum.
QUIET = 0.25


class LatencyTiming(NamedTuple):
    """How long a call takes, in milliseconds.

    `median_ms`: median of the calls. `p95_ms`: their 95th percentile.
    `quiet_ms`: their 25th percentile, an estimate of what the call takes where
    nothing else runs; tables are made of it. `runs`: number of timed calls.
    """

    median_ms: float
    p95_ms: float
    quiet_ms: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "LatencyTiming":
        """Summarises the durations of calls, in seconds."""
        milliseconds = 1e3 * np.asarray(seconds)
        values = np.quantile(milliseconds, (0.5, 0.95, QUIET))
        # A nanosecond is below what any clock tells apart.
        return cls(*(round(float(v), 6) for v in values), len(milliseconds))

    def scaled(self, factor: float) -> "LatencyTiming":
        """Returns the timing on a machine that is slower by a factor."""
        values = (self.median_ms, self.p95_ms, self.quiet_ms)
        return type(self)(*(round(v * factor, 6) for v in values), self.runs)


def time_in_turn(
    functions: Sequence[Callable[[], object]],
    runs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[LatencyTiming]:
    """Times functions round by round, each once a round, in random order.

    A burst of other work on the machine then slows all of them a little, and
    not one of them a lot. It also evicts from the caches what the call before
    left there, as the blocks of one network do to each other.

    Args:
        functions: Functions without arguments that return when the work is
            done.
        runs: Integer. Timed rounds, after a few that are not timed. Fewer
            where the calls take long.
        clock: Function that returns the time in seconds.

    Returns:
        List of `LatencyTiming`, one a function.
    """
    rng = np.random.default_rng(0)
    seconds = [[] for _ in functions]
    collects = gc.isenabled()
    gc.disable()
    try:
        begin = clock()
        for number in range(WARM_UP + runs):
            is_late = clock() - begin > SECONDS_EACH * len(functions)
            if is_late and number >= WARM_UP + LEAST_RUNS:
                break
            # In a fixed order, other work with a rhythm of its own could hit
            # the same function in every round.
            for place in rng.permutation(len(functions)):
                start = clock()
                functions[place]()
                duration = clock() - start
                if number >= WARM_UP:
                    seconds[place].append(duration)
    finally:
        if collects:
            gc.enable()
    return [LatencyTiming.of(durations) for durations in seconds]
