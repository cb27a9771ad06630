"""The command of the page, made small: a detector learns to find digits."""

import pathlib
import re

import forked
import pytest

ARGUMENTS = (
    *("--train=200", "--test=60", "--image_size", "64", "64"),
    *("--epochs=3", "--steps_per_epoch=50", "--batch_size=8"),
    *("--anchor_size=4", "--head_layers=0"),
)


@pytest.mark.slow
def test_a_detector_of_digits_learns_and_is_served():
    script = pathlib.Path(__file__).parents[2] / "benchmarks" / "detection.py"
    run = forked.run(script, *ARGUMENTS)
    assert run.returncode == 0, run.stderr[-3000:]
    scores = re.findall(r"mean average precision .*: ([\d.]+)", run.stdout)
    at_half, of_all = map(float, scores)
    # An untrained one has less than 0.01, this one had 0.17.
    assert 0.1 < at_half < 1 and of_all < at_half
    [(boxes, difference)] = re.findall(
        r"SavedModel: (\d+) boxes.* within (\S+) pixels", run.stdout
    )
    assert int(boxes) > 0 and float(difference) < 0.01
