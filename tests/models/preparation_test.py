"""Calibration, scoring and exports see the same pixels of an image."""

import dataclasses
import json

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import data
from keras_elastic.conditional import Cascade
from keras_elastic.data import array_augmentation
from keras_elastic.data.augmentation import center_patch
from keras_elastic.evaluation.activation_map import activation_map
from keras_elastic.export import signatures
from keras_elastic.layers import kernels
from keras_elastic.models import preparation
from keras_elastic.models.preparation import Preparation
from keras_elastic.training.teachers import KerasTeacher

# Of the first stage alone, to be traced soon.
FAMILY = ke.families.get(
    "bignas_digits",
    resize="bilinear",
    stages=ke.families.get("bignas_digits").stages[:1],
)
CHOSEN = Preparation(0.875, 10, "bilinear")
PHOTO = contracts.random_images(1, 40)[:, :31].astype("uint8")


def make_child():
    supernet = ke.Supernet(FAMILY, 3)
    contracts.randomize(supernet)
    child = supernet.child(FAMILY.space.smallest)
    assert preparation.find(child) == Preparation(interpolation="bilinear")
    preparation.remember(child, CHOSEN)
    return supernet, child


@pytest.mark.parametrize(
    "chosen", [Preparation(), CHOSEN, Preparation(patch_size=24)]
)
def test_all_see_the_same_pixels(chosen):
    crop, size = chosen.crop_fraction, 8
    patch = chosen.patch_size or size
    scored = center_patch(PHOTO[0], patch, crop)[None]
    # What a supernet does with the patch.
    expected = kernels.resize(scored, size, chosen.interpolation)
    served = signatures.preparation(size, chosen)(tf.constant(PHOTO))
    np.testing.assert_allclose(served, expected, atol=1e-3)
    calibrated = kernels.resize(
        tf.cast(chosen.patches(PHOTO, size), "float32"),
        size,
        chosen.interpolation,
    )
    np.testing.assert_allclose(calibrated, expected, atol=1e-3)
    arrays = array_augmentation.none(PHOTO, None, patch, crop)
    np.testing.assert_allclose(arrays, scored, atol=1e-3)


@pytest.mark.parametrize("side", [1, 2, 7, 8, 31, 32, 255, 256, 500])
@pytest.mark.parametrize("crop", [0.001, 0.5, 0.875, 0.9, 1.0])
def test_squares_are_of_one_size_everywhere(side, crop):
    photo = np.zeros((1, side, side + 3, 3), "uint8")
    square = preparation.central_squares(photo, crop)
    same = signatures.central_square(tf.constant(photo), crop)
    assert square.shape == same.shape
    assert square.shape[1] == max(1, int(side * crop + 0.5))


def test_images_of_the_resolution_are_taken_as_they_are():
    images = contracts.random_images(2, 8)
    assert CHOSEN.patches(images, 8) is images
    _, child = make_child()
    expected = keras.models.clone_model(child)
    expected.set_weights(child.get_weights())
    ke.calibrate(child, images)
    measured = child.get_weights()
    preparation.remember(expected, Preparation(0.5, 10))
    ke.calibrate(expected, images)
    for one, other in zip(measured, expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_child_is_calibrated_as_its_subnet_was_scored():
    photos = contracts.random_images(6, 40)[:, :33].astype("uint8")
    supernet, child = make_child()
    patches = [np.array(center_patch(photo, 10, 0.875)) for photo in photos]
    statistics = ke.SubnetCalibrator(supernet).measure(
        FAMILY.space.smallest, np.stack(patches)
    )
    ke.calibrate(child, photos)
    expected = supernet.child(FAMILY.space.smallest, statistics)
    for one, other in zip(
        child.get_weights(), expected.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_what_is_saved_and_served_keeps_the_preparation(tmp_path):
    _, child = make_child()
    ke.calibrate(child, contracts.random_images(8, 8))
    assert preparation.find(keras.models.clone_model(child)) == CHOSEN
    ke.save_preset(child, tmp_path / "preset")
    described = json.loads((tmp_path / "preset" / "preset.json").read_text())
    assert described["preprocessing"]["crop_fraction"] == 0.875
    assert "0.875" in (tmp_path / "preset" / "README.md").read_text()
    loaded = ke.load(tmp_path / "preset")
    assert preparation.find(loaded) == CHOSEN
    path = ke.export.saved_model(loaded, tmp_path / "served", top=3)
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    found = serve(images=tf.constant(PHOTO))["probabilities"]
    prepared = signatures.preparation(8, CHOSEN)(tf.constant(PHOTO))
    expected = tf.nn.softmax(loaded(prepared))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_batches_are_cropped():
    split = data.load_dataset("digits").held_out
    for crop in (None, 0.75):
        batches = data.evaluation_batches(
            split, batch_size=4, patch_size=8, count=4, crop=crop
        )
        [(images, _)] = batches
        whole = split.undecoded()[0].take(4)
        decode = split.undecoded()[1]
        expected = [center_patch(decode(x), 8, crop) for x, _ in whole]
        np.testing.assert_allclose(images, np.stack(expected), atol=1e-3)


@pytest.mark.parametrize("crop", [0, -0.1, 1.01, "0.9", True])
def test_a_wrong_crop_is_refused(crop):
    with pytest.raises(ValueError, match="`crop_fraction` must be.*above 0"):
        Preparation(crop)
    with pytest.raises(ValueError, match="`crop` must be.*above 0"):
        center_patch(PHOTO[0], 8, crop)


def test_other_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`patch_size` must be"):
        Preparation(patch_size=0)
    with pytest.raises(ValueError, match="`interpolation` must be"):
        Preparation(interpolation="nearest")
    # A description that is read may say other things, too.
    read = Preparation.from_dict({"crop": "some", "patch_size": 3})
    assert read == Preparation(patch_size=3)
    assert Preparation().to_dict() == {}


def test_whoever_runs_a_child_resizes_as_it_was_trained():
    supernet, child = make_child()
    larger = dataclasses.replace(FAMILY.space.smallest, resolution=12)
    cascade = Cascade([child, supernet.child(larger)], 0.0)
    images = contracts.random_images(2, 12)
    expected = child(kernels.resize(images, 8, "bilinear"))
    assert not np.allclose(child(kernels.resize(images, 8)), expected)
    for answer in (KerasTeacher(child), cascade):
        np.testing.assert_allclose(answer(images), expected, atol=1e-4)


def test_a_map_is_of_the_pixels_that_are_scored():
    _, child = make_child()
    [photo] = contracts.random_images(1, 20)
    patch = kernels.resize(photo[None], CHOSEN.patch_size)
    [pixels] = np.asarray(kernels.resize(patch, 8, "bilinear"))
    found, label = activation_map(child, photo)
    expected, same = activation_map(child, pixels)
    assert label == same
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # Of other pixels it is another map.
    [others] = np.asarray(kernels.resize(photo[None], 8))
    other, _ = activation_map(child, others, label)
    assert not np.allclose(other, expected, atol=1e-4)
