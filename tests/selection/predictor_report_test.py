import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_elastic.selection.predictor import PredictorReport


def report(predicted, measured):
    return PredictorReport.of(np.array(predicted), np.array(measured), 7)


def test_the_same_order():
    found = report([1.0, 2.0, 4.0], [0.1, 0.2, 0.3])
    assert (found.kendall, found.spearman) == pytest.approx((1, 1))
    assert (found.trained, found.held_out) == (7, 3)


def test_the_opposite_order():
    found = report([3.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    assert (found.kendall, found.spearman) == pytest.approx((-1, -1))
    assert found.error == pytest.approx(math.sqrt(8 / 3))


values = st.lists(st.integers(0, 5).map(float), min_size=3, max_size=12)


@hypothesis.given(values, st.randoms())
def test_kendall_counts_pairs(predicted, random):
    """Against the definition of tau-b, pair by pair, with ties."""
    measured = [random.randint(0, 5) / 2 for _ in predicted]
    hypothesis.assume(len(set(predicted)) > 1 < len(set(measured)))
    pairs = [
        (
            np.sign(predicted[i] - predicted[j]),
            np.sign(measured[i] - measured[j]),
        )
        for i in range(len(predicted))
        for j in range(i)
    ]
    agreement = sum(one * other for one, other in pairs)
    untied = [sum(abs(pair[side]) for pair in pairs) for side in (0, 1)]
    expected = agreement / math.sqrt(untied[0] * untied[1])
    assert report(predicted, measured).kendall == pytest.approx(expected)


def test_equal_predictions_have_no_order():
    found = report([1.0, 1.0], [0.0, 2.0])
    assert math.isnan(found.kendall) and math.isnan(found.spearman)
    assert found.error == 1


def test_text():
    text = str(PredictorReport(0.8123, 0.9, 0.00456, 80, 20))
    assert text == (
        "Kendall's tau 0.812, Spearman's rho 0.900, root mean squared error "
        "0.0046 on 20 held-out architectures of 100"
    )
