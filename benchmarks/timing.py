"""Timings that are compared pair by pair, in one run."""

import statistics
import time


def paired_seconds(functions, runs):
    """Times functions in turn, so that drift of the machine hits them alike.

    Args:
        functions: Dictionary from names to functions without arguments that
            return when the work is done.
        runs: Integer. Timed rounds, after one that is not.

    Returns:
        Dictionary from names to lists of seconds, one entry a round.
    """
    seconds = {name: [] for name in functions}
    for number in range(runs + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(numerator, denominator):
    """Median of the ratios of two lists of seconds, round by round."""
    pairs = zip(numerator, denominator, strict=True)
    return statistics.median(a / b for a, b in pairs)
