"""Tests of `detection/retinanet.py` and `detection/encoder.py`."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import detection


@pytest.mark.slow
def test_every_place_of_every_map_is_predicted(detector):
    found = detector(np.zeros((2, 16, 24, 3), "float32"), training=False)
    # Three shapes at three scales, on maps of strides 2 and 4.
    anchors = 9 * (8 * 12 + 4 * 6)
    assert found["bbox_regression"].shape == (2, anchors, 4)
    assert found["cls_logits"].shape == (2, anchors, 3)


@pytest.mark.slow
def test_heads_start_from_a_low_probability(detector):
    last = detector.classification_head.prediction_layer
    np.testing.assert_allclose(tf.sigmoid(last.bias), 0.01, rtol=1e-4)
    assert np.std(last.kernel) == pytest.approx(0.01, rel=0.1)
    np.testing.assert_array_equal(detector.box_head.prediction_layer.bias, 0)


@pytest.mark.slow
def test_the_trunk_is_a_copy_with_the_weights_of_the_child(child, detector):
    encoder = detector.backbone.image_encoder
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3))
    expected = ke.feature_pyramid(child, (2, 4))(pixels, training=False)
    # A part of a larger image, far from its edges, has the same features.
    same_size = detection.retinanet(child, 3, strides=(2, 4), head_layers=0)
    found = same_size.backbone.image_encoder(pixels, training=False)
    for level, name in (("P1", "stride_2"), ("P2", "stride_4")):
        np.testing.assert_allclose(found[level], expected[name], atol=1e-4)
    kernel = encoder.get_layer("stem_conv").kernel
    assert kernel is not child.get_layer("stem_conv").kernel
    np.testing.assert_array_equal(kernel, child.get_layer("stem_conv").kernel)


@pytest.mark.exhaustive
def test_the_neck_makes_coarser_maps():
    model = ke.build("mobilenet_v3_small", 5, resolution=64)
    detector = detection.retinanet(model, 2, (64, 96), head_layers=0)
    levels = detector.backbone.pyramid_outputs
    assert list(levels) == ["P3", "P4", "P5", "P6", "P7"]
    # Nine anchors a place; the image does not divide by 64 and 128.
    places = 8 * 12 + 4 * 6 + 2 * 3 + 1 * 2 + 1 * 1
    images = np.zeros((1, 64, 96, 3), "float32")
    assert detector(images)["cls_logits"].shape == (1, 9 * places, 2)
    own = detector.backbone.image_encoder.pyramid_outputs
    assert list(own) == ["P3", "P4", "P5"]


@pytest.mark.slow
def test_a_detector_comes_back_from_a_file(detector, tmp_path):
    detector.save(tmp_path / "detector.keras")
    again = keras.saving.load_model(tmp_path / "detector.keras", compile=False)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3))
    expected = detector(pixels, training=False)
    for name, found in again(pixels, training=False).items():
        np.testing.assert_allclose(found, expected[name], atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strides": (4, 8)}, r"`model` must have maps .* lacks \[8\]"),
        ({"strides": (8, 16)}, r"`model` must have maps .* lacks \[8, 16\]"),
        ({"strides": (4, 8, 16, 32, 64)}, r"lacks \[8, 16, 32\]"),
        ({"strides": (2, 8)}, "`strides`"),
        ({"strides": (3, 6)}, "`strides`"),
        ({"image_size": (16, 22)}, r"`image_size`.*\(16, 24\)|\(16, 20\)"),
        ({"image_size": 16}, "`image_size`"),
        ({"classes": 0}, "`classes`"),
        ({"anchor_size": 0}, "`anchor_size`"),
        ({"model": "bignas"}, "`model`"),
    ],
)
def test_wrong_arguments_are_refused(child, changes, message):
    arguments = {"model": child, "classes": 3, "strides": (2, 4), **changes}
    with pytest.raises(ValueError, match=message):
        detection.retinanet(**arguments)


def test_what_to_install_is_said(child, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ValueError, match=r"keras-elastic\[detection\]"):
        detection.retinanet(child, 3, strides=(2, 4))
