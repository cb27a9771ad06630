"""What comes from elsewhere: read within bounds, and printed harmlessly."""

import json
import math
from typing import Any

# Bytes of the largest file of JSON that is read: classes and tables.
_MOST_BYTES = 64 << 20


def read_json(path, fix: str) -> dict[str, Any]:
    """Reads a file that holds a JSON object.

    Args:
        path: `pathlib.Path` of the file.
        fix: String. What to do about a file that does not, for the message.

    Raises:
        ValueError: It is no JSON object, has numbers that are none, is nested
            too deep, or is too large.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(
            f"{str(path)!r} must be JSON of {_MOST_BYTES} bytes at most. "
            f"Received: {size} bytes. {fix}"
        )
    try:
        return parse_json(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{str(path)!r} must be JSON, and is damaged ({error}). {fix}"
        ) from error


def parse_json(text: str) -> dict[str, Any]:
    """Reads a JSON object, of finite numbers, from a string.

    Raises:
        ValueError: It is something else.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError(f"it is of type {type(value).__name__}, no object")
    return value


def _refuse_constant(name):
    raise ValueError(f"{name} is no number")


def _finite(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large for a number")
    return value


def printable(text: Any) -> str:
    """Returns a text without what would steer a terminal.

    Control characters, among them those that set colors or move the cursor,
    and those that turn the direction of writing are written out, as `\\x1b`.
    Line breaks stay.
    """
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )
