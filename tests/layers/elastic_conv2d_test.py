import contracts
import keras
import numpy as np
import pytest

from keras_elastic.layers import ElasticConv2D


def choice(live, filters, kernel_size):
    return contracts.Choice(
        live=live,
        out=filters,
        arguments={"filters": filters, "kernel_size": kernel_size},
        sliced=(live, filters, kernel_size),
    )


CHOICES = [
    choice(6, 8, 5),
    choice(1, 1, 3),
    choice(4, 8, 3),
    choice(6, 5, 3),
    choice(3, 4, 5),
]


def stock_conv2d(layer, choice):
    stock = keras.layers.Conv2D(
        choice.out,
        choice.sliced[2],
        strides=layer.strides,
        padding="same" if layer.padding == "same" else "valid",
        use_bias=layer.use_bias,
    )
    stock.build((None, None, None, choice.live))
    stock.set_weights(layer.sliced_weights(*choice.sliced))
    return contracts.padded_stock(layer, stock)


def make_case(size, strides, use_bias, padding="same"):
    def make(**arguments):
        return ElasticConv2D(
            8,
            5,
            strides=strides,
            use_bias=use_bias,
            padding=padding,
            **arguments,
        )

    return contracts.LayerCase(make, (size, size, 6), CHOICES, stock_conv2d)


@pytest.mark.parametrize(
    "size,strides,use_bias", [(5, 1, True), (6, 2, False), (7, 2, True)]
)
def test_contract(size, strides, use_bias):
    contracts.check_elastic_layer(make_case(size, strides, use_bias))


# Without strides it is the padding of above.
@pytest.mark.parametrize("size,strides", [(6, 2), (7, 2)])
def test_contract_of_symmetric_padding(size, strides):
    case = make_case(size, strides, True, padding="symmetric")
    contracts.check_elastic_layer(case)


def test_defaults_are_the_largest_sizes():
    case = make_case(5, 1, True)
    layer = case.build()
    inputs = case.inputs(CHOICES[0])
    np.testing.assert_array_equal(
        layer(inputs), layer(inputs, filters=8, kernel_size=5)
    )


def test_rectangular_images():
    layer = ElasticConv2D(8, 3, strides=2)
    layer.build((None, None, None, 4))
    assert layer(np.ones((2, 5, 8, 3)), filters=7).shape == (2, 3, 4, 7)


def test_infinite_dead_channels_are_masked():
    layer = ElasticConv2D(4, 1, mode="masked")
    layer.build((None, None, None, 2))
    layer.kernel.assign(np.full((1, 1, 2, 4), np.inf))
    outputs = np.asarray(layer(np.ones((1, 2, 2, 2), "float32"), filters=1))
    assert not outputs[..., 1:].any()


@pytest.mark.parametrize("name", ["filters", "kernel_size", "strides"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_sizes_must_be_positive_integers(name, value):
    sizes = {"filters": 4, "kernel_size": 3, "strides": 1, name: value}
    with pytest.raises(
        ValueError, match=rf"`{name}` must be a positive integer.*{value}"
    ):
        ElasticConv2D(**sizes)


def test_even_kernels_have_no_center():
    with pytest.raises(ValueError, match="`kernel_size` must be odd.*=4"):
        ElasticConv2D(4, kernel_size=4)
    layer = ElasticConv2D(4, kernel_size=5)
    layer.build((None, None, None, 2))
    with pytest.raises(ValueError, match="`kernel_size` must be odd.*=2"):
        layer(np.ones((1, 4, 4, 2)), kernel_size=2)


def test_valid_padding_is_the_stock_layers():
    layer = ElasticConv2D(6, 3, strides=2, padding="valid")
    layer.build((None, None, None, 4))
    inputs = np.random.default_rng(0).normal(size=(2, 9, 9, 4))
    stock = keras.layers.Conv2D(
        6, 3, strides=2, padding="valid", use_bias=False
    )
    stock.build(inputs.shape)
    stock.set_weights(layer.sliced_weights(4, 6, 3))
    np.testing.assert_allclose(layer(inputs), stock(inputs), atol=1e-5)


def test_unknown_padding_is_refused():
    with pytest.raises(ValueError, match="`padding` must be"):
        ElasticConv2D(6, 3, padding="full")


@pytest.mark.parametrize("use_bias", [False, True])
def test_a_scale_and_a_shift_fold_in(use_bias):
    layer = make_case(6, 1, use_bias).make()
    layer.build((None, None, None, 6))
    contracts.randomize(layer)
    images = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype("f")
    scale, shift = np.random.default_rng(1).normal(size=(2, 8)).astype("f")
    plain = layer(images, filters=5, kernel_size=3)
    folded = layer(images, filters=5, kernel_size=3, affine=(scale, shift))
    np.testing.assert_allclose(
        folded, plain * scale[:5] + shift[:5], rtol=1e-4, atol=1e-5
    )
