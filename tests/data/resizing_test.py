import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_elastic.data.resizing import make_patches
from keras_elastic.data.windows import Windows
from keras_elastic.data.windows import center_windows
from keras_elastic.layers.resampling import resize_matrix


def noise(count, height, width):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, [count, height, width, 3], dtype="uint8")


def windows(boxes, shifts=None, mirrored=None):
    boxes = np.array(boxes)
    count = len(boxes)
    return Windows(
        boxes,
        np.zeros((count, 2), int) if shifts is None else np.array(shifts),
        np.zeros(count, bool) if mirrored is None else np.array(mirrored),
    )


def make(images, drawn, patch_size):
    tensor = ops.convert_to_tensor(images)
    return ops.convert_to_numpy(make_patches(tensor, drawn, patch_size))


def resize(image, box, patch_size):
    """What TensorFlow makes of one window."""
    top, left, height, width = box
    crop = image[top : top + height, left : left + width]
    resized = tf.image.resize(
        crop, [patch_size, patch_size], "bicubic", antialias=True
    )
    return np.clip(resized, 0, 255)


BOXES = [
    (0, 0, 40, 60),
    (0, 0, 40, 40),
    (3, 5, 30, 17),
    (39, 59, 1, 1),
    (10, 20, 2, 3),
    (1, 0, 39, 33),
    (0, 30, 24, 30),
]


@pytest.mark.parametrize("patch_size", [1, 8, 24, 33, 64])
def test_windows_are_resized_as_by_tensorflow(patch_size):
    images = noise(len(BOXES), 40, 60)
    found = make(images, windows(BOXES), patch_size)
    assert found.dtype == np.float32
    for image, box, patch in zip(images, BOXES, found, strict=True):
        expected = resize(image, box, patch_size)
        np.testing.assert_allclose(patch, expected, atol=1e-2)


def test_large_images_are_resized_as_by_tensorflow():
    boxes = [(7, 11, 400, 480), (300, 200, 64, 50), (0, 0, 420, 500)]
    images = noise(3, 420, 500)
    found = make(images, windows(boxes), 96)
    for image, box, patch in zip(images, boxes, found, strict=True):
        np.testing.assert_allclose(patch, resize(image, box, 96), atol=1e-2)


def test_what_is_mirrored_is_mirrored_after_resizing():
    images = noise(2, 20, 30)
    boxes = [(2, 3, 15, 20)] * 2
    plain = make(images, windows(boxes), 12)
    found = make(images, windows(boxes, mirrored=[True, False]), 12)
    np.testing.assert_array_equal(found[0], plain[0, :, ::-1])
    np.testing.assert_array_equal(found[1], plain[1])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("patch_size", [8, 16])
def test_shifts_repeat_the_edge(patch_size, mirrored):
    shifts = [(0, 0), (2, -1), (-2, 2), (1, 0)]
    images = noise(4, 8, 8)
    plain = make(images, center_windows(4, 8, 8), patch_size)
    drawn = windows([(0, 0, 8, 8)] * 4, shifts, [mirrored] * 4)
    found = make(images, drawn, patch_size)
    padded = np.pad(plain, [(0, 0), (2, 2), (2, 2), (0, 0)], "edge")
    for patch, image, (down, right) in zip(found, padded, shifts, strict=True):
        top, left = 2 - down, 2 - right
        expected = image[top : top + patch_size, left : left + patch_size]
        expected = expected[:, ::-1] if mirrored else expected
        np.testing.assert_allclose(patch, expected, atol=1e-3)


def test_pixels_that_only_move_stay_whole_numbers():
    images = noise(1, 32, 32)
    found = make(images, windows([(0, 0, 32, 32)], [(3, -2)], [True]), 32)
    expected = np.pad(images[0], [(3, 0), (0, 2), (0, 0)], "edge")[:32, 2:]
    np.testing.assert_array_equal(found[0], expected[:, ::-1])


def test_central_windows_of_the_right_size_are_returned_as_they_are():
    images = noise(3, 16, 16)
    found = make(images, center_windows(3, 16, 16), 16)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images)


def test_overshoot_is_clipped():
    board = np.indices([18, 18]).sum(axis=0) // 3 % 2 * 255
    images = np.repeat(board[None, ..., None], 3, axis=-1).astype("uint8")
    for patch_size in (13, 32):
        found = make(images, center_windows(1, 18, 18), patch_size)
        assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize("patch_size", [5, 12, 20])
def test_whole_images_are_resized_as_by_the_layers(patch_size):
    image = noise(1, 12, 12)
    matrix = np.array(resize_matrix(12, patch_size))
    expected = np.einsum("ph,qw,bhwc->bpqc", matrix, matrix, image)
    found = make(image, center_windows(1, 12, 12), patch_size)
    np.testing.assert_allclose(found, np.clip(expected, 0, 255), atol=1e-3)
