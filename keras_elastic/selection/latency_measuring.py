"""Measuring the blocks and the networks that a latency table is made of."""

import functools
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_elastic.models import build_child
from keras_elastic.selection.latency_blocks import DistinctBlock
from keras_elastic.selection.latency_blocks import build_block
from keras_elastic.selection.latency_blocks import distinct_blocks
from keras_elastic.selection.latency_file import LatencyFile
from keras_elastic.selection.latency_runtimes import Runtime
from keras_elastic.selection.latency_timing import LatencyTiming
from keras_elastic.selection.searches.random_search import unique_rows
from keras_elastic.spaces import Architecture

# Models that are timed in turn, and lost if the process is killed.
GROUP = 64
# Blocks of the first group that are timed again with every other, so that the
# speed of the machine, which drifts over minutes, can be divided out.
REFERENCES = 4
# Attempts to draw distinct architectures, as a multiple of their number.
DRAWS = 20


class Measurement:
    """Measures what a file does not hold yet, and keeps the file up to date.

    Args:
        family: The family.
        classes: Integer. Number of classes.
        runtime: `Runtime`.
        batch_size: Integer. Images of one call.
        runs: Integer. Timed calls of each model.
        file: `LatencyFile` that the timings are added to.
        path: Path that it is written to after each group, or `None`.
        progress: Function of the models that are done and of all.
    """

    def __init__(
        self,
        family,
        classes: int,
        runtime: Runtime,
        batch_size: int,
        runs: int,
        file: LatencyFile,
        path=None,
        progress: Callable[[int, int], None] | None = None,
    ):
        self.family = family
        self.classes = classes
        self.runtime = runtime
        self.batch_size = batch_size
        self.runs = runs
        self.file = file
        self.path = None if path is None else pathlib.Path(path)
        self._progress = progress or (lambda done, total: None)

    def run(
        self,
        blocks: Sequence[DistinctBlock],
        architectures: Sequence[Architecture],
    ) -> None:
        """Measures blocks and whole networks, those that are not yet."""
        blocks = {block.key: block for block in blocks}
        children = {arch.to_json(): arch for arch in architectures}
        total = len(blocks) + len(children)
        done = sum(key in self.file.blocks for key in blocks)
        done += sum(key in self.file.children for key in children)
        self._progress(done, total)
        for models, build, timings in (
            (blocks, build_block, self.file.blocks),
            (children, self._build_child, self.file.children),
        ):
            missing = [key for key in models if key not in timings]
            for group in _groups(missing):
                found, drift = self._time([build(models[k]) for k in group])
                steady = [timing.scaled(1 / drift) for timing in found]
                timings.update(zip(group, steady, strict=True))
                if self.path is not None:
                    self.file.write(self.path)
                done += len(group)
                self._progress(done, total)

    def time_children(
        self, architectures: Sequence[Architecture]
    ) -> tuple[list[LatencyTiming], float]:
        """Measures whole networks, all in turn, and leaves the file alone.

        Args:
            architectures: Sequence of `Architecture`.

        Returns:
            List of `LatencyTiming`, and how many times as long the machine
            now takes as when the measuring began.
        """
        return self._time([self._build_child(a) for a in architectures])

    def _time(self, models) -> tuple[list[LatencyTiming], float]:
        keys = list(self.file.blocks)[:REFERENCES]
        references = [build_block(self._known[key]) for key in keys]
        timings = self.runtime.measure(
            [*references, *models], self.batch_size, self.runs
        )
        ratios = [
            timing.quiet_ms / self.file.blocks[key].quiet_ms
            for key, timing in zip(keys, timings, strict=False)
        ]
        drift = float(np.median(ratios)) if ratios else 1.0
        return timings[len(keys) :], drift

    @functools.cached_property
    def _known(self) -> dict[str, DistinctBlock]:
        return distinct_blocks(self.family, self.classes)

    def _build_child(self, arch: Architecture):
        return build_child(self.family.plan(arch, self.classes))


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


def _groups(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), GROUP):
        yield keys[start : start + GROUP]
