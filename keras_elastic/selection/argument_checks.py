"""Checks of the arguments that strategies share."""

from typing import Any


def check_integer(name: str, value: Any, least: int) -> None:
    """Raises a `ValueError` unless `value` is an integer of at least `least`.

    Args:
        name: String. Name of the argument, for the message.
        value: What was received.
        least: Integer.
    """
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(
            f"`{name}` must be an integer of at least {least}. "
            f"Received: {name}={value!r}."
        )


def check_fraction(name: str, value: Any) -> None:
    """Raises a `ValueError` unless `value` is a number in [0, 1]."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(
            f"`{name}` must be a number from 0 to 1. "
            f"Received: {name}={value!r}."
        )
