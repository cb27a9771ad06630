"""Linked inputs are constants that the signatures of a flatbuffer share."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from keras_elastic.export import flatbuffer
from keras_elastic.export.linking import link

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(40, 30)).astype("float32")
OWN = RNG.normal(size=(1, 20)).astype("float32")


def spec(*shape, name):
    return tf.TensorSpec(shape, "float32", name=name)


@pytest.fixture(scope="module")
def content():
    """Two signatures that cut different parts out of one kernel."""
    signatures = {
        "whole": flatbuffer.frozen(
            lambda images, kernel: images @ kernel,
            spec(1, 40, name="images"),
            spec(40, 30, name="shared_0"),
        ),
        "part": flatbuffer.frozen(
            lambda images, kernel: images @ kernel[:10, :20] + OWN,
            spec(1, 10, name="images"),
            spec(40, 30, name="shared_0"),
        ),
    }
    return flatbuffer.convert(signatures, "two")


def run(content, signature, images):
    lite = interpreter.Interpreter(model_content=content)
    return lite.get_signature_runner(signature)(images=images)["logits"]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), ("float16", 1e-2)]
)
def test_both_read_their_part(content, dtype, tolerance):
    linked = link(content, {"shared_0": KERNEL}, dtype)
    stored = KERNEL.astype(dtype).astype("float32")
    images = RNG.normal(size=(1, 40)).astype("float32")
    np.testing.assert_allclose(
        run(linked, "whole", images), images @ stored, atol=1e-5
    )
    images = images[:, :10]
    np.testing.assert_allclose(
        run(linked, "part", images), images @ stored[:10, :20] + OWN, atol=1e-5
    )
    assert np.abs(stored - KERNEL).max() < tolerance


def test_the_inputs_are_gone(content):
    lite = interpreter.Interpreter(
        model_content=link(content, {"shared_0": KERNEL})
    )
    for signature in lite.get_signature_list().values():
        assert signature == {"inputs": ["images"], "outputs": ["logits"]}
    assert len(lite.get_input_details()) == 1


def test_other_inputs_stay(content):
    lite = interpreter.Interpreter(
        model_content=link(content, {"shared_1": KERNEL})
    )
    assert set(lite.get_signature_list()["part"]["inputs"]) == {
        "images",
        "shared_0",
    }


@pytest.mark.parametrize(
    ("dtype", "itemsize"), [("float32", 4), ("float16", 2)]
)
def test_the_array_is_stored_once(content, dtype, itemsize):
    linked = link(content, {"shared_0": KERNEL}, dtype)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(linked))
    sizes = [len(b.data) for b in model.buffers if b.data is not None]
    assert sizes.count(KERNEL.size * itemsize) == 1
    assert len(linked) < len(content) + KERNEL.size * itemsize + 16


def test_equal_and_empty_buffers_are_one(content):
    linked = link(content, {"shared_0": KERNEL, "shared_1": KERNEL})
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(linked))
    assert model.buffers[0].data is None
    kept = [buffer.data.tobytes() for buffer in model.buffers[1:]]
    assert len(set(kept)) == len(kept)


def test_arrays_are_aligned(content):
    linked = link(content, {"shared_0": KERNEL})
    for array in (KERNEL, OWN):
        assert linked.index(array.tobytes()) % 16 == 0
