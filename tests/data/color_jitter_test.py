import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import color_jitter


def image():
    values = np.random.default_rng(0).integers(60, 160, [16, 16, 3])
    return tf.constant(values, tf.uint8)


def seeds(count):
    return [tf.constant([3, number], tf.int64) for number in range(count)]


def test_no_strength_leaves_the_image():
    for seed in seeds(3):
        found = color_jitter.jitter(image(), seed, strength=0.0)
        np.testing.assert_array_equal(found, image())


def test_factors_and_order(monkeypatch):
    orders, factors = set(), []

    def note(image, number, factor):
        factors.append((int(number), float(factor)))
        return image

    monkeypatch.setattr(color_jitter, "_change", note)
    for seed in seeds(100):
        color_jitter.jitter(image(), seed)
        orders.add(tuple(number for number, _ in factors[-3:]))
    assert len(orders) == 6
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    for changed in range(3):
        found = [factor for number, factor in factors if number == changed]
        assert 0.6 <= min(found) < 0.65 and 1.35 < max(found) <= 1.4
        assert np.mean(found) == pytest.approx(1, abs=0.08)


def test_light_adds_one_colour():
    added = []
    for seed in seeds(200):
        difference = color_jitter.light(image(), seed).numpy() - image().numpy()
        assert np.ptp(difference, axis=(0, 1)).max() < 1e-3
        added.append(difference[0, 0])
    # The covariance that the components stand for, in grey values.
    vectors = np.array(color_jitter._EIGENVECTORS)
    values = np.array(color_jitter._EIGENVALUES)
    expected = vectors @ np.diag((25.5 * values) ** 2) @ vectors.T
    np.testing.assert_allclose(np.cov(np.transpose(added)), expected, atol=3.5)


def test_light_stays_in_range():
    for value in (0, 255):
        flat = tf.fill([4, 4, 3], tf.constant(value, tf.uint8))
        for seed in seeds(10):
            found = color_jitter.light(flat, seed, deviation=1.0).numpy()
            assert found.min() >= 0 and found.max() <= 255


def test_seed_alone_decides():
    first = [color_jitter.distort(image(), seed).numpy() for seed in seeds(6)]
    again = [color_jitter.distort(image(), seed).numpy() for seed in seeds(6)]
    np.testing.assert_array_equal(first, again)
    assert len({found.tobytes() for found in first}) == 6
