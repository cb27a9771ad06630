import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.holding_out import held_out_mask
from keras_elastic.data.splits import hold_out


@pytest.mark.parametrize(
    "size, limit",
    [(2, None), (11, None), (100, 12), (99_999, None), (123_457, None)],
)
def test_the_images_are_held_out_that_tensorflow_holds_out(size, limit):
    records = tf.data.Dataset.range(size).map(lambda n: (n, n))
    _, held_out = hold_out(records, size, tf.identity, limit)
    expected = [int(n) for n, _ in held_out.records.batch(size).unbatch()]
    mask = held_out_mask(size, limit)
    assert mask.nonzero()[0].tolist() == expected
    assert len(mask) == (limit or size)


@pytest.mark.parametrize("size", [1_281_167, 100_009, 200_000])
def test_no_more_than_ten_thousand_are_held_out(size):
    mask = held_out_mask(size)
    assert mask.sum() == 10_000
    gaps = np.diff(mask.nonzero()[0])
    assert gaps.min() == gaps.max() == size // 10_000


@pytest.mark.parametrize("size, limit", [(1, None), (0, None), (50, 1)])
def test_too_few_to_divide(size, limit):
    with pytest.raises(ValueError, match="at least 2 images.*Received:"):
        held_out_mask(size, limit)


def test_limit_must_be_positive():
    with pytest.raises(ValueError, match="`limit` must be.*limit=0"):
        held_out_mask(10, 0)
