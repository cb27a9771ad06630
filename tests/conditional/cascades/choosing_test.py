"""Tests of the files beside it, too.

`conditional/cascades/held_out.py` and `conditional/cascades/plots.py`.
"""

import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic.conditional import plot_cascade
from keras_elastic.conditional.cascades import choosing


@pytest.fixture(scope="module", autouse=True)
def few_networks():
    """Five networks of the front are enough to choose among."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "_TRIED", 5)
        yield


@pytest.fixture(scope="module")
def held_out():
    dataset = ke.data.load_dataset("digits")
    batches = ke.data.evaluation_batches(
        dataset.train, batch_size=500, patch_size=12
    )
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.fixture(scope="module")
def model(held_out):
    return ke.cascade("bignas_digits", flops=500e3, held_out=held_out)


def test_the_budget_holds_and_a_single_network_is_beaten(model, held_out):
    images, labels = held_out
    report = model.report
    assert report.chosen.flops <= 500e3
    assert model.flops[-1] > 500e3
    assert report.chosen.top1 >= report.single_top1
    right = model.predict(images, verbose=0).argmax(axis=-1) == labels
    assert right.mean() == pytest.approx(report.chosen.top1, abs=2e-3)
    assert model.mean_flops(images) == pytest.approx(
        report.chosen.flops, rel=0.01
    )
    assert model.class_names == tuple("0123456789")


@pytest.mark.exhaustive
def test_a_promise(held_out):
    model = ke.cascade(
        "bignas_digits", points=5, held_out=held_out, most_networks=2
    )
    report = model.report
    assert report.chosen.top1 >= report.best_top1 - 0.05
    assert report.chosen.flops < report.curve.rows[0].flops
    assert "90%" in str(report)


def test_a_picture(model, tmp_path):
    front = ke.zoo.find_entry("bignas_digits").front
    plot_cascade(tmp_path / "cascade.png", model.report, front)
    assert (tmp_path / "cascade.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"flops": 500e3, "points": 1},
        {"flops": 1e3},
        {"flops": 1e9},
        {"flops": "many"},
        {"points": 0},
        {"points": 100},
        {"points": 0.01},
        {"points": 5, "probability": 1.0},
        {"flops": 500e3, "most_networks": 4},
        {"flops": 500e3, "held_out": None},
        {"flops": 500e3, "held_out": (np.zeros((3, 12, 12)), [0, 1, 2])},
        {"flops": 500e3, "held_out": (np.zeros((3, 12, 9, 3)), [0, 1, 2])},
        {"flops": 500e3, "held_out": (np.zeros((3, 12, 12, 3)), [0, 1])},
        {"flops": 500e3, "held_out": (np.zeros((1, 12, 12, 3)), [10])},
        {"flops": 500e3, "held_out": (np.zeros((1, 12, 12, 3)), [0.5])},
        {"flops": 500e3, "held_out": (np.zeros((0, 12, 12, 3)), [])},
    ],
)
def test_wrong_arguments(held_out, wrong):
    with pytest.raises(ValueError):
        ke.cascade("bignas_digits", **{"held_out": held_out, **wrong})


def test_an_unknown_entry(held_out):
    with pytest.raises(ValueError, match="bignas_digits"):
        ke.cascade("no_such", flops=500e3, held_out=held_out)
