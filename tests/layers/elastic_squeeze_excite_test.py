import contracts
import keras
import numpy as np
import pytest

from keras_elastic.layers import ElasticSqueezeExcite


def choice(channels, reduced):
    return contracts.Choice(
        live=channels,
        out=channels,
        arguments={"reduced": reduced},
        sliced=(channels, reduced),
    )


CHOICES = [choice(8, 4), choice(2, 1), choice(8, 2), choice(5, 4)]


def stock_squeeze_excite(layer, choice):
    channels, reduced = choice.sliced
    inputs = keras.Input((None, None, channels))
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    narrow = keras.layers.Conv2D(reduced, 1, activation=layer.activation)
    expand = keras.layers.Conv2D(channels, 1)
    gate = layer.gate(expand(narrow(pooled)))
    for conv, weights in zip(
        (narrow, expand), layer.sliced_weights(channels, reduced), strict=True
    ):
        conv.set_weights(weights)
    outputs = keras.layers.Multiply()([inputs, gate])
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    "activation,gate",
    [
        ("swish", "hard_sigmoid"),
        ("sigmoid", "sigmoid"),
        ("relu", "one_plus_tanh"),
    ],
)
def test_contract(activation, gate):
    # A sigmoid inside is not zero at zero, which masking has to undo.
    def make(**arguments):
        return ElasticSqueezeExcite(
            4, activation=activation, gate=gate, **arguments
        )

    case = contracts.LayerCase(make, (3, 3, 8), CHOICES, stock_squeeze_excite)
    contracts.check_elastic_layer(case)


def test_one_plus_tanh_begins_as_the_identity():
    layer = ElasticSqueezeExcite(4, gate="one_plus_tanh")
    inputs = contracts.random_images(2, 5)
    np.testing.assert_array_equal(layer(inputs), inputs)
    again = ElasticSqueezeExcite.from_config(layer.get_config())
    contracts.randomize(layer)
    again.build(inputs.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(inputs), layer(inputs))
    factors = np.asarray(layer(inputs)) / np.maximum(inputs, 1e-6)
    assert factors.max() > 1 and factors.min() >= 0


def test_default_is_the_largest_size():
    layer = ElasticSqueezeExcite(4)
    layer.build((None, None, None, 8))
    contracts.randomize(layer)
    inputs = np.ones((1, 2, 2, 8))
    np.testing.assert_array_equal(layer(inputs), layer(inputs, reduced=4))


def test_reduced_must_be_a_positive_integer():
    with pytest.raises(ValueError, match="`reduced` must be a positive.*0"):
        ElasticSqueezeExcite(0)
