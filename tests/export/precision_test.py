"""Half precision becomes float32 on the way out."""

import keras
import numpy as np
import pytest
import tiny_child

import keras_elastic
from keras_elastic.export import litert
from keras_elastic.export import precision

POLICIES = ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"]


@pytest.fixture(scope="module")
def child():
    return tiny_child.build()


@pytest.fixture(scope="module")
def images():
    return tiny_child.draw_images(4)


def wrapped(model):
    inputs = keras.Input(model.input_shape[1:])
    return keras.Model(inputs, model(inputs))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_twin_has_the_same_weights(child, images, policy):
    half = tiny_child.of_policy(child, policy)
    twin = precision.in_float32(half)
    assert not precision.is_float32(half) and precision.is_float32(twin)
    for ours, theirs in zip(twin.weights, half.weights, strict=True):
        assert ours.dtype == "float32"
        np.testing.assert_array_equal(
            ours.numpy(), theirs.numpy().astype("float32")
        )
    # bfloat16 has 8 bits.
    logits = keras.ops.convert_to_numpy(half(images)).astype("float32")
    np.testing.assert_allclose(twin(images), logits, atol=0.05)


def test_a_model_in_a_model(child):
    half = wrapped(tiny_child.of_policy(child, "mixed_float16"))
    assert not precision.is_float32(half)
    assert precision.is_float32(precision.in_float32(half))


def test_a_child_of_float32_is_its_own_twin(child):
    assert precision.in_float32(child) is child
    with_policy = wrapped(child)
    assert precision.in_float32(with_policy) is with_policy


def test_the_names_of_classes_stay():
    model = keras_elastic.load("bignas_digits", flops=3e5)
    twin = precision.in_float32(tiny_child.of_policy(model, "float16"))
    assert twin.class_names == model.class_names


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy, wrap",
    [
        ("mixed_float16", True),
        pytest.param("mixed_bfloat16", False, marks=pytest.mark.exhaustive),
        pytest.param("float16", False, marks=pytest.mark.exhaustive),
        pytest.param("bfloat16", False, marks=pytest.mark.exhaustive),
    ],
)
def test_litert(child, images, policy, wrap, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    half = tiny_child.of_policy(child, policy)
    path = litert(wrapped(half) if wrap else half, tmp_path / "a.tflite")
    lite = interpreter.Interpreter(str(path))
    types = {tensor["dtype"] for tensor in lite.get_tensor_details()}
    assert types <= {np.float32, np.int32}
    run = lite.get_signature_runner("classify")
    logits = [run(images=image[np.newaxis])["logits"][0] for image in images]
    twin = precision.in_float32(half)
    np.testing.assert_allclose(logits, twin(images), atol=1e-4)


@pytest.mark.slow
def test_litert_while_the_global_policy_is_half(images, tmp_path):
    pytest.importorskip("ai_edge_litert.interpreter")
    keras.config.set_dtype_policy("float16")
    try:
        child = keras_elastic.load("bignas_digits", flops=3e5)
        path = litert(child, tmp_path / "a.tflite")
    finally:
        keras.config.set_dtype_policy("float32")
    assert path.stat().st_size
