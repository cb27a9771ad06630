import csv

import basisnet_tiny
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.conditional import EarlyExitCurve
from keras_elastic.conditional import measure_early_exit


def make_curve(count=50, seed=0):
    rng = np.random.default_rng(seed)
    confidences = np.round(rng.uniform(0.2, 1, count), 1 if seed else 3)
    light_right = rng.uniform(size=count) < confidences
    right = rng.uniform(size=count) < 0.9
    arrays = (confidences, light_right, right)
    return EarlyExitCurve(*arrays, light_flops=20, flops=100), arrays


@pytest.mark.parametrize("seed", [0, 1])
def test_every_row_is_what_its_threshold_does(seed):
    curve, (confidences, light_right, right) = make_curve(seed=seed)
    for row in curve.rows:
        exits = confidences > row.threshold
        assert row.exits == pytest.approx(exits.mean())
        hits = np.where(exits, light_right, right)
        assert row.top1 == pytest.approx(hits.mean())
        flops = np.where(exits, 20, 100).mean()
        assert row.flops == pytest.approx(flops)
    # One row for each distinct confidence, and one before them.
    assert len(curve.rows) == len(set(confidences)) + 1
    assert [row.exits for row in (curve.rows[0], curve.rows[-1])] == [0, 1]


def test_threshold_of_a_mean():
    curve, (confidences, *_) = make_curve()
    for flops in (20, 33, 61.7, 100, 1000):
        exits = confidences > curve.threshold_for_flops(flops)
        mean = np.where(exits, 20, 100).mean()
        assert mean <= flops
        # One exit fewer would be too much, or nothing exits any more.
        assert mean + 80 / 50 > flops or not exits.any()


def test_an_unreachable_mean_says_the_range():
    curve, _ = make_curve()
    with pytest.raises(ValueError, match="flops <= 19.*from 20 to 100"):
        curve.threshold_for_flops(19)


def test_threshold_of_a_tolerated_loss():
    curve, _ = make_curve()
    least = curve.rows[0].top1
    flops = []
    for tolerance in (0.0, 0.02, 0.1, 1.0):
        threshold = curve.threshold_for_loss(tolerance)
        [row] = [r for r in curve.rows if r.threshold == threshold]
        assert row.top1 >= least - tolerance - 1e-9
        cheaper = [r for r in curve.rows if r.flops < row.flops]
        assert all(r.top1 < least - tolerance for r in cheaper)
        flops.append(row.flops)
    assert flops == sorted(flops, reverse=True)
    assert flops[-1] == 20
    with pytest.raises(ValueError, match="`tolerance` must be.*at least 0"):
        curve.threshold_for_loss(-0.1)


def test_the_published_average():
    # 39.4 % of the images exit, and 290 M become 198 M.
    confidences = np.r_[np.full(394, 0.9), np.full(606, 0.5)]
    right = np.ones(1000, bool)
    curve = EarlyExitCurve(confidences, right, right, 56.5e6, 289.9e6)
    assert curve.rows[1].flops / 1e6 == pytest.approx(198, abs=0.5)


def test_the_table(tmp_path):
    curve, _ = make_curve()
    curve.write(tmp_path / "curve.csv")
    with open(tmp_path / "curve.csv", newline="") as file:
        names, *lines = csv.reader(file)
    assert names == ["threshold", "exits", "top1", "flops"]
    assert len(lines) == len(curve.rows)
    for line, row in zip(lines, curve.rows, strict=True):
        found = [float(value) for value in line]
        assert found == [row.threshold, row.exits, row.top1, row.flops]


def test_arrays_must_be_alike():
    with pytest.raises(ValueError, match="as long as each other"):
        EarlyExitCurve([0.5], [True, False], [True], 1, 2)
    with pytest.raises(ValueError, match="not empty"):
        EarlyExitCurve([], [], [], 1, 2)


@pytest.mark.slow
def test_a_model_with_a_threshold_does_what_its_row_says():
    model = basisnet_tiny.make(seed=2)
    classifier = model.get_layer("light_head_classifier")
    classifier.set_weights([0.2 * w for w in classifier.get_weights()])
    images = basisnet_tiny.images(40, seed=1)
    labels = np.argmax(model(images), -1)
    batches = [(images[:25], labels[:25]), (images[25:], labels[25:])]
    curve = measure_early_exit(model, batches)
    assert curve.rows[0].top1 == 1
    assert curve.rows[0].flops == model.costs.flops
    assert curve.rows[-1].flops == model.costs.light_flops
    row = curve.rows[len(curve.rows) // 2]
    with_exit = model.with_exit_threshold(row.threshold)
    logits = with_exit(images)
    assert np.mean(np.argmax(logits, -1) == labels) == pytest.approx(row.top1)
    light = tf.nn.softmax(model.preview(images)[0]).numpy().max(-1)
    assert np.mean(light > row.threshold) == pytest.approx(row.exits)
    # The threshold of the model itself does not matter, nor does the size.
    again = measure_early_exit(with_exit, batches)
    assert [r.exits for r in again.rows] == [r.exits for r in curve.rows]


def test_no_batches():
    with pytest.raises(ValueError, match="`batches` must hold at least one"):
        measure_early_exit(basisnet_tiny.shared(), [])
