import csv

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_elastic.selection.flips import COLUMNS
from keras_elastic.selection.flips import FlipReport
from keras_elastic.selection.flips import negative_flip_rate
from keras_elastic.selection.flips import positive_flip_rate

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1)


@hypothesis.given(pairs)
def test_the_identities(pairs):
    one, other = np.array(pairs).T
    negative = negative_flip_rate(one, other)
    positive = positive_flip_rate(one, other)
    assert other.mean() - one.mean() == pytest.approx(positive - negative)
    least = max(0, one.mean() - other.mean())
    most = min(one.mean(), 1 - other.mean())
    assert least - 1e-9 <= negative <= most + 1e-9
    # What is lost one way is won the other way.
    assert negative == positive_flip_rate(other, one)


@hypothesis.given(st.lists(st.booleans(), min_size=1))
def test_nothing_flips_from_a_model_to_itself(correct):
    assert negative_flip_rate(correct, correct) == 0
    assert positive_flip_rate(correct, correct) == 0


@hypothesis.given(pairs)
def test_by_counting(pairs):
    one, other = map(list, zip(*pairs, strict=True))
    lost = sum(a and not b for a, b in pairs)
    won = sum(b and not a for a, b in pairs)
    assert negative_flip_rate(one, other) == pytest.approx(lost / len(pairs))
    assert positive_flip_rate(one, other) == pytest.approx(won / len(pairs))


@pytest.mark.parametrize(
    "wrong", [[], [0.5, 1.0], [1, 0], [[True]], True, ["right"]]
)
def test_wrong_arrays(wrong):
    with pytest.raises(ValueError, match="`target_correct` must be booleans"):
        negative_flip_rate([True, False], wrong)
    with pytest.raises(ValueError, match="`reference_correct` must be"):
        positive_flip_rate(wrong, [True, False])


def test_other_images():
    with pytest.raises(ValueError, match="Received: 2 and 3 images"):
        negative_flip_rate([True, False], [True, False, True])


# Report

CORRECT = {
    "small": np.array([True, True, False, False, False]),
    "medium": np.array([True, False, True, True, False]),
    "large": np.array([True, True, True, True, False]),
}


def test_report():
    report = FlipReport.measure(CORRECT)
    assert report.names == ("small", "medium", "large")
    assert report.top1 == pytest.approx((0.4, 0.6, 0.8))
    np.testing.assert_allclose(
        report.negative, [[0, 0.2, 0], [0.4, 0, 0], [0.4, 0.2, 0]]
    )


def test_text_of_a_report():
    lines = str(FlipReport.measure(CORRECT)).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["small", "medium", "large"],
        ["small", "40.00", "0.00", "20.00", "0.00"],
        ["medium", "60.00", "40.00", "0.00", "0.00"],
        ["large", "80.00", "40.00", "20.00", "0.00"],
    ]
    # Columns stand under their names.
    assert len({len(line) for line in lines[1:]}) == 1


def test_csv_of_a_report(tmp_path):
    FlipReport.measure(CORRECT).write(tmp_path / "flips.csv")
    with open(tmp_path / "flips.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == COLUMNS
    assert len(rows) == 3 * 2
    assert rows[0] == [
        "small",
        "medium",
        "0.4000",
        "0.6000",
        "0.2000",
        "0.4000",
    ]
    for reference, target, *rates in rows:
        one, other = CORRECT[reference], CORRECT[target]
        assert [float(rate) for rate in rates] == pytest.approx(
            [
                one.mean(),
                other.mean(),
                negative_flip_rate(one, other),
                positive_flip_rate(one, other),
            ]
        )


def test_a_report_of_one_model():
    report = FlipReport.measure({"one": [True, False]})
    assert report.negative == ((0.0,),)


def test_a_report_of_none():
    with pytest.raises(ValueError, match="at least one model"):
        FlipReport.measure({})
