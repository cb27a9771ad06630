"""The latency table: what an architecture takes on the user's device."""

import pathlib
from collections.abc import Callable

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.latency_blocks import choose
from keras_elastic.selection.latency_blocks import distinct_blocks
from keras_elastic.selection.latency_blocks import occurrences
from keras_elastic.selection.latency_file import LatencyFile
from keras_elastic.selection.latency_measuring import Measurement
from keras_elastic.selection.latency_measuring import draw_architectures
from keras_elastic.selection.latency_regression import BlockRegression
from keras_elastic.selection.latency_regression import Calibration
from keras_elastic.selection.latency_report import LatencyReport
from keras_elastic.selection.latency_report import LatencyRow
from keras_elastic.selection.latency_report import rank_correlation
from keras_elastic.selection.latency_runtimes import get_runtime
from keras_elastic.spaces import Architecture

# Three numbers are fitted to the networks that are measured whole.
LEAST_CHILDREN = 4


class LatencyTable:
    """Predicts latencies from blocks that were timed on this machine.

    Every distinct block of a space is timed alone, in turn with others. The
    latency of an architecture is the sum over its blocks, calibrated on a few
    networks that were timed whole (see `Calibration`). A block that was not
    timed is estimated from its multiply-adds and bytes (see
    `BlockRegression`). Latencies are lower quartiles, near what the device
    takes where nothing else runs.

    Make one with `measure` or `load`. A table is a function from an
    architecture to milliseconds.

    Reference:
    - ProxylessNAS (Cai et al., ICLR 2019), section 3.3 and appendix B: the
      latency of a network as the sum over blocks; Once-for-All (Cai et al.,
      ICLR 2020), section 3.4: the latency lookup table.

    Args:
        family: The family.
        file: `LatencyFile` with the timings.
        runtime: `Runtime` that `report` measures with, or `None` for the one
            that the file names.

    Example:

    ```python
    family = keras_elastic.families.get("bignas_cifar10")
    table = LatencyTable.measure(family, 10, "litert", path="table.json")
    print(table.predict(family.space.largest), "ms")
    print(table.report())
    ```
    """

    def __init__(self, family, file: LatencyFile, runtime=None):
        self.family = family
        self.setting = file.setting
        self.classes = file.setting["classes"]
        self._file = file
        self._runtime = runtime
        self._milliseconds = {k: t.quiet_ms for k, t in file.blocks.items()}
        self._measured = frozenset(file.blocks)
        self._regression: BlockRegression | None = None
        self.calibration = self._calibrate()

    @classmethod
    def measure(
        cls,
        family,
        classes: int,
        runtime="tensorflow",
        *,
        batch_size: int = 1,
        threads: int | None = None,
        path=None,
        progress: Callable[[int, int], None] | None = None,
        runs: int = 200,
        max_blocks: int | None = 400,
        children: int = 16,
        seed: int = 0,
    ) -> "LatencyTable":
        """Times the blocks of a space on this machine.

        Args:
            family: The family.
            classes: Integer. Number of classes.
            runtime: `"tensorflow"`, `"litert"` or a `Runtime`.
            batch_size: Positive integer, images of one call.
            threads: Positive integer for `"litert"`, `None` for the default.
            path: Path of a file that is written now and then. Where it exists
                already, measuring goes on where it stopped. `None` for none.
            progress: Function of the models that are timed and of all.
            runs: Positive integer, timed calls of each model.
            max_blocks: Positive integer, how many blocks are timed; the others
                are estimated. `None` to time all.
            children: Integer of at least 4, networks that are timed whole to
                calibrate the sum.
            seed: Integer, of what is drawn.

        Returns:
            `LatencyTable`.

        Raises:
            ValueError: An argument is not as described, or the file at `path`
                is damaged, or of another space, machine or setting.
        """
        numbers = {"classes": classes, "batch_size": batch_size, "runs": runs}
        checks.positive_integer(**numbers)
        checks.integer_from(LEAST_CHILDREN, children=children)
        if max_blocks is not None:
            checks.positive_integer(max_blocks=max_blocks)
        runtime = get_runtime(runtime, threads)
        blocks = choose(distinct_blocks(family, classes), max_blocks, seed)
        architectures = draw_architectures(
            family.space, children, seed, extremes=True
        )
        numbers |= {"children": len(architectures), "seed": seed}
        file = _open(path, family, _setting(runtime, numbers))
        Measurement(
            family, classes, runtime, batch_size, runs, file, path, progress
        ).run(blocks, architectures)
        return cls(family, file, runtime)

    def __call__(self, arch: Architecture) -> float:
        return self.predict(arch)

    def predict(self, arch: Architecture) -> float:
        """Milliseconds of a call with an architecture.

        Raises:
            ValueError: `arch` is not in the space.
        """
        encoded = self.family.space.encode(arch)[np.newaxis]
        return float(self.predict_encoded(encoded)[0])

    def predict_encoded(self, encoded: np.ndarray) -> np.ndarray:
        """Milliseconds of calls with encoded architectures.

        Args:
            encoded: int32 array of (count, genes), as `space.encode` makes
                them.

        Returns:
            float64 array of (count,).
        """
        encoded = np.asarray(encoded, "int32")
        return self.calibration(*self._counts_and_sums(encoded))

    def _counts_and_sums(self, encoded):
        """Blocks of architectures, and the sum of the blocks' latencies."""
        counts = np.zeros(len(encoded), "int64")
        sums = np.zeros(len(encoded))
        for place in occurrences(self.family, self.classes, encoded):
            found = [
                self._latency(key, place.index, encoded[row])
                for key, row in zip(place.keys, place.first, strict=True)
            ]
            counts[place.rows] += 1
            sums[place.rows] += np.array(found)[place.which]
        return counts, sums

    def _latency(self, key, index, row):
        """Milliseconds of a block: measured, or estimated and kept."""
        if key not in self._milliseconds:
            arch = self.family.space.decode(row)
            block = self.family.plan(arch, self.classes).blocks[index]
            self._milliseconds[key] = self._estimate(block)
        return self._milliseconds[key]

    def _estimate(self, block):
        if self._regression is None:
            known = distinct_blocks(self.family, self.classes)
            found = [known[k] for k in sorted(self._measured & known.keys())]
            self._regression = BlockRegression(
                [distinct.block for distinct in found],
                [self._milliseconds[distinct.key] for distinct in found],
            )
        return self._regression(block)

    def _calibrate(self) -> Calibration:
        children = self._file.children
        rows = [
            self.family.space.encode(Architecture.from_json(text))
            for text in children
        ]
        counts, sums = self._counts_and_sums(np.stack(rows))
        measured = [timing.quiet_ms for timing in children.values()]
        return Calibration.fit(counts, sums, measured)

    def report(
        self, architectures: int = 30, seed: int = 1, runtime=None
    ) -> LatencyReport:
        """Measures random networks whole and compares the predictions.

        None of them is one that the table was calibrated on. They are
        measured twice, because no prediction can agree with a measurement
        better than the measurement agrees with itself.

        Args:
            architectures: Integer of at least 2, networks to measure.
            seed: Integer.
            runtime: A `Runtime`, or `None` for the one of the table.

        Returns:
            `LatencyReport`.
        """
        checks.integer_from(2, architectures=architectures)
        runtime = runtime or self._runtime or self._find_runtime()
        drawn = draw_architectures(
            self.family.space, architectures + len(self._file.children), seed
        )
        known = self._file.children
        drawn = [a for a in drawn if a.to_json() not in known][:architectures]
        measurement = Measurement(
            self.family,
            self.classes,
            runtime,
            self.setting["batch_size"],
            self.setting["runs"],
            self._file,
        )
        rounds, drifts = [], []
        for _ in range(2):
            timings, drift = measurement.time_children(drawn)
            rounds.append([timing.quiet_ms for timing in timings])
            drifts.append(drift)
        rows = tuple(
            LatencyRow(arch, self.predict(arch), float(measured))
            for arch, measured in zip(drawn, _mean(rounds), strict=True)
        )
        return LatencyReport(
            self._title(), rows, float(_mean(drifts)), rank_correlation(*rounds)
        )

    def _find_runtime(self):
        name, threads = self.setting["runtime"], self.setting["threads"]
        return get_runtime(name, threads if name == "litert" else None)

    def _title(self):
        setting = self.setting
        return (
            f"{self.family.name} on {setting['runtime']}, batch "
            f"{setting['batch_size']}, {setting['threads']} threads"
        )

    def save(self, path) -> None:
        """Writes the table as JSON, whole or not at all."""
        self._file.write(path)

    @classmethod
    def load(cls, path, family, runtime: str | None = None) -> "LatencyTable":
        """Reads what `save` or `measure` wrote.

        Args:
            path: Path of the file.
            family: The family that it was measured for.
            runtime: Name of the runtime that it must be of, or `None` for any.

        Returns:
            `LatencyTable`.

        Raises:
            ValueError: The file is of another space, runtime or format, is
                damaged or edited, or its measuring was not finished.
        """
        file = LatencyFile.read(path, family)
        measured_on = file.setting["runtime"]
        if runtime not in (None, measured_on):
            raise ValueError(
                f"`runtime` must be that of the table, {measured_on!r}. "
                f"Received: runtime={runtime!r}. Measure a table for it."
            )
        if len(file.children) < file.setting["children"]:
            raise ValueError(
                f"The latency table {str(path)!r} is not finished. Received: "
                f"{len(file.blocks)} blocks and {len(file.children)} networks. "
                "Call `LatencyTable.measure` with this path to go on."
            )
        return cls(family, file)


def _mean(rounds):
    """The geometric mean of repeated timings: errors are ratios."""
    return np.exp(np.mean(np.log(rounds), axis=0))


def _setting(runtime, numbers: dict) -> dict:
    """What timings depend on, besides the family."""
    return {
        "runtime": runtime.name,
        "threads": runtime.threads,
        "machine": runtime.machine(),
        **numbers,
    }


def _open(path, family, setting: dict) -> LatencyFile:
    """The file to go on with, or a new one."""
    if path is None or not pathlib.Path(path).exists():
        return LatencyFile(family, setting)
    file = LatencyFile.read(path, family)
    file.check_setting(setting, path)
    return file
