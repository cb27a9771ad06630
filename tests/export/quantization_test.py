"""Training sees the rounding that LiteRT does.

Tests of `export/activation_ranges.py`, too.
"""

import collections
import importlib
import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_child

import keras_elastic
from keras_elastic.export import litert
from keras_elastic.export import quantization
from keras_elastic.export import quantization_aware

interpreter = pytest.importorskip("ai_edge_litert.interpreter")
tf_keras = quantization.tf_keras

IMAGES = tiny_child.draw_images(64)


@pytest.fixture(scope="module")
def child():
    return tiny_child.build()


@pytest.fixture(scope="module")
def expected(child):
    return np.asarray(child(IMAGES, training=False))


@pytest.fixture(scope="module")
def aware(child):
    """It is not trained."""
    return quantization_aware(child, IMAGES)


@pytest.fixture(scope="module")
def path(aware, tmp_path_factory):
    return litert(aware, tmp_path_factory.mktemp("a") / "a.tflite", "int8")


@pytest.fixture(scope="module")
def measured(child, tmp_path_factory):
    """The child with ranges measured after its training, as a file."""
    folder = tmp_path_factory.mktemp("b")
    return litert(child, folder / "b.tflite", "int8", IMAGES)


def logits_of(path, images=IMAGES):
    lite = interpreter.Interpreter(str(path))
    runner = lite.get_signature_runner("classify")
    images = images.astype("uint8")
    return np.concatenate([runner(images=x[None])["logits"] for x in images])


def operations(path):
    lite = interpreter.Interpreter(str(path))
    return collections.Counter(op["op_name"] for op in lite._get_ops_details())


def test_the_model_rounds_what_the_child_computes(aware, expected):
    assert isinstance(aware, tf_keras.Model)
    assert aware.output_shape == expected.shape[:0] + (None, 3)
    difference = np.abs(aware(IMAGES, training=False).numpy() - expected).max()
    assert 1e-5 < difference < 0.05 * np.ptp(expected)


def test_the_file_computes_in_integers(path):
    lite = interpreter.Interpreter(str(path))
    [pixels] = lite.get_input_details()
    assert pixels["dtype"] == np.uint8
    assert pixels["quantization"] == (1.0, 0)
    tensors = lite.get_tensor_details()
    floats = [x for x in tensors if x["dtype"] == np.float32]
    assert len(floats) == 1  # The logits.


def test_the_file_has_the_operations_of_the_other_way(path, measured):
    assert operations(path) == operations(measured)
    assert operations(path)["HARD_SWISH"] == 1


def test_every_channel_of_a_kernel_has_a_scale(path):
    lite = interpreter.Interpreter(str(path))
    scales = [
        len(tensor["quantization_parameters"]["scales"])
        for tensor in lite.get_tensor_details()
        if tensor["dtype"] == np.int8 and len(tensor["shape"]) == 4
    ]
    # The stem, the depthwise, the second of the gate, and the projection.
    assert scales.count(tiny_child.RESOLUTION) == 4


def test_training_sees_what_the_file_computes(aware, path, expected):
    seen = aware(IMAGES, training=False).numpy()
    scale = np.ptp(expected)
    np.testing.assert_allclose(logits_of(path), seen, atol=0.01 * scale)
    np.testing.assert_allclose(logits_of(path), expected, atol=0.05 * scale)


def test_the_child_is_not_changed(child, aware, expected):
    aware = quantization_aware(child, IMAGES)
    aware.set_weights([weight + 1 for weight in aware.get_weights()])
    np.testing.assert_array_equal(child(IMAGES, training=False), expected)


@pytest.mark.slow
def test_fit_learns_through_the_rounding(child, tmp_path):
    images, labels = tiny_child.draw_labeled(96)
    aware = quantization_aware(child, images)
    first = aware.evaluate(images, labels, verbose=0)[0]
    before = aware.get_weights()
    aware.optimizer.learning_rate.assign(0.02)
    aware.fit(images, labels, epochs=10, batch_size=16, verbose=0)
    loss, accuracy = aware.evaluate(images, labels, verbose=0)
    assert loss < 0.7 * first
    names = [weight.name for weight in aware.weights]
    after = aware.get_weights()
    moved = {
        n
        for n, old, new in zip(names, before, after, strict=True)
        if not np.array_equal(old, new)
    }
    trained = {weight.name for weight in aware.trainable_weights}
    assert trained and trained <= moved
    # Ranges follow, but for those that are known.
    assert "quant_classifier/output_max:0" in moved
    path = litert(aware, tmp_path / "a.tflite", "int8")
    logits = logits_of(path, images)
    assert np.mean(logits.argmax(axis=1) == labels) > accuracy - 0.05


@pytest.mark.exhaustive
def test_a_trained_child_keeps_its_accuracy(tmp_path):
    child = keras_elastic.load("bignas_digits", flops=200e3, resolution=8)
    digits = keras_elastic.data.load_arrays("digits")
    aware = quantization_aware(child, digits.train.images[:100])
    images = digits.test.images.astype("float32")
    expected = child.predict(images, verbose=0)
    seen = aware.predict(images, verbose=0)
    path = litert(aware, tmp_path / "a.tflite", "int8")
    logits = logits_of(path, images)
    scale = np.ptp(expected)
    assert np.abs(logits - seen).mean() < 0.01 * scale
    right = [
        np.mean(found.argmax(axis=1) == digits.test.labels)
        for found in (expected, logits)
    ]
    assert right[1] > right[0] - 0.01


def test_a_depthwise_kernel_is_rounded_channel_by_channel():
    # One scale for both channels would leave nothing of the first.
    kernel = np.full((3, 3, 2, 1), [[1e-3], [1.0]], "float32")
    rounded = quantization.KernelQuantizer(2)(tf.constant(kernel), True, {})
    np.testing.assert_allclose(rounded, kernel, rtol=1e-2)
    rounded = quantization.KernelQuantizer(None)(tf.constant(kernel), True, {})
    assert not np.any(rounded.numpy()[..., 0, :])


def test_ranges_start_where_they_are_measured(child, aware):
    weights = {w.name: w.numpy() for w in aware.weights}
    expected = np.asarray(child(IMAGES, training=False))
    np.testing.assert_allclose(
        weights["quant_classifier/output_max:0"], expected.max(), rtol=1e-3
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_the_model_is_saved_and_loaded(aware, tmp_path):
    aware.save(tmp_path / "aware.h5")
    with quantization.tfmot.quantization.keras.quantize_scope():
        loaded = tf_keras.models.load_model(tmp_path / "aware.h5")
    np.testing.assert_array_equal(loaded(IMAGES), aware(IMAGES))


def test_the_toolkit_leaves_keras_as_it_is():
    assert "TF_USE_LEGACY_KERAS" not in os.environ
    assert tf.keras.layers.Dense is keras.layers.Dense


# Refusals: each with words of the message.


def assert_refused(words, model, images=IMAGES):
    with pytest.raises(ValueError) as error:
        quantization_aware(model, images)
    for word in ("must", "Received: ", *words):
        assert word in str(error.value)


def test_refuses_an_uncalibrated_child():
    model = keras_elastic.load("bignas_digits", flops=200e3, weights=None)
    words = ("`model` must be calibrated", "keras_elastic.calibrate")
    assert_refused(words, model)


def test_refuses_a_model_of_the_older_keras(aware):
    assert_refused(("`model` must be a `keras.Model`",), aware)


def test_refuses_no_images(child):
    assert_refused(("at least one image",), child, images=[])


def test_refuses_a_normalization_that_cannot_be_folded():
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    features = keras.layers.BatchNormalization(name="late")(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(2)(features))
    keras_elastic.calibrate(model, IMAGES)
    assert_refused(
        ("after convolutions without an activation", "'late'"), model
    )


def refuse_export(words, model, folder, *args):
    with pytest.raises(ValueError) as error:
        litert(model, folder / "a.tflite", *args)
    for word in ("must", "Received: ", *words):
        assert word in str(error.value)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("arguments", [(), ("float16",), ("int8", IMAGES)])
def test_export_refuses_what_the_model_was_not_trained_for(
    aware, tmp_path, arguments
):
    words = ("quantization-aware model must be 'int8'", "must be None")
    refuse_export(words, aware, tmp_path, *arguments)


def test_export_refuses_other_models_of_the_older_keras(tmp_path):
    inputs = tf_keras.Input((8, 8, 3))
    pooled = tf_keras.layers.GlobalAveragePooling2D()(inputs)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(pooled), name="old")
    words = ("`model` must be a `keras.Model`", "model='old', of `tf_keras`")
    refuse_export(words, model, tmp_path)


def test_saved_model_refuses_models_of_the_older_keras(aware, tmp_path):
    with pytest.raises(ValueError, match="`model` must be a `keras.Model`"):
        keras_elastic.export.saved_model(aware, tmp_path)


@pytest.mark.parametrize(
    "missing", ["tensorflow_model_optimization", "tf_keras"]
)
def test_says_what_to_install(monkeypatch, missing):
    name = "keras_elastic.export.quantization"
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError) as error:
        importlib.import_module(name)
    assert 'pip install "keras-elastic[quantization]"' in str(error.value)
    assert missing in str(error.value)
