import math

import pytest
from training.tiny import FAMILY

from keras_elastic.selection.latency.table import LatencyReport
from keras_elastic.selection.latency.table import LatencyRow

ARCH = FAMILY.space.smallest


def report(predicted, measured, drift=1.0):
    pairs = zip(predicted, measured, strict=True)
    rows = tuple(LatencyRow(ARCH, p, m) for p, m in pairs)
    return LatencyReport("tiny on fake", rows, drift, 0.9)


def test_errors_are_relative_to_what_was_measured():
    found = report([1.1, 1.6, 4.0], [1.0, 2.0, 4.0])
    assert [row.error for row in found.rows] == pytest.approx([0.1, -0.2, 0])
    assert found.median_error == pytest.approx(0.1)
    assert found.p95_error == pytest.approx(0.19)


def test_rank_correlation():
    assert report([1, 2, 3], [2, 4, 9]).spearman == pytest.approx(1)
    assert report([1, 2, 3], [9, 4, 2]).spearman == pytest.approx(-1)
    assert math.isnan(report([1, 1], [1, 2]).spearman)


def test_a_machine_that_became_slower():
    found = report([1.0, 2.0], [1.5, 3.0], drift=1.5)
    assert found.median_error == pytest.approx(1 / 3)
    assert found.steady_error == pytest.approx(0)


def test_text():
    found = report([1.1, 1.0, 3.0], [1.0, 2.0, 3.0], drift=1.25)
    assert str(found).splitlines() == [
        "predicted ms  measured ms   error",
        "       1.100        1.000  +10.0%",
        "       1.000        2.000  -50.0%",
        "       3.000        3.000   +0.0%",
        "tiny on fake: relative error of 3 architectures: median 10.0%, 95th "
        "percentile 46.0%; Spearman's rho 0.500",
        "The machine takes 1.25 times as long as when the table was measured; "
        "without that the median error is 37.5%",
        "Two measurements of the same architectures agree with a Spearman's "
        "rho of 0.900",
    ]
