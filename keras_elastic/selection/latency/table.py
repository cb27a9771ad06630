"""The latency table: from timings of blocks to latencies of networks."""

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np
from scipy import stats

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.selection.latency.blocks import BlockRegression
from keras_elastic.selection.latency.blocks import Calibration
from keras_elastic.selection.latency.blocks import choose
from keras_elastic.selection.latency.blocks import distinct_blocks
from keras_elastic.selection.latency.blocks import occurrences
from keras_elastic.selection.latency.runtimes import get_runtime
from keras_elastic.selection.latency.timings import Timings
from keras_elastic.selection.latency.timings import draw_architectures
from keras_elastic.spaces import Architecture

if TYPE_CHECKING:
    from keras_elastic.families.family import Family
    from keras_elastic.selection.latency.runtimes import Runtime

# Three numbers are fitted to the networks that are measured whole.
LEAST_CHILDREN = 4


class LatencyRow(NamedTuple):
    """A network that was predicted and measured, in milliseconds a call."""

    arch: Architecture
    predicted_ms: float
    measured_ms: float

    @property
    def error(self) -> float:
        """Relative error of the prediction; positive where it is too high."""
        return self.predicted_ms / self.measured_ms - 1


@dataclasses.dataclass(frozen=True)
class LatencyReport:
    """Predictions of a table against whole networks, measured end to end.

    Args:
        setting: String. What was measured, for the text.
        rows: Tuple of `LatencyRow`.
        drift: Float, how many times as long the machine takes as when the
            table was measured, by blocks that were timed both times.
        repeatability: Float, Spearman's rank correlation of two measurements
            of the same networks.
    """

    setting: str
    rows: tuple[LatencyRow, ...]
    drift: float = 1.0
    repeatability: float = float("nan")

    @property
    def median_error(self) -> float:
        """Median of the absolute relative errors."""
        return float(np.median(self._errors))

    @property
    def p95_error(self) -> float:
        """95th percentile of the absolute relative errors."""
        return float(np.quantile(self._errors, 0.95))

    @property
    def steady_error(self) -> float:
        """Median of the relative errors where the drift is divided out."""
        ratios = np.array([r.predicted_ms / r.measured_ms for r in self.rows])
        return float(np.median(np.abs(self.drift * ratios - 1)))

    @property
    def spearman(self) -> float:
        """Spearman's rank correlation, nan where there is no order."""
        return rank_correlation(
            [row.predicted_ms for row in self.rows],
            [row.measured_ms for row in self.rows],
        )

    @property
    def _errors(self) -> np.ndarray:
        return np.abs([row.error for row in self.rows])

    def __str__(self) -> str:
        lines = [f"{'predicted ms':>12} {'measured ms':>12} {'error':>7}"]
        for row in sorted(self.rows, key=lambda row: row.measured_ms):
            lines.append(
                f"{row.predicted_ms:>12.3f} {row.measured_ms:>12.3f} "
                f"{row.error:>+7.1%}"
            )
        lines.append(
            f"{self.setting}: relative error of {len(self.rows)} "
            f"architectures: median {self.median_error:.1%}, 95th percentile "
            f"{self.p95_error:.1%}; Spearman's rho {self.spearman:.3f}"
        )
        lines.append(
            f"The machine takes {self.drift:.2f} times as long as when the "
            "table was measured; without that the median error is "
            f"{self.steady_error:.1%}"
        )
        lines.append(
            "Two measurements of the same architectures agree with a "
            f"Spearman's rho of {self.repeatability:.3f}"
        )
        return "\n".join(lines)


def rank_correlation(first, second) -> float:
    """Spearman's rho of two sequences of numbers, nan without an order."""
    # The order of equal numbers is undefined, and SciPy warns of it.
    if not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


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
        timings: `Timings`, measured.
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

    def __init__(
        self,
        family: "Family",
        timings: Timings,
        runtime: "Runtime | None" = None,
    ):
        self.family = family
        self.setting = timings.setting
        self.classes = timings.setting["classes"]
        self._timings = timings
        self._runtime = runtime
        self._milliseconds = {k: t.quiet_ms for k, t in timings.blocks.items()}
        self._regression: BlockRegression | None = None
        self.calibration = self._calibrate()

    @classmethod
    def measure(
        cls,
        family: "Family",
        classes: int,
        runtime: "Runtime | str" = "tensorflow",
        *,
        batch_size: int = 1,
        threads: int | None = None,
        path: str | os.PathLike[str] | None = None,
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
        setting = _setting(runtime, numbers)
        if path is not None and files.as_path(path=path).exists():
            timings = Timings.read(path, family, setting)
        else:
            timings = Timings(family, setting)
        timings.measure(runtime, blocks, architectures, path, progress)
        return cls(family, timings, runtime)

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
            found = [
                known[k]
                for k in sorted(self._timings.blocks.keys() & known.keys())
            ]
            self._regression = BlockRegression(
                [distinct.block for distinct in found],
                [self._milliseconds[distinct.key] for distinct in found],
            )
        return self._regression(block)

    def _calibrate(self) -> Calibration:
        children = self._timings.children
        rows = [
            self.family.space.encode(Architecture.from_json(text))
            for text in children
        ]
        counts, sums = self._counts_and_sums(np.stack(rows))
        measured = [timing.quiet_ms for timing in children.values()]
        return Calibration.fit(counts, sums, measured)

    def report(
        self,
        architectures: int = 30,
        seed: int = 1,
        runtime: "Runtime | None" = None,
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
        known = self._timings.children
        drawn = draw_architectures(
            self.family.space, architectures + len(known), seed
        )
        drawn = [a for a in drawn if a.to_json() not in known][:architectures]
        rounds, drifts = [], []
        for _ in range(2):
            timings, drift = self._timings.time_children(runtime, drawn)
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table as JSON, whole or not at all."""
        self._timings.write(path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        family: "Family",
        runtime: str | None = None,
    ) -> "LatencyTable":
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
        timings = Timings.read(path, family)
        measured_on = timings.setting["runtime"]
        if runtime not in (None, measured_on):
            raise ValueError(
                f"`runtime` must be that of the table, {measured_on!r}. "
                f"Received: runtime={runtime!r}. Measure a table for it."
            )
        blocks, children = len(timings.blocks), len(timings.children)
        if children < timings.setting["children"]:
            raise ValueError(
                f"The latency table {str(path)!r} is not finished. Received: "
                f"{blocks} blocks and {children} networks. "
                "Call `LatencyTable.measure` with this path to go on."
            )
        return cls(family, timings)


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
