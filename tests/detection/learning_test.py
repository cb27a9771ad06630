"""The loss of a detector falls at once; at length it finds digits."""

import pathlib
import re

import forked
import keras
import pytest

from keras_elastic import detection

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "detection.py"
# The command of the page, made small.
ARGUMENTS = (
    *("--train=200", "--test=60", "--image_size", "64", "64"),
    *("--epochs=3", "--steps_per_epoch=50", "--batch_size=8"),
    *("--anchor_size=4", "--head_layers=0"),
)


@pytest.mark.exhaustive
def test_fit_lowers_the_loss(child):
    size = (32, 48)
    made = detection.pasted_objects(image_size=size, train=8, test=4, classes=3)
    batches = detection.detection_batches(made.train, size, 4, 3, training=True)
    keras.utils.set_random_seed(0)
    detector = detection.retinanet(
        child, 3, size, strides=(4,), anchor_size=1.5, head_layers=0
    )
    detector.compile(optimizer=keras.optimizers.Adam(1e-3))
    history = detector.fit(
        batches, epochs=2, steps_per_epoch=15, shuffle=False, verbose=0
    )
    first, last = history.history["loss"]
    assert last < 0.9 * first


@pytest.mark.exhaustive
def test_a_detector_of_digits_learns_and_is_served():
    run = forked.run(SCRIPT, *ARGUMENTS)
    assert run.returncode == 0, run.stderr[-3000:]
    scores = re.findall(r"mean average precision .*: ([\d.]+)", run.stdout)
    at_half, of_all = map(float, scores)
    # An untrained one has less than 0.01, this one had 0.17.
    assert 0.1 < at_half < 1 and of_all < at_half
    [(boxes, difference)] = re.findall(
        r"SavedModel: (\d+) boxes.* within (\S+) pixels", run.stdout
    )
    assert int(boxes) > 0 and float(difference) < 0.01
