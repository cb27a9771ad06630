"""Wrong calls of the public API end in errors that name the argument."""

import collections

import pytest
import wrong_calls
from wrong_calls.door import outcome


@pytest.mark.slow
def test_wrong_calls_are_named_and_none_is_answered():
    counts, odd = collections.Counter(), []
    for door in wrong_calls.doors():
        for argument, value, kind, error in door.results():
            counts[kind] += 1
            if kind != "clear":
                odd.append((door.name, argument, repr(value)[:60], error[:80]))
    total = sum(counts.values())
    assert total >= 1000
    assert counts["wrong"] == 0, odd
    assert counts["clear"] >= 0.95 * total, odd


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda size: None, "wrong"),
        (lambda size: [].size, "raw"),
        (lambda size: int("other"), "raw"),
    ],
)
def test_what_becomes_of_a_call(call, expected):
    assert outcome(call, {"size": 1}, "size")[0] == expected


def test_a_value_error_that_names_the_argument_is_clear():
    def refuse(size):
        raise ValueError(f"`size` must be even. Received: size={size}.")

    assert outcome(refuse, {"size": 1}, "size")[0] == "clear"
