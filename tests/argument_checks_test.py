"""What `keras_elastic/checks.py` lets through and what it refuses.

Tests of `checks.py`, too.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from keras_elastic import checks

NO_NUMBERS = [True, np.bool_(True), "1", None, 1j, np.ones(1)]


def refused(check, value, expected, fix=""):
    """Whether a value is refused, with its name and what was expected."""
    with pytest.raises(ValueError) as error:
        check(right=1, wrong=value)
    message = f"`wrong` must be {expected}. Received: wrong={value!r}.{fix}"
    return str(error.value) == message


@pytest.mark.parametrize("value", [1, 2, 10**9, np.int64(1)])
def test_positive_integers(value):
    checks.positive_integer(count=value)


@pytest.mark.parametrize("value", [0, -1, 1.0, np.int64(0), *NO_NUMBERS])
def test_no_positive_integers(value):
    expected = "a positive integer"
    fix = " Pass 1 or more."
    assert refused(checks.positive_integer, value, expected, fix)


def test_integers_from_a_number():
    checks.integer_from(4, count=4, other=5)
    checks.non_negative_integer(count=0)


@pytest.mark.parametrize("value", [3, 4.0, *NO_NUMBERS])
def test_no_integers_from_a_number(value):
    with pytest.raises(ValueError, match="`count` .* at least 4. Received: c"):
        checks.integer_from(4, count=value)


@pytest.mark.parametrize("value", [-1, 0.0, *NO_NUMBERS])
def test_no_integers_from_zero(value):
    expected = "an integer of at least 0"
    fix = " Pass 0 or more."
    assert refused(checks.non_negative_integer, value, expected, fix)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers(value):
    checks.positive_number(size=value)
    checks.non_negative_number(size=value)
    checks.fraction(size=value)


def test_numbers_at_the_ends():
    checks.positive_number(size=math.inf)
    checks.non_negative_number(size=0)
    checks.fraction(size=0, other=1.0)


@pytest.mark.parametrize("value", [0, -0.1, math.nan, *NO_NUMBERS])
def test_no_positive_numbers(value):
    assert refused(checks.positive_number, value, "a positive number")


@pytest.mark.parametrize("value", [-0.1, math.nan, *NO_NUMBERS])
def test_negative_numbers(value):
    expected = "a number of at least 0"
    assert refused(checks.non_negative_number, value, expected)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, *NO_NUMBERS])
def test_no_fractions(value):
    assert refused(checks.fraction, value, "a number from 0 to 1")


def test_choices():
    checks.one_of((None, "int8"), quantization=None, other="int8")


@pytest.mark.parametrize("value", ["int4", None, ["int8"], np.ones(2)])
def test_no_choices(value):
    with pytest.raises(ValueError, match="one of 1, 'int8'. Received: kind="):
        checks.one_of((1, "int8"), kind=value)


# Rules


@checks.arguments(
    count=checks.POSITIVE_INTEGER, name=checks.STRING | checks.NONE
)
def counted(count, *, name=None, other=None):
    """Returns its arguments."""
    return count, name, other


def test_arguments_that_follow_their_rules():
    assert counted(2, name="a", other=[]) == (2, "a", [])
    assert counted.__doc__ == "Returns its arguments."


def test_numbers_of_numpy_become_those_of_python():
    count, *_ = counted(np.int64(3))
    assert type(count) is int


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "`count` must be a positive integer. Received: count=0"),
        ({"count": 1, "name": 3}, "`name` must be a string or None. Received"),
    ],
)
def test_arguments_that_break_a_rule(arguments, message):
    with pytest.raises(ValueError, match=message):
        counted(**arguments)


def test_python_itself_tells_of_a_missing_argument():
    with pytest.raises(TypeError, match="missing 1 required"):
        counted()


@dataclasses.dataclass(frozen=True)
class Table:
    sizes: tuple[int, ...]
    rate: float | None = None
    flag: bool = False
    pair: tuple[int, int] = (1, 2)
    anything: Any = None

    def __post_init__(self):
        checks.fields(self, rate=checks.FRACTION | checks.NONE)


def test_fields_that_are_what_their_annotations_say():
    table = Table([np.int64(1), 2], rate=np.float32(0.5), anything=object)
    assert table.sizes == [1, 2] and type(table.sizes[0]) is int
    assert type(table.rate) is float


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizes": 3},
        {"sizes": (1.5,)},
        {"sizes": "12"},
        {"rate": 2.0},
        {"rate": "half"},
        {"flag": 1},
        {"pair": (1, 2, 3)},
    ],
)
def test_fields_that_are_not(wrong):
    [name] = wrong
    with pytest.raises(ValueError, match=f"`{name}` must be.*Received: {name}"):
        Table(**{"sizes": (1,), **wrong})


@pytest.mark.parametrize(
    "name, meant",
    [
        ("bignas_cifr10", "Did you mean 'bignas_cifar10'?"),
        ("BigNAS", "Did you mean 'bignas'?"),
        ("resnet", ""),
        ("bignas", ""),
        (3, ""),
        ("", ""),
    ],
)
def test_the_nearest_name(name, meant):
    names = ("bignas", "bignas_cifar10", None)
    assert checks.nearest(name, names) == meant


def test_a_choice_that_is_nearly_right():
    with pytest.raises(ValueError, match="Did you mean 'random'?"):
        checks.one_of(("evolution", "random"), search="randon")
    rule = checks.choice(("evolution", "random")) | checks.NONE
    with pytest.raises(ValueError, match="Did you mean 'random'?"):
        rule.check("search", "randon")
