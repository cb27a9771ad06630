import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import quick

from keras_elastic.spaces import ceil_divide
from keras_elastic.spaces import round_channels
from keras_elastic.spaces import where

ROUNDED = [(value, 16) for value in range(9, 14)] + [
    (8, 8),
    (14, 16),
    (17, 16),
    (18, 24),
    (28, 32),
    (35, 32),
    (90, 88),
    (672, 672),
]

# Below half of the divisor, methods with a minimum of 1 give odd values.
ROUNDED_BELOW_HALF = [(1, 1), (2, 9), (3, 9), (4, 8)]

channels = st.integers(4, 10_000)
divisors = st.sampled_from((1, 2, 4, 8))


def to_tensor(values):
    return keras.ops.convert_to_tensor(values, dtype="int32")


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("value, expected", ROUNDED + ROUNDED_BELOW_HALF)
def test_round_channels_of_integers(value, expected):
    rounded = round_channels(value)
    assert rounded == expected
    assert type(rounded) is int


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_round_channels_of_arrays(dtype):
    values, expected = np.array(ROUNDED + ROUNDED_BELOW_HALF, dtype).T
    rounded = round_channels(values)
    np.testing.assert_array_equal(rounded, expected)
    assert rounded.dtype == dtype


def test_round_channels_of_tensors():
    values, expected = np.array(ROUNDED + ROUNDED_BELOW_HALF).T
    rounded = round_channels(to_tensor(values))
    np.testing.assert_array_equal(to_numpy(rounded), expected)
    assert keras.backend.standardize_dtype(rounded.dtype) == "int32"


def test_round_channels_of_a_scalar_tensor():
    assert int(round_channels(to_tensor(35))) == 32


@quick
@given(channels, channels, divisors)
def test_round_channels_is_monotone(one, other, divisor):
    low, high = sorted((one, other))
    assert round_channels(low, divisor) <= round_channels(high, divisor)


@quick
@given(channels, divisors)
def test_round_channels_is_divisible(value, divisor):
    assert round_channels(value, divisor) % divisor == 0


@quick
@given(channels, divisors)
def test_round_channels_stays_near(value, divisor):
    rounded = round_channels(value, divisor)
    assert rounded >= 0.9 * value
    assert abs(rounded - value) <= divisor


@quick
@given(channels, divisors)
def test_round_channels_keeps_what_is_rounded(value, divisor):
    rounded = round_channels(value, divisor)
    assert round_channels(rounded, divisor) == rounded


@pytest.mark.parametrize("value", range(1, 9))
def test_round_channels_with_the_divisor_as_minimum(value):
    assert round_channels(value, minimum=8) == 8


@quick
@given(st.integers(0, 10_000), st.integers(1, 64))
def test_ceil_divide(value, divisor):
    expected = math.ceil(value / divisor)
    assert ceil_divide(value, divisor) == expected
    np.testing.assert_array_equal(
        ceil_divide(np.array([value]), divisor), [expected]
    )


def test_ceil_divide_of_tensors():
    divided = ceil_divide(to_tensor([1, 7, 8, 9]), 2)
    np.testing.assert_array_equal(to_numpy(divided), [1, 4, 4, 5])


@pytest.mark.parametrize("boolean", [bool, np.bool_])
def test_where_of_a_boolean_returns_a_side(boolean):
    if_true, if_false = object(), object()
    assert where(boolean(True), if_true, if_false) is if_true
    assert where(boolean(False), if_true, if_false) is if_false


def test_where_of_an_array_selects_by_element():
    selected = where(np.array([True, False]), 1, np.array([2, 3]))
    np.testing.assert_array_equal(selected, [1, 3])


def test_where_of_a_tensor():
    one, two = to_tensor(1), to_tensor(2)
    assert int(where(one < two, one, two)) == 1
    assert int(where(two < one, one, two)) == 2


def test_where_keeps_what_is_the_same_on_both_sides():
    width = object()
    for condition in (True, np.array([True, False]), to_tensor(1) < 2):
        assert where(condition, width, width) is width
