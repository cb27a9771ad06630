import types

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import families
from keras_elastic import tracing

SPACE = families.get("bignas_digits").space


@pytest.fixture
def backend(monkeypatch):
    """Sets the backend that the functions see."""

    def choose(name):
        monkeypatch.setattr(
            tracing.keras,
            "backend",
            types.SimpleNamespace(backend=lambda: name),
        )

    return choose


def test_one_trace_serves_all_architectures():
    traces = []

    def total(images, arch):
        traces.append(1)
        return tf.reduce_sum(images) + tf.cast(tf.reduce_sum(arch), "float32")

    genes = len(SPACE.genes)
    run = tracing.traced(total, ((None, 2), "float32"), ((genes,), "int32"))
    for count, arch in ((1, SPACE.smallest), (3, SPACE.largest)):
        encoded = tracing.as_argument(SPACE, arch)
        found = run(np.ones((count, 2), "float32"), encoded)
        assert float(found) == 2 * count + encoded.sum()
    assert len(traces) == 1


def test_arguments_may_be_dictionaries():
    run = tracing.traced(
        lambda values: values["one"] + values["other"],
        {"one": ((2,), "float32"), "other": ((), "float32")},
    )
    found = run({"one": tf.ones(2), "other": tf.constant(2.0)})
    np.testing.assert_array_equal(found, [3, 3])


def test_other_signatures_are_refused():
    run = tracing.traced(lambda value: value, ((2,), "float32"))
    with pytest.raises(TypeError):
        run(tf.ones(3))


def test_other_backends_run_as_it_is(backend):
    def function(value):
        return value

    backend("jax")
    assert tracing.traced(function, ((2,), "float32")) is function


def test_torch_keeps_no_gradients(backend):
    torch = pytest.importorskip("torch")
    backend("torch")
    weight = torch.ones(2, requires_grad=True)
    run = tracing.traced(lambda value: weight * value)
    assert not run(torch.ones(2)).requires_grad


def test_an_architecture_is_its_encoding():
    for arch in (SPACE.smallest, SPACE.largest):
        found = tracing.as_argument(SPACE, arch)
        assert found.dtype == "int32"
        np.testing.assert_array_equal(found, SPACE.encode(arch))


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_elsewhere_it_is_the_architecture(backend, name):
    rng = np.random.default_rng(0)
    arch = SPACE.sample(rng)
    backend(name)
    assert tracing.as_argument(SPACE, arch) == arch


@pytest.mark.parametrize("name", ["tensorflow", "torch"])
def test_an_architecture_of_another_space_is_refused(backend, name):
    backend(name)
    arch = families.get("bignas").space.smallest
    with pytest.raises(ValueError, match="another family"):
        tracing.as_argument(SPACE, arch)


@pytest.mark.parametrize("dtype", ["uint8", "float64", "float32"])
def test_images_are_float32(dtype):
    batch = np.arange(12, dtype=dtype).reshape(1, 2, 2, 3)
    found = tracing.as_images(batch)
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, batch)
