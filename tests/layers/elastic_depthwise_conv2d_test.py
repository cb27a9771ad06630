import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.layers import ElasticDepthwiseConv2D


def choice(channels, kernel_size):
    return contracts.Choice(
        live=channels,
        out=channels,
        arguments={"kernel_size": kernel_size},
        sliced=(channels, kernel_size),
    )


CHOICES = [choice(6, 7), choice(6, 3), choice(1, 5), choice(4, 3)]


def stock_depthwise(layer, choice):
    stock = keras.layers.DepthwiseConv2D(
        choice.sliced[1],
        strides=layer.strides,
        padding="same" if layer.padding == "same" else "valid",
        use_bias=False,
    )
    stock.build((None, None, None, choice.live))
    stock.set_weights(layer.sliced_weights(*choice.sliced))
    return contracts.padded_stock(layer, stock)


@pytest.mark.parametrize(
    "size,strides,padding",
    [
        # Without strides both paddings are one.
        (7, 1, "same"),
        (8, 2, "same"),
        (9, 2, "same"),
        (8, 2, "symmetric"),
        (9, 2, "symmetric"),
    ],
)
def test_contract(size, strides, padding):
    def make(**arguments):
        return ElasticDepthwiseConv2D(
            7, strides=strides, padding=padding, **arguments
        )

    case = contracts.LayerCase(make, (size, size, 6), CHOICES, stock_depthwise)
    contracts.check_elastic_layer(case)


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 13, 14])
def test_center_crop_equals_masked_kernel(size, strides, kernel_size):
    # "same" padding at stride 2 is asymmetric for even sizes.
    inputs = np.random.default_rng(0).normal(size=(1, size, size, 3))
    outputs = []
    for mode in ("sliced", "masked"):
        layer = ElasticDepthwiseConv2D(7, strides=strides, mode=mode)
        layer.build((None, None, None, 3))
        contracts.randomize(layer)
        outputs.append(layer(inputs, kernel_size=kernel_size))
    np.testing.assert_allclose(*outputs, atol=1e-5)


def test_kernel_chain_passes_through_five():
    layer = ElasticDepthwiseConv2D(7)
    layer.build((None, None, None, 2))
    smaller = ElasticDepthwiseConv2D(5)
    smaller.build((None, None, None, 2))
    smaller.set_weights(layer.sliced_weights(2, 5))
    np.testing.assert_array_equal(
        smaller.sliced_weights(2, 3)[0], layer.sliced_weights(2, 3)[0]
    )


def test_initial_variance_is_that_of_one_input_channel():
    layer = ElasticDepthwiseConv2D(3)
    layer.build((None, None, None, 4096))
    spread = np.std(layer.kernel.numpy())
    assert spread == pytest.approx(np.sqrt(2 / 9), rel=0.05)


@pytest.mark.parametrize("name", ["kernel_size", "strides"])
def test_sizes_must_be_positive_integers(name):
    sizes = {"kernel_size": 3, "strides": 1, name: 0}
    with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
        ElasticDepthwiseConv2D(**sizes)


def test_even_kernels_have_no_center():
    with pytest.raises(ValueError, match="`kernel_size` must be odd.*=6"):
        ElasticDepthwiseConv2D(kernel_size=6)
    layer = ElasticDepthwiseConv2D(5)
    layer.build((None, None, None, 2))
    with pytest.raises(ValueError, match="`kernel_size` must be odd.*=4"):
        layer(np.ones((1, 4, 4, 2)), kernel_size=4)


# Kernel transforms


def transforming(mode="sliced"):
    layer = ElasticDepthwiseConv2D(7, kernel_transform=True, mode=mode)
    layer.build((None, None, None, 4))
    return layer


def with_random_matrices(layer):
    rng = np.random.default_rng(0)
    for matrix in layer.transforms.values():
        matrix.assign(rng.normal(size=matrix.shape))
    return layer


def reference_kernel(layer, kernel_size):
    """The matrices' definition, in NumPy: 7 to 5, then 5 to 3."""
    kernel = layer.kernel.numpy()
    for size in range(5, kernel_size - 1, -2):
        center = kernel[1:-1, 1:-1].reshape(size**2, -1)
        matrix = layer.transforms[size].numpy()
        kernel = (matrix @ center).reshape(size, size, -1, 1)
    return kernel


def test_there_is_a_matrix_for_each_smaller_size():
    shapes = {s: m.shape for s, m in transforming().transforms.items()}
    assert shapes == {5: (25, 25), 3: (9, 9)}


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_transforms_start_as_the_center_crop(kernel_size):
    layer = transforming()
    margin = (7 - kernel_size) // 2
    center = layer.kernel.numpy()[margin : 7 - margin, margin : 7 - margin]
    [kernel] = layer.sliced_weights(4, kernel_size)
    np.testing.assert_array_equal(kernel, center)


@pytest.mark.parametrize("mode", ["sliced", "masked"])
@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_smaller_kernels_are_transformed(mode, kernel_size):
    layer = with_random_matrices(transforming(mode))
    inputs = np.random.default_rng(1).normal(size=(2, 9, 9, 4))
    kernel = reference_kernel(layer, kernel_size).astype("float32")
    expected = keras.ops.depthwise_conv(
        inputs.astype("float32"), kernel, padding="same"
    )
    for size in (kernel_size, tf.constant(kernel_size)):
        np.testing.assert_allclose(
            layer(inputs, kernel_size=size), expected, atol=1e-3
        )
    [extracted] = layer.sliced_weights(4, kernel_size)
    np.testing.assert_allclose(extracted, kernel, atol=1e-5)


def test_a_scale_and_a_shift_fold_in():
    layer = ElasticDepthwiseConv2D(5)
    layer.build((None, None, None, 6))
    contracts.randomize(layer)
    images = np.random.default_rng(0).normal(size=(2, 7, 7, 4)).astype("f")
    scale, shift = np.random.default_rng(1).normal(size=(2, 6)).astype("f")
    plain = layer(images, kernel_size=3)
    folded = layer(images, kernel_size=3, affine=(scale, shift))
    np.testing.assert_allclose(
        folded, plain * scale[:4] + shift[:4], rtol=1e-4, atol=1e-5
    )
