"""Cells of the tables that benchmarks print."""

import numpy as np


def spread(values):
    """The mean of some accuracies and, of several, their range."""
    mean = f"{np.mean(values):.2%}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.2%} to {max(values):.2%})"
