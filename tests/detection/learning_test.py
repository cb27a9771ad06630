"""The command of the page, made small: a detector learns to find digits."""

import pathlib
import re

import forked
import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "detection.py"
SMALL = ("--batch_size=8", "--anchor_size=4", "--head_layers=0")
FEW = (
    *("--train=40", "--test=8", "--image_size", "32", "32"),
    *("--epochs=2", "--steps_per_epoch=15"),
)
ENOUGH = (
    *("--train=200", "--test=60", "--image_size", "64", "64"),
    *("--epochs=3", "--steps_per_epoch=50"),
)


def detect(*arguments):
    """Losses of the epochs, precisions, and boxes in the SavedModel."""
    run = forked.run(SCRIPT, *SMALL, *arguments)
    assert run.returncode == 0, run.stderr[-3000:]
    losses = re.findall(r" loss: ([\d.]+)", run.stdout)
    scores = re.findall(r"mean average precision .*: ([\d.]+)", run.stdout)
    [(boxes, difference)] = re.findall(
        r"SavedModel: (\d+) boxes.* within (\S+) pixels", run.stdout
    )
    assert float(difference) < 0.01
    return list(map(float, losses)), list(map(float, scores)), int(boxes)


@pytest.mark.slow
def test_a_detector_of_digits_begins_to_learn_and_is_served():
    losses, scores, _ = detect(*FEW)
    assert len(losses) == 2 and losses[1] < 0.9 * losses[0]
    assert len(scores) == 2 and 0 <= min(scores) <= max(scores) < 1


@pytest.mark.exhaustive
def test_a_detector_of_digits_finds_them():
    _, (at_half, of_all), boxes = detect(*ENOUGH)
    # An untrained one has less than 0.01, this one had 0.17.
    assert 0.1 < at_half < 1 and of_all < at_half
    assert boxes > 0
