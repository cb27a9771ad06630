"""How well a latency table predicts whole networks."""

import dataclasses
from typing import NamedTuple

import numpy as np
from scipy import stats

from keras_elastic.spaces import Architecture


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
