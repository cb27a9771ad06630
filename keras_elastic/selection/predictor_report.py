"""How well a predictor orders architectures."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class PredictorReport(NamedTuple):
    """How well a predictor orders architectures that it was not trained on.

    `kendall`: Kendall's tau-b, in -1..1. `spearman`: Spearman's rank
    correlation, in -1..1. Both are nan where all predictions are equal.
    `error`: root of the mean squared error, in units of accuracy. `trained`,
    `held_out`: numbers of samples.
    """

    kendall: float
    spearman: float
    error: float
    trained: int
    held_out: int

    def __str__(self) -> str:
        return (
            f"Kendall's tau {self.kendall:.3f}, Spearman's rho "
            f"{self.spearman:.3f}, root mean squared error {self.error:.4f} "
            f"on {self.held_out} held-out architectures of "
            f"{self.trained + self.held_out}"
        )

    @classmethod
    def of(
        cls, predicted: np.ndarray, measured: np.ndarray, trained: int
    ) -> "PredictorReport":
        """Compares predictions with measurements.

        Args:
            predicted: Array of (count,), predicted accuracies.
            measured: Array of (count,), measured accuracies.
            trained: Integer. Samples that the predictor was trained on.

        Returns:
            `PredictorReport`.
        """
        kendall = spearman = float("nan")
        # The order of equal numbers is undefined, and SciPy warns of it.
        if np.ptp(predicted) and np.ptp(measured):
            kendall = float(stats.kendalltau(predicted, measured).statistic)
            spearman = float(stats.spearmanr(predicted, measured).statistic)
        error = float(np.sqrt(np.mean((predicted - measured) ** 2)))
        return cls(kendall, spearman, error, trained, len(measured))
