import csv

import numpy as np
import pytest

from keras_elastic.conditional.cascades.curve import CascadeCurve

# Three images of two classes; the small network is wrong about the last one,
# of which it is least sure.
SMALL = np.array([[5.0, 0], [0, 2.0], [0.2, 0]])
LARGE = np.array([[3.0, 0], [0, 3.0], [0, 3.0]])
LABELS = np.array([0, 1, 1])


@pytest.fixture
def curve():
    return CascadeCurve(np.stack([SMALL, LARGE]), LABELS, [1, 10])


def test_ends(curve):
    assert curve.rows[0].flops == 11
    assert curve.rows[0].top1 == 1
    assert curve.rows[-1].flops == 1
    assert curve.rows[-1].top1 == pytest.approx(2 / 3)


def test_only_unsure_images_go_on(curve):
    row = curve.at(0.7)
    assert row.flops == pytest.approx((1 + 1 + 11) / 3)
    assert row.top1 == 1
    assert row.shares == pytest.approx((2 / 3, 1 / 3))


def test_three_networks_are_asked_in_turn():
    middle = np.array([[0, 9.0], [0, 9.0], [0.1, 0]])
    curve = CascadeCurve(np.stack([SMALL, middle, LARGE]), LABELS, [1, 2, 4])
    row = curve.at(0.9)
    # Sure: the small one of the first image, the middle one of the second.
    assert row.shares == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert row.flops == pytest.approx((1 + 3 + 7) / 3)
    assert row.top1 == 1


def test_the_best_row_within_a_budget(curve):
    assert curve.best_within(5).top1 == 1
    assert curve.best_within(4).flops == 1
    with pytest.raises(ValueError, match="`flops`"):
        curve.best_within(0.5)


def test_an_oracle_asks_who_is_right(curve):
    oracle = curve.oracle()
    assert oracle.top1 == 1
    assert oracle.flops == pytest.approx((1 + 1 + 11) / 3)


def make_curve(images, wrong):
    """Confidence falls, and the small network is wrong about the last ones."""
    rng = np.random.default_rng(0)
    sure = np.linspace(6, 0.01, images)
    small = np.stack([sure, np.zeros(images)], axis=1)
    small[-wrong:] = small[-wrong:, ::-1]
    large = np.tile([4.0, 0.0], (images, 1))
    order = rng.permutation(images)
    labels = np.zeros(images, int)
    return CascadeCurve(np.stack([small[order], large]), labels, [1, 10])


def test_a_promise_is_kept_where_the_truth_is_known():
    curve = make_curve(images=2000, wrong=400)
    right = np.ones(2000, bool)
    row = curve.promised(right, 0.02, 0.9)
    assert 0 < row.threshold < 1
    # 98 % right, for the sum of what is lost is what the small one has wrong.
    assert row.top1 >= 0.98
    assert row.flops < 7
    loose = curve.promised(right, 0.1, 0.9)
    assert loose.flops < row.flops


def test_nothing_is_promised_of_a_worse_cascade():
    curve = make_curve(images=500, wrong=100)
    right = np.ones(500, bool)
    wrong_everywhere = CascadeCurve(
        np.stack([SMALL, LARGE]), 1 - LABELS, [1, 10]
    )
    assert wrong_everywhere.promised(np.ones(3, bool), 0.01, 0.9) is None
    assert curve.promised(right, 0.001, 0.999) is None


def test_the_rows_are_written(curve, tmp_path):
    path = curve.write(tmp_path / "curve.csv")
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert len(rows) == len(curve.rows)
    assert float(rows[0]["flops"]) == 11
