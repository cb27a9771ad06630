import pytest

from keras_elastic.families.strides import limit_strides

STRIDES = [2, 1, 2, 2, 2, 1, 2, 1]


@pytest.mark.parametrize(
    "total, expected",
    [
        (None, STRIDES),
        (32, STRIDES),
        (16, [1, 1, 2, 2, 2, 1, 2, 1]),
        (8, [1, 1, 1, 2, 2, 1, 2, 1]),
        (1, [1] * 8),
    ],
)
def test_the_first_strides_are_taken_out(total, expected):
    assert limit_strides(STRIDES, total) == expected


@pytest.mark.parametrize("total", [0, 3, 64])
def test_an_impossible_total_is_refused(total):
    with pytest.raises(ValueError, match="`total_strides` must be a product"):
        limit_strides(STRIDES, total)
