import csv
import json

import numpy as np
import pytest

from keras_elastic.evaluation.answers import Answers
from keras_elastic.evaluation.report import EvaluationReport
from keras_elastic.evaluation.report import calibration_error

NAMES = ("cat", "dog", "owl")


def answers(labels, predicted, confidence=None):
    predicted = np.array(predicted)
    best = np.stack([predicted, (predicted + 1) % 3, (predicted + 2) % 3], 1)
    confidence = np.full(len(labels), 0.9) if confidence is None else confidence
    return Answers(np.array(labels), best, np.array(confidence), [])


def measure(found, other=None, names=NAMES):
    return EvaluationReport.measure(
        found, names, other, model="m", dataset="d", split="test"
    )


@pytest.fixture
def report():
    # No owl is shown, and one cat is taken for one.
    return measure(answers([0, 0, 0, 0, 1], [0, 0, 1, 2, 1]))


def test_figures_by_hand(report):
    assert report.top1 == pytest.approx(3 / 5)
    assert report.standard_error == pytest.approx((0.6 * 0.4 / 5) ** 0.5)
    assert report.confusion.tolist() == [[2, 1, 1], [0, 1, 0], [0, 0, 0]]
    assert report.counts == [4, 1, 0]
    assert report.recall == (0.5, 1.0, None)
    assert report.precision == (1.0, 0.5, 0.0)
    assert report.calibration_error == pytest.approx(0.3)


def test_top5_only_where_there_are_more_classes(report):
    assert report.top5 is None
    names = tuple("abcdefg")
    best = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [5, 1, 2, 3, 4]])
    found = Answers(np.array([4, 6, 5]), best, np.full(3, 0.5), [])
    assert measure(found, names=names).top5 == pytest.approx(2 / 3)


def test_the_calibration_error_bin_by_bin():
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.uniform(0, 1, 500), [0, 1, 1 / 15]])
    correct = rng.random(len(confidence)) < confidence**2
    expected = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = (confidence > low) & (confidence <= high)
        if number == 0:
            inside |= confidence == 0
        if inside.any():
            gap = correct[inside].mean() - confidence[inside].mean()
            expected += inside.mean() * abs(gap)
    assert calibration_error(confidence, correct) == pytest.approx(expected)


@pytest.mark.parametrize("right, error", [(1.0, 0.0), (0.0, 1.0)])
def test_the_ends_of_the_calibration_error(right, error):
    confidence = np.ones(10)
    assert calibration_error(confidence, np.full(10, bool(right))) == error


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_files(report, tmp_path):
    report.write(tmp_path)
    written = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert written["accuracy_by_class"] == {"cat": 0.5, "dog": 1, "owl": None}
    assert written["images"] == 5 and written["top1"] == report.top1
    assert written["flips"] is None
    table = rows(tmp_path / "classes.csv")
    assert table[0] == ["class", "images", "precision", "recall"]
    assert table[1:] == [
        ["cat", "4", "1.0", "0.5"],
        ["dog", "1", "0.5", "1.0"],
        ["owl", "0", "0.0", ""],
    ]
    confusion = rows(tmp_path / "confusion.csv")
    assert confusion[0][1:] == list(NAMES)
    assert confusion[1] == ["cat", "2", "1", "1"]
    assert not (tmp_path / "flips.csv").exists()


@pytest.mark.parametrize("name", ["old", "m"])
def test_flips(tmp_path, name):
    found = answers([0, 1, 2, 0], [0, 1, 2, 1])
    report = measure(found, (name, answers([0, 1, 2, 0], [0, 0, 0, 0])))
    # From the other to this one, and back.
    assert report.flips.negative == ((0, 0.25), (0.5, 0))
    assert len(set(report.flips.names)) == 2
    report.write(tmp_path)
    written = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert written["flips"]["top1"] == [0.5, 0.75]
    assert len(rows(tmp_path / "flips.csv")) == 3


def test_the_table_shows_the_worst_classes(report):
    lines = str(report).splitlines()
    [head] = [n for n, line in enumerate(lines) if line.startswith("class ")]
    assert [line.split()[0] for line in lines[head + 1 :]] == ["cat", "dog"]
    assert "60.00 %" in str(report)
