"""Selection by a predictor that is trained on the way."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.predictor import AccuracyPredictor
from keras_elastic.selection.predictor import PredictedScore
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.selection.searches.evolution import EvolutionSearch
from keras_elastic.spaces.rows import unique_rows


@dataclasses.dataclass(frozen=True)
class PredictorSearch(Search):
    """Selects by predicted accuracy, and scores the best of that.

    Random architectures are scored, a predictor is fitted to them, another
    search asks the predictor, and of what it found the best for each budget
    are scored themselves.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.4: a predictor from
      16,000 samples, and evolution with it.

    Args:
        samples: Integer. Random architectures to score and fit to.
        judged: Integer. Architectures to score in the end for each budget.
        inner: `Search` that asks the predictor.
        epochs: Integer. Epochs of the predictor's training.
        seed: Integer.

    Raises:
        ValueError: A number is not positive; in `search`: there are too few
            samples to fit a predictor to.
    """

    samples: int = 200
    judged: int = 10
    inner: Search = EvolutionSearch(generations=50)
    epochs: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        checks.fields(self, seed=checks.COUNT)
        checks.positive_integer(
            samples=self.samples, judged=self.judged, epochs=self.epochs
        )

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        candidates.expect(self.samples + self.judged * len(budgets))
        rng = np.random.default_rng(self.seed)
        rows = unique_rows(candidates.space.sample_encoded(rng, self.samples))
        scored = candidates.add(rows)
        candidates.skip(self.samples - len(rows))
        predictor = AccuracyPredictor(candidates.space)
        predictor.fit(
            rows,
            [_accuracy(candidate.score) for candidate in scored],
            epochs=self.epochs,
            seed=self.seed,
        )
        for budget in budgets:
            best = self._best_predicted(predictor, candidates, budget)
            candidates.add(best)
            candidates.skip(self.judged - len(best))
        candidates.remark = f"; predictor: {predictor.report}"

    def _best_predicted(self, predictor, candidates, budget) -> np.ndarray:
        asked: Any = _Remembering(PredictedScore(predictor))
        self.inner.search(
            candidates.family, candidates.classes, asked, [budget]
        )
        rows, values = np.stack(asked.rows), np.array(asked.values)
        fits = candidates.fits(rows, budget)
        order = np.argsort(-values[fits], kind="stable")
        return unique_rows(rows[fits][order])[: self.judged]


class _Remembering:
    """A score that remembers what it was asked."""

    def __init__(self, score):
        self._score = score
        self.rows = []
        self.values = []

    def many(self, encoded):
        values = self._score.many(encoded)
        self.rows.extend(encoded)
        self.values.extend(values)
        return values


def _accuracy(score) -> float:
    return float(getattr(score, "accuracy", score))
