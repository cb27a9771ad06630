import contracts
import keras
import numpy as np
import pytest

from keras_elastic.layers import ElasticDense


def choice(features, units):
    return contracts.Choice(
        live=features,
        out=units,
        arguments={"units": units},
        sliced=(features, units),
    )


CHOICES = [choice(12, 10), choice(1, 1), choice(5, 10), choice(12, 3)]


def stock_dense(layer, choice):
    stock = keras.layers.Dense(choice.out, use_bias=layer.use_bias)
    stock.build((None, choice.live))
    stock.set_weights(layer.sliced_weights(*choice.sliced))
    return Stock(stock)


class Stock:
    """`Dense` has no argument `training`; the contract passes it."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, inputs, training):
        return self.layer(inputs)


@pytest.mark.parametrize("use_bias", [True, False])
def test_contract(use_bias):
    def make(**arguments):
        return ElasticDense(10, use_bias=use_bias, **arguments)

    case = contracts.LayerCase(make, (12,), CHOICES, stock_dense)
    contracts.check_elastic_layer(case)


def test_default_is_the_largest_size():
    layer = ElasticDense(10)
    layer.build((None, 12))
    assert layer(np.ones((2, 12))).shape == (2, 10)


@pytest.mark.parametrize("units", [0, -3, "8", None])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(
        ValueError, match=f"`units` must be a positive integer.*{units!r}"
    ):
        ElasticDense(units)
