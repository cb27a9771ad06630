import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.layers import slicing


def numbered_kernel(size, in_channels=2, filters=3):
    count = size * size * in_channels * filters
    return np.arange(1.0, count + 1).reshape((size, size, in_channels, filters))


@pytest.mark.parametrize("mode", slicing.MODES)
def test_known_modes(mode):
    assert slicing.check_mode(mode) == mode


def test_unknown_mode():
    with pytest.raises(ValueError, match="`mode`.*Received: mode='dense'"):
        slicing.check_mode("dense")


def test_no_size_is_the_largest():
    assert slicing.check_size("units", None, 8) == 8


@pytest.mark.parametrize("value", [1, 8, tf.constant(99)])
def test_sizes_that_pass(value):
    # A tensor is not known where a trace is made.
    assert slicing.check_size("units", value, 8) is value


@pytest.mark.parametrize("value", [0, -1, 9])
def test_sizes_out_of_range(value):
    with pytest.raises(ValueError, match=rf"`units` .*1..8.*units={value}"):
        slicing.check_size("units", value, 8)


@pytest.mark.parametrize("value", [1, 5, None, tf.constant(2)])
def test_kernel_sizes_that_pass(value):
    slicing.check_kernel_size(value, 5)


@pytest.mark.parametrize("value", [2, 4])
def test_even_kernel_sizes(value):
    with pytest.raises(ValueError, match=f"must be odd.*={value}"):
        slicing.check_kernel_size(value, 5)


@pytest.mark.parametrize("size,expected", [(7, 0), (5, 1), (3, 2), (1, 3)])
def test_crop_is_the_center(size, expected):
    kernel = numbered_kernel(7)
    cropped = slicing.crop_kernel(kernel, size, 7)
    assert cropped.shape[:2] == (size, size)
    end = 7 - expected
    np.testing.assert_array_equal(cropped, kernel[expected:end, expected:end])


@pytest.mark.parametrize("size", [7, 5, 3, 1])
@pytest.mark.parametrize("as_size", [int, tf.constant])
def test_mask_is_the_crop_in_zeros(size, as_size):
    kernel = numbered_kernel(7)
    border = (7 - size) // 2
    expected = np.zeros_like(kernel)
    inside = slice(border, 7 - border)
    expected[inside, inside] = kernel[inside, inside]
    masked = slicing.mask_kernel(tf.constant(kernel), as_size(size), 7)
    np.testing.assert_array_equal(masked, expected)


@pytest.mark.parametrize("as_size", [int, tf.constant])
def test_kernel_part_follows_the_mode(as_size):
    kernel = tf.constant(numbered_kernel(5))
    sliced = slicing.kernel_part(kernel, as_size(3), 5, "sliced")
    masked = slicing.kernel_part(kernel, as_size(3), 5, "masked")
    assert sliced.shape[:2] == (3, 3)
    np.testing.assert_array_equal(masked[1:4, 1:4], sliced)
    assert np.count_nonzero(masked) == np.size(sliced)


@pytest.mark.parametrize("channels", [1, 2, 4, tf.constant(2)])
def test_mask_channels(channels):
    outputs = tf.constant([[1.0, np.inf, np.nan, -2.0]])
    masked = slicing.mask_channels(outputs, channels, 4)
    live = int(channels)
    np.testing.assert_array_equal(masked[:, :live], outputs[:, :live])
    assert not np.any(masked[:, live:])


def test_channel_mask():
    mask = slicing.channel_mask(tf.constant(2), 4, "float32")
    np.testing.assert_array_equal(mask, [1, 1, 0, 0])


def test_live_channels_are_an_integer_where_known():
    assert slicing.live_channels(tf.ones((1, 2, 2, 5))) == 5


def test_live_channels_are_a_tensor_where_unknown():
    @tf.function(input_signature=[tf.TensorSpec((None, None))])
    def channels(inputs):
        live = slicing.live_channels(inputs)
        assert not isinstance(live, int)
        return live

    assert channels(tf.ones((2, 7))) == 7


@pytest.mark.parametrize(
    "channels,mode,fits",
    [
        (4, "sliced", True),
        (8, "sliced", True),
        (9, "sliced", False),
        (4, "masked", False),
        (8, "masked", True),
    ],
)
def test_input_channels(channels, mode, fits):
    inputs = tf.ones((1, channels))
    if fits:
        slicing.check_input_channels("dense", inputs, 8, mode)
        return
    with pytest.raises(ValueError, match=f"'dense' in mode '{mode}'.*8"):
        slicing.check_input_channels("dense", inputs, 8, mode)


def test_image_axes():
    assert slicing.image_axes() == (1, 2)


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="set_image_data_format"):
            slicing.image_axes()
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("as_first", [int, tf.constant])
@pytest.mark.parametrize("as_second", [int, tf.constant])
def test_first_entries(as_first, as_second):
    weights = tf.constant(np.arange(60.0).reshape((3, 4, 5)))
    part = slicing.first(weights, as_first(2), as_second(3))
    np.testing.assert_array_equal(part, weights[:, :2, :3])


def test_integer_sizes_stay_static_beside_tensors():
    shapes = []

    @tf.function(input_signature=[tf.TensorSpec((), "int32")])
    def part(size):
        weights = slicing.first(tf.ones((3, 4, 5)), size, 2)
        shapes.append(weights.shape.as_list())
        return weights

    assert part(3).shape == (3, 3, 2)
    assert shapes == [[3, None, 2]]
