import numpy as np

from keras_elastic.spaces.rows import FACTOR
from keras_elastic.spaces.rows import row_keys
from keras_elastic.spaces.rows import unique_rows


def test_unique_rows_keeps_the_order_of_the_first():
    rows = np.array([[3, 1], [2, 9], [3, 1], [1, 1], [2, 9]], "int32")
    assert unique_rows(rows).tolist() == [[3, 1], [2, 9], [1, 1]]
    # Also of a matrix whose rows do not lie in one piece.
    assert unique_rows(np.asfortranarray(rows)).tolist() == [
        [3, 1],
        [2, 9],
        [1, 1],
    ]


def test_unique_rows_of_random_rows():
    rows = np.random.default_rng(0).integers(0, 4, (500, 3), dtype="int32")
    found = unique_rows(rows)
    assert found.tolist() == [list(r) for r in dict.fromkeys(map(tuple, rows))]


def test_unique_rows_whose_sums_are_equal():
    # By the factors of the first two genes these add up to the same.
    factor = int(FACTOR)
    rows = np.array([[factor, 0], [0, 1], [factor, 0]])
    assert unique_rows(rows).tolist() == [[factor, 0], [0, 1]]


def test_keys_are_equal_where_rows_are():
    rows = np.array([[3, 1], [2, 9], [3, 1]])
    first, second, third = row_keys(rows)
    assert first == third != second
    # Whatever the type of the integers.
    assert row_keys(rows.astype("int16")) == [first, second, third]
