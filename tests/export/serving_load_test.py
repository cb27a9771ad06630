"""Many clients at once, some of them malformed, against one SavedModel."""

import pathlib
import runpy

import numpy as np
import pytest
import tensorflow as tf

import keras_elastic

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "serving_load.py"
REQUESTS = 300

# What they look at takes long to make.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def load():
    """The names of the benchmark, which sends ten thousand."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def child():
    return keras_elastic.load("bignas_digits", flops=140e3)


@pytest.fixture(scope="module")
def path(child, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return keras_elastic.export.saved_model(child, folder)


@pytest.fixture(scope="module")
def found(load, child, path):
    return load["run"](child, path, REQUESTS, threads=4, malformed=0.3)


def test_every_request_is_answered_as_it_should_be(found):
    assert found.requests == REQUESTS
    assert found.wrong == 0, found.outcomes


def test_malformed_ones_are_errors_of_their_own(found):
    errors = {
        kind
        for (kind, outcome), count in found.outcomes.items()
        if outcome != "right"
    }
    assert len(errors) == 9
    right = sum(
        count
        for (_, outcome), count in found.outcomes.items()
        if outcome == "right"
    )
    assert REQUESTS / 2 < right < REQUESTS


def test_nothing_stays_in_memory(found):
    before, after = found.memory[0], found.memory[-1]
    # A request's images, decoded and resized, take some hundred kilobytes.
    assert after - before < 16 * 2**20


def test_another_answer_would_be_found(load, child, path):
    served = tf.saved_model.load(str(path)).signatures
    request = load["Images"](child, groups=2).draw_arrays(
        np.random.default_rng(0)
    )
    assert len(request.expected) > 0
    assert load["send"](served, request) == ("arrays", "right")
    request.expected = request.expected + 1e-3
    assert load["send"](served, request)[1] == "WRONG: another answer"
    request.expected = None
    assert load["send"](served, request)[1] == "WRONG: answered"
    request.images, request.expected = tf.zeros((1, 9, 9, 1), tf.uint8), 1
    assert load["send"](served, request)[1].startswith("WRONG: Invalid")
