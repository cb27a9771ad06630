"""Timings of a family's blocks, and of some whole networks, in a file.

The file is portable, and refused where it does not fit.
"""

import functools
import hashlib
import json
import pathlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_elastic import families
from keras_elastic import files
from keras_elastic.models import build_child
from keras_elastic.selection.latency.blocks import DistinctBlock
from keras_elastic.selection.latency.blocks import build_block
from keras_elastic.selection.latency.blocks import distinct_blocks
from keras_elastic.selection.latency.runtimes import LatencyTiming
from keras_elastic.selection.latency.runtimes import Runtime
from keras_elastic.spaces import Architecture
from keras_elastic.spaces.rows import unique_rows

FORMAT = 1
FIELDS = ("format", "setting", "family", "blocks", "children", "sha256")
# Models that are timed in turn, and lost if the process is killed.
GROUP = 64
# Blocks of the first group that are timed again with every other, so that the
# speed of the machine, which drifts over minutes, can be divided out.
REFERENCES = 4
# Attempts to draw distinct architectures, as a multiple of their number.
DRAWS = 20


class Timings:
    """The timings of a family, under one setting, and the file of them.

    Args:
        family: The family.
        setting: Dictionary of JSON values that timings depend on: `classes`,
            `batch_size`, `runs`, the runtime and the machine among them.

    Attributes:
        blocks: Dictionary from keys of blocks to `LatencyTiming`.
        children: The same, from architectures as JSON.
    """

    def __init__(self, family, setting: dict):
        self.family = family
        self.setting = _plain(setting)
        self.blocks: dict[str, LatencyTiming] = {}
        self.children: dict[str, LatencyTiming] = {}

    def measure(
        self,
        runtime: Runtime,
        blocks: Sequence[DistinctBlock],
        architectures: Sequence[Architecture],
        path=None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Times blocks and whole networks, those that are not timed yet.

        Args:
            runtime: `Runtime`.
            blocks: Sequence of `DistinctBlock`.
            architectures: Sequence of `Architecture`.
            path: Path that is written after each group, or `None`.
            progress: Function of the models that are done and of all.
        """
        by_key = {block.key: block for block in blocks}
        children = {arch.to_json(): arch for arch in architectures}
        progress = progress or (lambda done, total: None)
        total = len(by_key) + len(children)
        done = len(by_key.keys() & self.blocks) + len(
            children.keys() & self.children
        )
        progress(done, total)
        groups: tuple[Any, ...] = (
            (by_key, build_block, self.blocks),
            (children, self._build_child, self.children),
        )
        for models, build, timings in groups:
            missing = [key for key in models if key not in timings]
            for start in range(0, len(missing), GROUP):
                group = missing[start : start + GROUP]
                found, drift = self._time(
                    runtime, [build(models[key]) for key in group]
                )
                steady = [timing.scaled(1 / drift) for timing in found]
                timings.update(zip(group, steady, strict=True))
                if path is not None:
                    self.write(path)
                done += len(group)
                progress(done, total)

    def time_children(
        self, runtime: Runtime, architectures: Sequence[Architecture]
    ) -> tuple[list[LatencyTiming], float]:
        """Times whole networks, all in turn, and keeps none of it.

        Returns:
            List of `LatencyTiming`, and how many times as long the machine
            now takes as when the measuring began.
        """
        return self._time(
            runtime, [self._build_child(a) for a in architectures]
        )

    def _time(self, runtime, models):
        keys = list(self.blocks)[:REFERENCES]
        references = [build_block(self._known[key]) for key in keys]
        timings = runtime.measure(
            [*references, *models],
            self.setting["batch_size"],
            self.setting["runs"],
        )
        ratios = [
            timing.quiet_ms / self.blocks[key].quiet_ms
            for key, timing in zip(keys, timings, strict=False)
        ]
        drift = float(np.median(ratios)) if ratios else 1.0
        return timings[len(keys) :], drift

    @functools.cached_property
    def _known(self) -> dict[str, DistinctBlock]:
        return distinct_blocks(self.family, self.setting["classes"])

    def _build_child(self, arch):
        return build_child(self.family.plan(arch, self.setting["classes"]))

    def write(self, path) -> None:
        """Writes the file, whole or not at all."""
        values = {
            "format": FORMAT,
            "setting": self.setting,
            "family": _plain(families.serialize(self.family)),
            "blocks": {k: list(t) for k, t in self.blocks.items()},
            "children": {k: list(t) for k, t in self.children.items()},
        }
        values["sha256"] = _digest(values)
        with files.replacing(path) as temporary:
            temporary.write_text(json.dumps(values, indent=1) + "\n")

    @classmethod
    def read(cls, path, family, setting: dict | None = None) -> "Timings":
        """Reads what `write` wrote.

        Args:
            path: Path of the file.
            family: The family that it must be of.
            setting: The setting that it must be of, or `None` for any.

        Raises:
            ValueError: The file is damaged, edited, of another format, family
                or setting.
        """
        values = _parse(files.as_path(path=path))
        expected = _plain(families.serialize(family))
        if expected != values["family"]:
            raise ValueError(
                f"The latency table {str(path)!r} is of another space. "
                f"Received: {_difference(expected, values['family'])}. "
                "Pass the family that it was measured for, or measure again."
            )
        expected = values["setting"] if setting is None else _plain(setting)
        if expected != values["setting"]:
            raise ValueError(
                f"The latency file {str(path)!r} was begun under another "
                f"setting. Received: {_difference(expected, values['setting'])}"
                ". Pass another path, or delete the file."
            )
        timings = cls(family, expected)
        for name in ("blocks", "children"):
            found = {k: LatencyTiming(*t) for k, t in values[name].items()}
            setattr(timings, name, found)
        return timings


def draw_architectures(
    space, count: int, seed: int, extremes: bool = False
) -> list[Architecture]:
    """Draws distinct random architectures.

    Args:
        space: `SearchSpace`.
        count: Integer. Fewer are returned where the space has fewer.
        seed: Integer.
        extremes: Whether the smallest and the largest come first.

    Returns:
        List of `Architecture`.
    """
    rng = np.random.default_rng(seed)
    rows = space.sample_encoded(rng, DRAWS * count)
    if extremes:
        ends = [space.encode(a) for a in (space.smallest, space.largest)]
        rows = np.concatenate([np.stack(ends), rows])
    return [space.decode(row) for row in unique_rows(rows)[:count]]


def _parse(path: pathlib.Path) -> dict:
    if not path.is_file():
        raise ValueError(
            "`path` must be a file that `LatencyTable.save` wrote. "
            f"Received: {str(path)!r}, which does not exist."
        )
    try:
        values = json.loads(path.read_text())
    except (RecursionError, ValueError) as error:
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
