import contracts
import keras
import numpy as np
import pytest

from keras_elastic.layers.elastic_group_normalization import (
    ElasticGroupNormalization,
)

CHANNELS, SIZE = 12, 4


def choice(channels):
    return contracts.Choice(
        live=channels,
        out=channels,
        arguments={"channels": channels},
        sliced=(channels,),
    )


CHOICES = [choice(CHANNELS), choice(SIZE), choice(8)]


def stock_normalization(layer, choice):
    stock = keras.layers.GroupNormalization(
        choice.live // layer.group_size, epsilon=layer.epsilon
    )
    stock.build((None, None, None, choice.live))
    stock.set_weights(layer.sliced_weights(*choice.sliced))
    return stock


def make(**arguments):
    return ElasticGroupNormalization(SIZE, epsilon=1e-5, **arguments)


def test_contract():
    contracts.check_elastic_layer(
        contracts.LayerCase(
            make, (5, 5, CHANNELS), CHOICES, stock_normalization
        )
    )


def test_images_and_groups_are_normalized_apart():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 4, 4, CHANNELS)).astype("float32")
    layer = make()
    expected = np.asarray(layer(images))
    np.testing.assert_allclose(layer(images[1:2])[0], expected[1], atol=1e-6)
    changed = images.copy()
    changed[..., SIZE:] *= 3
    np.testing.assert_allclose(
        layer(changed)[..., :SIZE], expected[..., :SIZE], atol=1e-6
    )
    groups = expected.reshape((3, -1, CHANNELS // SIZE, SIZE))
    np.testing.assert_allclose(groups.mean((1, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(groups.var((1, 3)), 1, atol=1e-3)


@pytest.mark.parametrize("size", [0, 2.5, True, "8"])
def test_sizes_of_groups(size):
    with pytest.raises(ValueError, match="`group_size` must be"):
        ElasticGroupNormalization(size)


def test_channels_are_whole_groups():
    with pytest.raises(ValueError, match="multiple"):
        make().build((None, 2, 2, 10))
    layer = make()
    layer.build((None, 2, 2, CHANNELS))
    with pytest.raises(ValueError, match="multiple"):
        layer(np.ones((1, 2, 2, 6)))
