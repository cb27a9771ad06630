import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import distortions


def image():
    values = np.random.default_rng(0).integers(60, 160, [16, 16, 3])
    return tf.constant(values, tf.uint8)


def seeds(count):
    return [tf.constant([3, number], tf.int64) for number in range(count)]


def test_no_strength_leaves_the_image():
    for seed in seeds(3):
        found = distortions.jitter(image(), seed, strength=0.0)
        np.testing.assert_array_equal(found, image())


def test_factors_and_order(monkeypatch):
    orders, factors = set(), []

    def note(image, number, factor):
        factors.append((int(number), float(factor)))
        return image

    monkeypatch.setattr(distortions, "_change", note)
    for seed in seeds(100):
        distortions.jitter(image(), seed)
        orders.add(tuple(number for number, _ in factors[-3:]))
    assert len(orders) == 6
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    for changed in range(3):
        found = [factor for number, factor in factors if number == changed]
        assert 0.6 <= min(found) < 0.65 and 1.35 < max(found) <= 1.4
        assert np.mean(found) == pytest.approx(1, abs=0.08)


def test_light_adds_one_color():
    added = []
    for seed in seeds(200):
        difference = distortions.light(image(), seed).numpy() - image().numpy()
        assert np.ptp(difference, axis=(0, 1)).max() < 1e-3
        added.append(difference[0, 0])
    # The covariance that the components stand for, in gray values.
    vectors = np.array(distortions._EIGENVECTORS)
    values = np.array(distortions._EIGENVALUES)
    expected = vectors @ np.diag((25.5 * values) ** 2) @ vectors.T
    np.testing.assert_allclose(np.cov(np.transpose(added)), expected, atol=3.5)


def test_light_stays_in_range():
    for value in (0, 255):
        flat = tf.fill([4, 4, 3], tf.constant(value, tf.uint8))
        for seed in seeds(10):
            found = distortions.light(flat, seed, deviation=1.0).numpy()
            assert found.min() >= 0 and found.max() <= 255


def test_seed_alone_decides_on_jitter():
    first = [
        distortions.jitter_and_light(image(), seed).numpy() for seed in seeds(6)
    ]
    again = [
        distortions.jitter_and_light(image(), seed).numpy() for seed in seeds(6)
    ]
    np.testing.assert_array_equal(first, again)
    assert len({found.tobytes() for found in first}) == 6


IMAGE = tf.fill([60, 80, 3], tf.constant(7, tf.uint8))


def erased(number, image=IMAGE, **kwargs):
    found = distortions.erase(image, tf.constant([3, number]), **kwargs)
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
        found = distortions.erase(IMAGE, [3, number], probability=1.0).numpy()
        noise.extend(found[erased(number, probability=1.0)])
    assert len(noise) > 2000
    assert np.min(noise) == 0 and np.max(noise) == 255
    assert np.mean(noise) == pytest.approx(127.5, abs=3)


def test_nothing_fits():
    image = tf.fill([1, 40, 3], tf.constant(7, tf.uint8))
    assert not any(
        erased(number, image, probability=1.0).any() for number in range(5)
    )


def test_seed_alone_decides_on_erasing():
    np.testing.assert_array_equal(
        distortions.erase(IMAGE, [3, 1], probability=1.0),
        distortions.erase(IMAGE, [3, 1], probability=1.0),
    )
