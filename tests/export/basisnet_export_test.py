"""A BasisNet as a SavedModel exits early as the Keras model does."""

import basisnet_tiny
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic.export

# What they look at takes long to make.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    """About half of the images exit."""
    model = basisnet_tiny.make()
    classifier = model.get_layer("light_head_classifier")
    classifier.set_weights([0.1 * w for w in classifier.get_weights()])
    light_logits, _ = model.preview(basisnet_tiny.images(64))
    confidences = tf.nn.softmax(light_logits).numpy().max(axis=-1)
    # Between two images, so that rounding decides for none.
    first, second = np.sort(confidences)[31:33]
    return model.with_exit_threshold(float((first + second) / 2))


@pytest.fixture(scope="module")
def signatures(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "basisnet"
    path = keras_elastic.export.saved_model(model, folder, top=2)
    loaded = tf.saved_model.load(str(path))
    # The signatures hold the loaded object's variables weakly.
    yield loaded.signatures
    del loaded


@pytest.mark.parametrize("count", [1, 7, 64])
def test_tensors_equal_the_model(model, signatures, count):
    images = basisnet_tiny.images(64)[:count]
    outputs = signatures["serve_tensors"](images=tf.constant(images))
    expected = model(images)
    np.testing.assert_allclose(outputs["logits"], expected, atol=1e-4)
    if count > 1:
        light_logits, _ = model.preview(images)
        exits = np.isclose(light_logits, expected, atol=1e-6).all(axis=-1)
        assert exits.any()
        assert not exits.all()


def test_an_image_that_exits_and_one_that_does_not(model, signatures):
    images = basisnet_tiny.images(64)
    decided = model.get_layer("exit").decides(model.preview(images)[0])
    for wanted in (True, False):
        place = int(np.flatnonzero(decided == wanted)[0])
        image = images[place : place + 1]
        logits = signatures["serve_tensors"](images=tf.constant(image))
        np.testing.assert_allclose(logits["logits"], model(image), atol=1e-4)


def test_an_empty_batch(signatures):
    images = tf.zeros((0, 12, 12, 3))
    outputs = signatures["serve_tensors"](images=images)
    assert outputs["logits"].shape == (0, basisnet_tiny.CLASSES)


def test_images_of_any_size(model, signatures):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 12, 12, 3)).astype("uint8")
    outputs = signatures["serving_default"](images=tf.constant(images))
    expected = tf.nn.softmax(model(images.astype("float32")))
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-4)
    assert outputs["top_classes"].shape == (3, 2)
    other = rng.integers(0, 256, (2, 20, 17, 3)).astype("uint8")
    outputs = signatures["serving_default"](images=tf.constant(other))
    assert outputs["probabilities"].shape == (2, basisnet_tiny.CLASSES)


def test_condconv_can_be_exported(tmp_path):
    plan = basisnet_tiny.plans()[1]
    model = keras_elastic.conditional.CondConvNet(plan, 2, (5,))
    images = basisnet_tiny.images(16)
    keras_elastic.calibrate(model, images)
    path = keras_elastic.export.saved_model(model, tmp_path / "condconv")
    loaded = tf.saved_model.load(str(path))
    for count in (1, 7):
        outputs = loaded.signatures["serve_tensors"](
            images=tf.constant(images[:count])
        )
        np.testing.assert_allclose(
            outputs["logits"], model(images[:count]), atol=1e-4
        )
