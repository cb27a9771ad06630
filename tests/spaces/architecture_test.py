import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from space_strategies import quick
from space_strategies import spaces_and_architectures

from keras_elastic.spaces import Architecture
from keras_elastic.spaces.architecture import FIELDS

VALUES = {
    "resolution": 192,
    "width": (16, 24, 96),
    "depth": (2,),
    "kernel_size": (5,),
    "expand_ratio": (6,),
}


def with_lists(arch):
    return Architecture(**arch.to_dict())


def with_numpy(arch):
    tuples = {
        field: np.array(getattr(arch, field), "int32") for field in FIELDS[1:]
    }
    return Architecture(np.int64(arch.resolution), **tuples)


@quick
@given(spaces_and_architectures())
def test_lists_and_numpy_integers_make_the_same_value(pair):
    _, arch = pair
    for same in (with_lists(arch), with_numpy(arch)):
        assert same == arch
        assert hash(same) == hash(arch)
        assert {arch: "found"}[same] == "found"


@quick
@given(spaces_and_architectures())
def test_json_round_trip(pair):
    _, arch = pair
    text = arch.to_json()
    assert "\n" not in text
    assert Architecture.from_json(text) == arch
    assert Architecture.from_dict(arch.to_dict()) == arch


def test_numpy_integers_become_json():
    arch = with_numpy(Architecture(**VALUES))
    expected = {
        "resolution": 192,
        "width": [16, 24, 96],
        "depth": [2],
        "kernel_size": [5],
        "expand_ratio": [6],
    }
    assert arch.to_dict() == expected
    assert json.loads(arch.to_json()) == expected


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_counts_in_equality(field):
    arch = Architecture(**VALUES)
    other = 7 if field == "resolution" else (7,)
    assert arch != dataclasses.replace(arch, **{field: other})


def test_is_frozen():
    arch = Architecture(**VALUES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        arch.resolution = 224


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value",
    [2.0, True, np.True_, "3", None, np.array([1, 2]), np.array(2.5)],
    ids=repr,
)
def test_refuses_anything_but_integers(field, value):
    wrong = value if field == "resolution" else (3, value)
    with pytest.raises(ValueError, match=f"`{field}` must hold integers"):
        Architecture(**{**VALUES, field: wrong})


@pytest.mark.parametrize("field", FIELDS[1:])
@pytest.mark.parametrize("value", [3, "333", None], ids=repr)
def test_refuses_a_field_without_genes(field, value):
    message = f"`{field}` must be a sequence of integers. Received: {value!r}"
    with pytest.raises(ValueError, match=message):
        Architecture(**{**VALUES, field: value})


def without_depth():
    return {field: value for field, value in VALUES.items() if field != "depth"}


@pytest.mark.parametrize(
    "values",
    [without_depth(), {**VALUES, "color": (3,)}, {}, [192], None],
    ids=["missing", "unknown", "empty", "list", "none"],
)
def test_from_dict_wants_exactly_the_fields(values):
    with pytest.raises(ValueError, match="exactly the fields .*'resolution'"):
        Architecture.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "resolution: 192"])
def test_from_json_says_what_is_no_json(text):
    with pytest.raises(ValueError, match="`text` must be the JSON"):
        Architecture.from_json(text)


def test_from_json_of_something_else():
    with pytest.raises(ValueError, match="exactly the fields"):
        Architecture.from_json("[192]")
