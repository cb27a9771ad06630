"""Latencies in a file: portable, and refused where they do not fit."""

import hashlib
import json
import pathlib

from keras_elastic import families
from keras_elastic import files
from keras_elastic.selection.latency_timing import LatencyTiming

FORMAT = 1
FIELDS = ("format", "setting", "family", "blocks", "children", "sha256")


class LatencyFile:
    """The timings of a table: what was measured, and under which setting.

    Args:
        family: The family.
        setting: Dictionary of JSON values: classes, runtime, threads, batch
            size and machine.
    """

    def __init__(self, family, setting: dict):
        self.family = _plain(families.serialize(family))
        self.setting = _plain(setting)
        self.blocks: dict[str, LatencyTiming] = {}
        self.children: dict[str, LatencyTiming] = {}

    def write(self, path) -> None:
        """Writes the file, whole or not at all."""
        values = {
            "format": FORMAT,
            "setting": self.setting,
            "family": self.family,
            "blocks": {k: list(t) for k, t in self.blocks.items()},
            "children": {k: list(t) for k, t in self.children.items()},
        }
        values["sha256"] = _digest(values)
        with files.replacing(path) as temporary:
            temporary.write_text(json.dumps(values, indent=1) + "\n")

    @classmethod
    def read(cls, path, family) -> "LatencyFile":
        """Reads what `write` wrote.

        Raises:
            ValueError: The file is damaged, edited, of another format or of
                another family.
        """
        values = _parse(pathlib.Path(path))
        file = cls(family, values["setting"])
        if file.family != values["family"]:
            raise ValueError(
                f"The latency table {str(path)!r} is of another space. "
                f"Received: {_difference(file.family, values['family'])}. "
                "Pass the family that it was measured for, or measure again."
            )
        for name in ("blocks", "children"):
            timings = {k: LatencyTiming(*t) for k, t in values[name].items()}
            setattr(file, name, timings)
        return file

    def check_setting(self, expected: dict, path) -> None:
        """Raises a `ValueError` unless the setting is as expected."""
        expected = _plain(expected)
        if self.setting != expected:
            raise ValueError(
                f"The latency file {str(path)!r} was begun under another "
                f"setting. Received: {_difference(expected, self.setting)}. "
                "Pass another path, or delete the file."
            )


def _parse(path: pathlib.Path) -> dict:
    if not path.is_file():
        raise ValueError(
            "`path` must be a file that `LatencyTable.save` wrote. "
            f"Received: {str(path)!r}, which does not exist."
        )
    try:
        values = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(_damaged(path)) from error
    if isinstance(values, dict) and values.get("format", FORMAT) != FORMAT:
        raise ValueError(
            f"A latency table must have the format {FORMAT}. Received: "
            f"format={values['format']!r} in {str(path)!r}. Measure it again, "
            "or read it with the release that wrote it."
        )
    if not isinstance(values, dict) or set(values) != set(FIELDS):
        raise ValueError(_damaged(path))
    if values.pop("sha256") != _digest(values):
        raise ValueError(_damaged(path))
    return values


def _damaged(path) -> str:
    return (
        "`path` must be a latency table as it was written. Received: "
        f"{str(path)!r}, which is cut off, damaged or edited. Measure again."
    )


def _plain(values: dict) -> dict:
    """Values as they are after a journey through JSON."""
    return json.loads(json.dumps(values))


def _digest(values: dict) -> str:
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(expected, received, name="") -> str:
    """Says in words where two JSON values differ."""
    if isinstance(expected, dict) and isinstance(received, dict):
        names = sorted(expected.keys() | received.keys())
        return "; ".join(
            _difference(expected.get(n), received.get(n), f"{name}.{n}")
            for n in names
            if expected.get(n) != received.get(n)
        )
    return f"{name.lstrip('.')} {received!r} instead of {expected!r}"
