import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from selection.latency.latency_fakes import CALL
from selection.latency.latency_fakes import FakeRuntime
from selection.latency.latency_fakes import work
from training.tiny import CLASSES
from training.tiny import FAMILY

from keras_elastic.models import build_child
from keras_elastic.selection.latency.runtimes import LiteRTRuntime
from keras_elastic.selection.latency.runtimes import TensorFlowRuntime
from keras_elastic.selection.latency.runtimes import get_runtime
from keras_elastic.selection.latency.runtimes import measure_latency


@pytest.fixture(scope="module")
def child():
    return build_child(FAMILY.plan(FAMILY.space.smallest, CLASSES))


def test_by_name():
    assert isinstance(get_runtime("tensorflow"), TensorFlowRuntime)
    assert get_runtime("litert", threads=2).threads == 2
    assert get_runtime("litert").threads == 1


def test_an_object_is_taken_as_it_is():
    runtime = FakeRuntime()
    assert get_runtime(runtime) is runtime


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("onnx",), "must be one of .'litert', 'tensorflow'.*runtime='onnx'"),
        (("tensorflow", 2), "`threads` must be None for the runtime"),
        (("litert", 0), "`threads` must be a positive integer"),
        ((FakeRuntime(), 3), "`threads` must be None where `runtime` is an"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        get_runtime(*arguments)


def test_litert_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ValueError, match="pip install ai-edge-litert"):
        LiteRTRuntime()


def test_the_machine_is_described():
    machine = TensorFlowRuntime().machine()
    assert machine["versions"]["tensorflow"] == tf.__version__
    assert machine["versions"]["keras"] == keras.__version__
    assert machine["cores"] >= 1
    assert machine["processor"] and machine["platform"]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3])
def test_tensorflow_runs_the_model_that_was_saved(child, batch_size):
    run = TensorFlowRuntime().prepare(child, batch_size)
    [logits], _ = run()
    shape = (batch_size, *child.input_shape[1:])
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    expected = child(pixels.astype("float32"), training=False)
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_litert_runs_the_model(child, batch_size):
    interpreter = LiteRTRuntime().prepare(child, batch_size)()
    [details] = interpreter.get_output_details()
    logits = interpreter.get_tensor(details["index"])
    shape = (batch_size, *child.input_shape[1:])
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    expected = child(pixels.astype("float32"), training=False)
    np.testing.assert_allclose(logits, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("runtime", ["tensorflow", "litert"])
def test_a_model_is_timed_and_not_changed(child, runtime):
    weights = [weight.copy() for weight in child.get_weights()]
    config = child.get_config()
    timing = measure_latency(child, runtime, runs=10)
    assert timing.runs == 10
    assert 0 < timing.quiet_ms <= timing.median_ms <= timing.p95_ms
    assert child.get_config() == config
    for before, after in zip(weights, child.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_latency_of_a_runtime_of_ones_own(child):
    timing = measure_latency(child, FakeRuntime(), batch_size=2, runs=7)
    assert timing.quiet_ms == pytest.approx(CALL + 2 * work(child))
    assert timing.runs == 7


@pytest.mark.parametrize("name", ["batch_size", "runs"])
def test_wrong_numbers(child, name):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
        measure_latency(child, FakeRuntime(), **{name: 0})
