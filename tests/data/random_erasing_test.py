import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.random_erasing import erase

IMAGE = tf.fill([60, 80, 3], tf.constant(7, tf.uint8))


def erased(number, image=IMAGE, **kwargs):
    found = erase(image, tf.constant([3, number]), **kwargs)
    assert found.dtype == tf.uint8
    return (found.numpy() != image.numpy()).any(axis=-1)


def test_share_of_the_images():
    changed = sum(erased(number).any() for number in range(300))
    # 60 on average, with a standard deviation of 7.
    assert 38 < changed < 82
    assert not erased(1, probability=0.0).any()


def test_rectangles():
    areas, ratios, centers = [], [], []
    for number in range(80):
        mask = erased(number, probability=1.0)
        rows, columns = np.nonzero(mask)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        # All pixels within differ, but for noise that happens to be the same.
        assert mask.sum() > 0.99 * height * width
        areas.append(height * width / mask.size)
        ratios.append(height / width)
        centers.append((rows.mean(), columns.mean()))
    assert 0.015 < min(areas) < 0.05 and 0.27 < max(areas) < 0.35
    assert 0.28 < min(ratios) < 0.5 and 2 < max(ratios) < 3.6
    assert np.std(centers, axis=0).min() > 8


def test_noise_is_uniform():
    noise = []
    for number in range(10):
        found = erase(IMAGE, [3, number], probability=1.0).numpy()
        noise.extend(found[erased(number, probability=1.0)])
    assert len(noise) > 2000
    assert np.min(noise) == 0 and np.max(noise) == 255
    assert np.mean(noise) == pytest.approx(127.5, abs=3)


def test_nothing_fits():
    image = tf.fill([1, 40, 3], tf.constant(7, tf.uint8))
    assert not any(
        erased(number, image, probability=1.0).any() for number in range(5)
    )


def test_seed_alone_decides():
    np.testing.assert_array_equal(
        erase(IMAGE, [3, 1], probability=1.0),
        erase(IMAGE, [3, 1], probability=1.0),
    )
