"""Scores in a file, so that a search that was killed goes on."""

import base64
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import warnings
from typing import Any

import numpy as np

from keras_elastic import files
from keras_elastic import untrusted
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import SearchSpace

# Since 2 each line ends with its SHA-256.
FORMAT = 2
_OLDER = (1,)
_SEALED = re.compile(r'(\{.*), "sha256": "([0-9a-f]{64})"\}')


class OtherScores(ValueError):
    """A file of scores that depend on something else.

    Its `fingerprint` is a string of what those that were asked for depend on.
    """

    fingerprint = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """What is kept of an architecture.

    Args:
        accuracy: Float in 0..1.
        loss: Float. Mean cross-entropy.
        predictions: Integer array of (images,): the classes.
    """

    accuracy: float
    loss: float
    predictions: np.ndarray


class ScoreCache:
    """Records by canonical architecture, in memory and in a file.

    The file is one JSON object a line: first what the scores depend on, then
    a record a line, written out at once. Each line ends with its SHA-256. A
    last line that a kill cut off is dropped.

    Args:
        space: `SearchSpace` of the architectures.
        path: Path of the file, or `None` to keep records in memory only.
        fingerprint: Dictionary of strings: what the scores depend on.

    Raises:
        OtherScores: The file is of other scores.
        ValueError: A line is damaged. The file is left as it is.
    """

    def __init__(self, space: SearchSpace, path, fingerprint: dict[str, str]):
        self._space = space
        self._path = None if path is None else files.as_path(cache=path)
        self._header = {
            "format": FORMAT,
            "space": json.loads(json.dumps(space.to_dict())),
            **fingerprint,
        }
        self._records: dict[Architecture, Record] = {}
        self._format: Any = FORMAT
        if self._path and self._path.exists():
            self._read(self._path)
        elif self._path:
            with files.replacing(self._path) as temporary:
                temporary.write_text(sealed(self._header) + "\n")

    def __contains__(self, arch: Architecture) -> bool:
        return arch in self._records

    def __getitem__(self, arch: Architecture) -> Record:
        return self._records[arch]

    def items(self):
        """Pairs of an architecture and its record."""
        return self._records.items()

    def add(self, arch: Architecture, record: Record) -> None:
        """Keeps a record, in the file before anything else happens."""
        self._check_finite(arch, record)
        self._records[arch] = record
        if self._path is None:
            return
        with files.naming(self._path), open(self._path, "a") as file:
            file.write(self._to_line(arch, record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _check_finite(self, arch, record) -> None:
        if np.isfinite((record.accuracy, record.loss)).all():
            return
        raise ValueError(
            "The scores of an architecture must be finite. Received: an "
            f"accuracy of {record.accuracy} and a loss of {record.loss}, of "
            f"{arch.to_json()}. Its weights or its statistics are not finite: "
            "look for images whose pixels are no numbers, and train again "
            "with a lower learning rate."
        )

    def _to_line(self, arch, record) -> str:
        classes = np.asarray(record.predictions, "<u2").tobytes()
        return sealed(
            {
                "arch": self._space.encode(arch).tolist(),
                "accuracy": record.accuracy,
                "loss": record.loss,
                "predictions": base64.b64encode(classes).decode(),
            }
        )

    def _read(self, path: pathlib.Path) -> None:
        # Bytes, because a damaged file need not be text.
        content = path.read_bytes().decode("utf-8", "replace")
        lines = content.split("\n")
        # After the last newline there is nothing, or what a kill left.
        cut_off = lines.pop()
        if not lines:
            raise ValueError(self._damaged(1))
        self._check_header(self._parse(1, lines[0]))
        for number, line in enumerate(lines[1:], start=2):
            arch, record = self._from_line(number, line)
            self._records[arch] = record
        if cut_off:
            warnings.warn(
                f"The last line of {str(self._path)!r} was cut off and is "
                "dropped; its architecture will be scored again.",
                stacklevel=2,
            )
            with files.replacing(self._path) as temporary:
                temporary.write_text("\n".join([*lines, ""]))

    def _check_header(self, header) -> None:
        differ = [
            name
            for name in self._header.keys() | header.keys()
            if self._header.get(name) != header.get(name)
        ]
        if self._format in _OLDER:
            differ.remove("format")
        if differ:
            error = OtherScores(
                "`cache` must hold scores of this supernet on these images. "
                f"Received: {str(self._path)!r}, where {sorted(differ)} "
                "differ. Pass another file."
            )
            error.fingerprint = _sha256(json.dumps(self._header))
            raise error

    def _parse(self, number, line) -> dict:
        match = _SEALED.fullmatch(line)
        text = match[1] + "}" if match else line
        try:
            values = untrusted.parse_json(text)
        except ValueError as error:
            raise ValueError(self._damaged(number)) from error
        if number == 1:
            self._format = values.get("format")
        if match:
            is_sound = match[2] == _sha256(text)
        else:
            # Lines of an older format need not have a digest.
            is_sound = self._format in _OLDER and "sha256" not in values
        if not is_sound:
            raise ValueError(self._damaged(number))
        return values

    def _from_line(self, number, line):
        values = self._parse(number, line)
        try:
            arch = self._space.decode(values["arch"])
            classes = base64.b64decode(values["predictions"], validate=True)
            record = Record(
                float(values["accuracy"]),
                float(values["loss"]),
                np.frombuffer(classes, "<u2").astype("int64"),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(self._damaged(number)) from error
        return arch, record

    def _damaged(self, number) -> str:
        return (
            f"Line {number} of the score file {str(self._path)!r} is damaged "
            "or was edited. Delete that line to score its architecture again; "
            "the other scores stay."
        )


def sealed(values) -> str:
    """A line of JSON that ends with the SHA-256 of what it is without it."""
    line = json.dumps(values)
    return f'{line[:-1]}, "sha256": "{_sha256(line)}"}}'


def _sha256(line) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
