import numpy as np
import pytest

from keras_elastic.conditional.cascades import certainty


def test_the_temperature_undoes_a_factor():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 5)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=p) for p in probabilities])
    assert certainty.find_temperature(3 * logits, labels) == pytest.approx(
        3, rel=0.1
    )


def test_a_p_value_is_small_only_where_losses_are():
    rng = np.random.default_rng(0)
    small = rng.choice([-1, 0, 1], size=2000, p=[0.01, 0.98, 0.01])
    large = rng.choice([-1, 0, 1], size=2000, p=[0.0, 0.95, 0.05])
    assert certainty.p_value(small, 0.02) < 0.05
    assert certainty.p_value(large, 0.02) > 0.5


def test_a_p_value_is_rarely_small_at_the_border():
    """Losses of exactly the tolerance: at most a tenth are below 0.1."""
    rng = np.random.default_rng(1)
    draws = rng.choice([0, 1], size=(400, 500), p=[0.95, 0.05])
    small = [certainty.p_value(losses, 0.05) <= 0.1 for losses in draws]
    assert np.mean(small) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 400)


def test_fewer_images_than_the_least_promise_nothing():
    least = certainty.least_images(0.01, 0.9)
    assert certainty.p_value(np.zeros(least - 1), 0.01) > 0.1
    assert certainty.p_value(np.zeros(2 * least), 0.01) < 0.1
