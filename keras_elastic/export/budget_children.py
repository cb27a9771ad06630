"""The children of several budgets, and what may be asked for."""

import re
from collections.abc import Mapping

from keras_elastic.calibration import is_calibrated


def check_budgets(budgets) -> None:
    """Raises a `ValueError` unless budgets have names for signatures."""
    is_given = isinstance(budgets, Mapping) and len(budgets) > 0
    names = list(budgets) if is_given else []
    if is_given and all(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_]+", name)
        for name in names
    ):
        return
    raise ValueError(
        "`budgets` must be a dictionary from names of letters, digits and '_' "
        f"to budgets, and not empty. Received: budgets={budgets!r}. Pass such "
        'as {"200m": 200e6, "600m": 600e6}.'
    )


def children(source, budgets: Mapping):
    """Returns a child for each budget, and the names of the classes.

    Args:
        source: A zoo entry or a `Supernet`.
        budgets: Dictionary from names to numbers of multiply-adds, for an
            entry, or to pairs of an `Architecture` and its statistics.

    Returns:
        Dictionary from the names of the budgets to calibrated children, and
        the names of the classes, or `None` for those of a supernet.

    Raises:
        ValueError: An argument is not as described above, or no child meets a
            budget.
    """
    if hasattr(source, "front"):
        supernet = source.supernet()
        rows = {n: _row(source, n, most) for n, most in budgets.items()}
        subnets = {
            name: (source.front.rows[row].arch, source.statistics(row))
            for name, row in rows.items()
        }
        class_names = source.class_names
    else:
        supernet, subnets, class_names = source, budgets, None
        _check_subnets(source, subnets)
    found = {
        # Every node of a child's graph bears its name.
        name: supernet.child(arch, statistics, name="c")
        for name, (arch, statistics) in subnets.items()
    }
    for name, child in found.items():
        if not is_calibrated(child):
            raise ValueError(
                "`budgets` must hold measured statistics. Received: those of "
                f"{name!r} are a new layer's. Pass what "
                "`keras_elastic.SubnetCalibrator.measure` returned."
            )
    return found, class_names


def _row(entry, name, most):
    """The number of the most accurate row of a front within a budget."""
    rows = entry.front.rows
    if isinstance(most, bool) or not isinstance(most, (int, float)):
        raise ValueError(
            "`budgets` of an entry must be numbers of multiply-adds. "
            f"Received: {most!r} for {name!r}. Pass such as 200e6."
        )
    fitting = [i for i, row in enumerate(rows) if row.flops <= most]
    if not fitting:
        least = min(row.flops for row in rows)
        raise ValueError(
            f"No architecture on the front of '{entry.name}' meets the budget "
            f"{name!r}, flops <= {most:g}; the smallest needs {least}. Raise "
            "the budget."
        )
    return max(fitting, key=lambda i: rows[i].score)


def _check_subnets(source, subnets):
    if not hasattr(source, "child"):
        raise ValueError(
            "`source` must be a zoo entry or a `Supernet`. Received: "
            f"source={source!r}. Pass such as "
            '`keras_elastic.zoo.find_entry("bignas_digits")`.'
        )
    for name, subnet in subnets.items():
        if not isinstance(subnet, tuple) or len(subnet) != 2:
            raise ValueError(
                "`budgets` of a supernet must be pairs of an `Architecture` "
                f"and its statistics. Received: {subnet!r} for {name!r}. Pass "
                "a zoo entry to choose by multiply-adds."
            )
