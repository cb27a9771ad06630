"""Reads TFRecord files of `tf.train.Example`s without TensorFlow.

Reference:
- [TFRecord and tf.train.Example](
  https://www.tensorflow.org/tutorials/load_data/tfrecord).
- [Encoding](https://protobuf.dev/programming-guides/encoding/) of protocol
  buffers.
"""

import os
import struct
from collections.abc import Collection
from collections.abc import Iterator

# A record is its length (8 bytes) and a checksum of that (4), then the bytes
# of the record and a checksum of those (4). All numbers are little-endian.
_HEADER = struct.Struct("<Q4x")
_CHECKSUM_SIZE = 4

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}

# Field numbers of tensorflow/core/example/example.proto and feature.proto.
_EXAMPLE_FEATURES = 1
_FEATURES_ENTRY = 1
_ENTRY_KEY, _ENTRY_FEATURE = 1, 2
_FEATURE_BYTES, _FEATURE_INTEGERS = 1, 3
_LIST_VALUE = 1


def read_records(path: str | os.PathLike) -> Iterator[bytes]:
    """Yields the records of a TFRecord file.

    Lengths are checked. Checksums are not: in Python they would take longer
    than everything else.

    Args:
        path: Path of an uncompressed TFRecord file.

    Yields:
        The bytes of one record after the other.

    Raises:
        ValueError: If the file ends within a record.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                raise ValueError(_truncated_message(path, size))
            (length,) = _HEADER.unpack(header)
            # Before reading: a broken length may exceed the memory.
            if file.tell() + length + _CHECKSUM_SIZE > size:
                raise ValueError(_truncated_message(path, size))
            yield file.read(length)
            file.seek(_CHECKSUM_SIZE, os.SEEK_CUR)


def _truncated_message(path: str | os.PathLike, size: int) -> str:
    return (
        "A TFRecord file must end with a whole record. "
        f"Received: {os.fspath(path)!r}, which breaks off after {size} bytes "
        "or is not a TFRecord file. Copy or prepare it again."
    )


def parse_example(
    record: bytes, names: Collection[str]
) -> dict[str, list[bytes] | list[int]]:
    """Reads features of a serialised `tf.train.Example`.

    Args:
        record: The bytes of the example.
        names: The features wanted. Others are skipped.

    Returns:
        The values of each feature, by name: a list of bytes or of integers. A
        feature that is absent or empty, or holds floats, is an empty list.

    Raises:
        ValueError: If the bytes are not a `tf.train.Example`.

    Example:

    >>> parse_example(bytes.fromhex("0a0c0a0a0a01791205 1a030a0107"), ["y"])
    {'y': [7]}
    """
    values = {name: [] for name in names}
    try:
        for features in _chosen(record, _EXAMPLE_FEATURES):
            for entry in _chosen(features, _FEATURES_ENTRY):
                _read_entry(entry, values)
    except (IndexError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(
            "`record` must be a serialised `tf.train.Example`. "
            f"Received: {len(record)} bytes that are not one. "
            "Copy or prepare the file again."
        ) from error
    return values


def _read_entry(entry: bytes, values: dict[str, list]) -> None:
    name, feature = "", b""
    for field, value in _fields(entry):
        if field == _ENTRY_KEY:
            name = value.decode("utf-8")
        elif field == _ENTRY_FEATURE:
            feature = value
    if name in values:
        values[name] = _feature_values(feature)


def _feature_values(feature: bytes) -> list[bytes] | list[int]:
    values = []
    for kind, held in _fields(feature):
        if kind == _FEATURE_BYTES:
            values.extend(_chosen(held, _LIST_VALUE))
        elif kind == _FEATURE_INTEGERS:
            for value in _chosen(held, _LIST_VALUE):
                values.extend(_integers(value))
    return values


def _integers(value: int | bytes) -> list[int]:
    # Integers stand packed into one field, or each in a field of its own.
    if isinstance(value, int):
        return [_signed(value)]
    integers, position = [], 0
    while position < len(value):
        integer, position = _varint(value, position)
        integers.append(_signed(integer))
    return integers


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _chosen(message: bytes, wanted: int) -> Iterator[int | bytes]:
    """Yields the values of one field of a message."""
    return (value for field, value in _fields(message) if field == wanted)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields the fields of a message: their numbers and values."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        field, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
        else:
            size, position = _size(message, position, wire_type)
            value = message[position : position + size]
            position += size
        if position > len(message):
            raise IndexError("The message breaks off.")
        yield field, value


def _size(message: bytes, position: int, wire_type: int) -> tuple[int, int]:
    if wire_type == _BYTES:
        return _varint(message, position)
    if wire_type not in _FIXED_SIZES:
        raise TypeError(f"There is no wire type {wire_type}.")
    return _FIXED_SIZES[wire_type], position


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Reads an integer of seven bits a byte, the lowest first."""
    value, shift = 0, 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
