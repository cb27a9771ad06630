"""Tests of `conditional/dsnet/layers.py`, too."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.conditional import SlimmingGate
from keras_elastic.conditional.dsnet.layers import choose
from keras_elastic.layers import ElasticSqueezeExcite

CHANNELS, REDUCED, CHOICES = 12, 5, 4


def make_gate(**kwargs):
    keras.utils.set_random_seed(0)
    gate = SlimmingGate(CHOICES, REDUCED, **kwargs)
    gate.build((None, None, None, CHANNELS))
    return gate


def inputs(channels=CHANNELS, batch=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch, 4, 4, channels)).astype("float32")


def gumbel(batch=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gumbel(size=(batch, CHOICES)).astype("float32")


# The choice


def test_with_noise_it_is_exactly_one_hot():
    logits = np.random.default_rng(1).normal(size=(500, CHOICES))
    noise = gumbel(500)
    choice = np.asarray(choose(tf.constant(logits, "float32"), noise))
    assert set(np.unique(choice)) == {0.0, 1.0}
    expected = np.argmax(logits.astype("float32") + noise, axis=-1)
    np.testing.assert_array_equal(choice, np.eye(CHOICES)[expected])


def test_with_noise_its_gradient_is_that_of_the_softmax():
    logits = tf.constant(np.random.default_rng(1).normal(size=(3, CHOICES)))
    logits = tf.cast(logits, "float32")
    noise, weights = gumbel(3), np.arange(CHOICES, dtype="float32")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        hard = tf.reduce_sum(choose(logits, noise) * weights)
        soft = tf.reduce_sum(tf.nn.softmax(logits + noise) * weights)
    got = tape.gradient(hard, logits)
    assert np.abs(got).max() > 0.01
    np.testing.assert_allclose(got, tape.gradient(soft, logits), atol=1e-7)


def test_without_noise_it_is_the_likeliest_and_has_no_gradient():
    logits = tf.constant([[0.1, 3.0, 2.0, -1.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        choice = choose(logits)
    assert choice.numpy().tolist() == [[0.0, 1.0, 0.0, 0.0]]
    assert tape.gradient(choice, logits) is None


def test_samples_follow_the_softmax():
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], "float32"))
    samples = choose(tf.constant(np.tile(logits, (4000, 1))), gumbel(4000))
    share = np.asarray(samples).mean(axis=0)
    np.testing.assert_allclose(share, np.exp(logits), atol=0.03)


# The layer


def test_shapes():
    outputs, choice, logits = make_gate()(inputs(), noise=gumbel())
    assert outputs.shape == (6, 4, 4, CHANNELS)
    assert choice.shape == logits.shape == (6, CHOICES)


def test_its_attention_is_squeeze_excite():
    gate = make_gate(activation="swish")
    attention = ElasticSqueezeExcite(REDUCED, "swish", "sigmoid")
    attention.build((None, None, None, CHANNELS))
    attention.reduce.set_weights(gate.reduce.get_weights())
    attention.expand.set_weights(gate.expand.get_weights())
    outputs, _, _ = gate(inputs())
    np.testing.assert_allclose(outputs, attention(inputs()), atol=1e-6)


def test_one_plus_tanh_begins_as_the_identity():
    gate = make_gate(attention="one_plus_tanh")
    np.testing.assert_array_equal(gate(inputs())[0], inputs())
    gate.expand.kernel.assign(gate.expand.kernel + 1.0)
    assert np.abs(gate(inputs())[0] - inputs()).max() > 0.01


def test_fewer_channels_are_the_first_and_zeros():
    gate = make_gate()
    few = inputs(7)
    padded = np.pad(few, [(0, 0)] * 3 + [(0, CHANNELS - 7)])
    outputs, choice, logits = gate(few)
    full, full_choice, full_logits = gate(padded)
    np.testing.assert_allclose(full[..., :7], outputs, atol=1e-6)
    assert not np.asarray(full[..., 7:]).any()
    np.testing.assert_allclose(full_logits, logits, atol=1e-6)
    np.testing.assert_array_equal(full_choice, choice)


def test_the_slimming_head_has_no_bias():
    gate = make_gate()
    shapes = [tuple(v.shape) for v in gate.slimming.weights]
    assert shapes == [(REDUCED, CHOICES)]


@pytest.mark.parametrize("attention", ["sigmoid", "one_plus_tanh"])
def test_config(attention):
    gate = make_gate(attention=attention, activation="swish", name="gate")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(gate)))
    assert config["registered_name"] == "keras_elastic>SlimmingGate"
    loaded = keras.saving.deserialize_keras_object(config)
    assert loaded.get_config() == gate.get_config()
    assert loaded.attention == attention


def test_mixed_precision():
    gate = make_gate(dtype="mixed_float16")
    outputs, choice, logits = gate(inputs())
    assert outputs.dtype == "float16"
    assert choice.dtype == logits.dtype == "float32"
    np.testing.assert_allclose(outputs, make_gate()(inputs())[0], atol=0.02)


def test_errors():
    with pytest.raises(ValueError, match="`attention` must be one of.*'none'"):
        SlimmingGate(4, 8, attention="none")
    with pytest.raises(ValueError, match="`choices` must be a positive"):
        SlimmingGate(0, 8)
    with pytest.raises(ValueError, match="at most 12 channels"):
        make_gate()(inputs(13))
