"""Checks of statistics that are given for normalizations."""

from collections.abc import Mapping

import numpy as np


def check(statistics, channels):
    """Raises a `ValueError` unless statistics are those of normalizations.

    Args:
        statistics: Dictionary from names of normalizations to arrays or
            tensors of shape (2, channels), means and variances. The values of
            tensors are not looked at: they may be symbolic.
        channels: Dictionary from the names of the normalizations that need
            statistics to the least number of channels of each.
    """
    if not isinstance(statistics, Mapping):
        _refuse(f"{statistics!r}, which is no dictionary")
    missing = [name for name in channels if name not in statistics]
    if missing:
        _refuse(f"none for {missing[:3]}")
    for name, least in channels.items():
        shape = tuple(getattr(statistics[name], "shape", ()))
        if len(shape) != 2 or shape[0] != 2 or shape[1] < least:
            _refuse(f"shape {shape} for '{name}', which has {least} channels")
        if isinstance(statistics[name], np.ndarray):
            _check_values(name, statistics[name])


def _check_values(name, values):
    if not np.issubdtype(values.dtype, np.number):
        _refuse(f"values of type {values.dtype} for '{name}'")
    if not np.isfinite(values).all() or (values[1] < 0).any():
        _refuse(f"variances of '{name}' below zero, or no finite numbers")


def _refuse(received):
    raise ValueError(
        "`statistics` must be a dictionary from the names of normalizations "
        "to means and variances, finite and of shape (2, channels). "
        f"Received: {received}. Pass what "
        "`keras_elastic.SubnetCalibrator.measure` returned for this "
        "architecture."
    )
