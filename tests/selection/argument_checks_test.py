import math

import pytest

from keras_elastic.selection.argument_checks import check_fraction
from keras_elastic.selection.argument_checks import check_integer


@pytest.mark.parametrize("value", [1, 2, 10**9])
def test_integers(value):
    check_integer("count", value, least=1)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_no_integers(value):
    message = f"`count` must be .* at least 1. Received: count={value!r}"
    with pytest.raises(ValueError, match=message):
        check_integer("count", value, least=1)


@pytest.mark.parametrize("value", [0, 0.5, 1, 1.0])
def test_fractions(value):
    check_fraction("share", value)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, True, "0.5", None])
def test_no_fractions(value):
    message = f"`share` must be .* 0 to 1. Received: share={value!r}"
    with pytest.raises(ValueError, match=message):
        check_fraction("share", value)
