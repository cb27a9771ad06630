"""Selecting models that may replace each other without regressions."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import UPPER_BOUNDS
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.containment import ConstrainedFamily
from keras_elastic.selection.flips import FlipReport
from keras_elastic.selection.flips import check_correct
from keras_elastic.selection.flips import negative_flip_rate
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.selection.searches.candidates import Selection
from keras_elastic.selection.searches.evolution import EvolutionSearch
from keras_elastic.spaces import Architecture

if TYPE_CHECKING:
    from keras_elastic.families.family import Family

REWARDS = ("R0", "R1", "R2")


class Reward(NamedTuple):
    """What a target is worth next to its references. Compares by `reward`.

    `reward`: the number that is maximized. `accuracy`: top-1, in 0..1.
    `negative_flips`: mean negative flip rate from the references, in 0..1.
    """

    reward: float
    accuracy: float
    negative_flips: float


def reward(
    kind: str,
    accuracy: float,
    negative_flips: float,
    lambda1: float = 1.0,
    lambda2: float = 1.0,
) -> float:
    """Rewards accuracy and punishes negative flips.

    - "R0": the accuracy, whatever flips;
    - "R1": minus the negative flip rate, whatever the accuracy;
    - "R2": `lambda1 * accuracy - lambda2 * negative_flips`.

    Reference:
    - REG-NAS (Duggal et al., ECCV 2022), section 3.4, Eq. 4.

    Args:
        kind: "R0", "R1" or "R2".
        accuracy: Float in 0..1.
        negative_flips: Float in 0..1.
        lambda1: Weight of the accuracy in R2.
        lambda2: Weight of the negative flips in R2.

    Returns:
        Float: larger is better.

    Raises:
        ValueError: `kind` is unknown.
    """
    checks.one_of(REWARDS, kind=kind)
    weights = {"R0": (1.0, 0.0), "R1": (0.0, 1.0), "R2": (lambda1, lambda2)}
    of_accuracy, of_flips = weights[kind]
    return of_accuracy * accuracy - of_flips * negative_flips


@dataclasses.dataclass(frozen=True)
class RegressionFreeSearch:
    """Selects a family of models, each with few flips from the smaller ones.

    The budgets are searched in turn, from the smallest. The first model is the
    most accurate, or has few flips from a given reference. Each further one is
    searched among the networks that contain the one before, with the mean of
    the negative flip rates from all before in its reward.

    Reference:
    - REG-NAS (Duggal et al., ECCV 2022), sections 3.3, 3.4 and 4.4. How the
      flips from several models are joined is not printed; here by the mean.
      The search is that of Once-for-All.

    Args:
        reference: `Architecture` that users have now, or `None`.
        kind: Kind of the `reward`: "R0", "R1" or "R2".
        lambda1: Float. Weight of the accuracy in R2.
        lambda2: Float. Weight of the negative flips in R2.
        constrained: Whether a model must contain the one before.
        inner: `Search` for each of the models.
        deployed: Booleans of (images,), which images any model that users have
            now gets right: a reference that is no architecture of the family,
            and that no other contains. `None` for none.

    Raises:
        ValueError: `kind` is unknown, a weight is negative, or there are both
            a `reference` and a `deployed` model.
    """

    reference: Architecture | None = None
    kind: str = "R2"
    lambda1: float = 1.0
    lambda2: float = 1.0
    constrained: bool = True
    inner: Search = EvolutionSearch()
    deployed: Any = dataclasses.field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.deployed is not None:
            check_correct("deployed", self.deployed)
            if self.reference is not None:
                raise ValueError(
                    "`deployed` must be None with a `reference`. Received: "
                    "both. Leave one of them out."
                )
        checks.non_negative_number(lambda1=self.lambda1, lambda2=self.lambda2)
        checks.one_of(REWARDS, kind=self.kind)

    def search(
        self,
        family: "Family",
        classes: int,
        predictions: Callable[[Architecture], np.ndarray],
        budgets: Sequence[Budget],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Selection]:
        """Selects an architecture for each budget.

        Args:
            family: The family to select from.
            classes: Integer. Number of classes.
            predictions: Function from an architecture to booleans of (images,),
                whether it classifies each held-out image rightly. It is called
                once for each candidate.
            budgets: Sequence of `Budget`, none of them tighter in any bound
                than the one before.
            progress: Function of candidates done and candidates in all, of
                each budget's search.

        Returns:
            List of `Selection`, one a budget. Scores are `Reward`.

        Raises:
            ValueError: A budget is out of reach or tighter than the one
                before; nothing was scored then.
        """
        self._check(family, classes, budgets)
        correct = _CorrectImages(predictions)
        before = [] if self.reference is None else [self.reference]
        selections = []
        for budget in budgets:
            [selection] = self.inner.search(
                self._part(family, before),
                classes,
                self._score(correct, before),
                [budget],
                progress,
            )
            selections.append(selection)
            before = [*before, selection.arch]
        return selections

    def report(
        self,
        predictions: Callable[[Architecture], np.ndarray],
        selections: Sequence[Selection],
        deployed: Any = None,
    ) -> FlipReport:
        """Reports the flips between the selected models and the reference.

        Args:
            predictions: As for `search`; best on images that did not select.
            selections: What `search` returned.
            deployed: As the field, of the images of `predictions`.

        Returns:
            `FlipReport` of "reference", if there is one, and "model 1",
            "model 2" and so on.
        """
        correct = {}
        if self.reference is not None:
            correct["reference"] = predictions(self.reference)
        elif deployed is not None:
            correct["reference"] = check_correct("deployed", deployed)
        for number, selection in enumerate(selections):
            correct[f"model {number + 1}"] = predictions(selection.arch)
        return FlipReport.measure(correct)

    def _check(self, family, classes, budgets):
        if self.reference is not None:
            family.space.validate(self.reference)
        before = [] if self.reference is None else [self.reference]
        part = self._part(family, before)
        for budget in budgets:
            budget.check_reachable(part, classes)
        for smaller, larger in zip(budgets, budgets[1:], strict=False):
            if _is_tighter(larger, smaller):
                raise ValueError(
                    "`budgets` must go from the tightest to the loosest. "
                    f"Received: '{larger}' after '{smaller}'."
                )

    def _part(self, family, before):
        if before and self.constrained:
            # It contains those before it, and so all of them.
            return ConstrainedFamily(family, before[-1])
        return family

    def _score(self, correct, before):
        has_reference = before or self.deployed is not None
        # Without a reference there is nothing to flip from.
        kind = self.kind if has_reference else "R0"

        def score(arch):
            images = correct(arch)
            accuracy = float(images.mean())
            earlier = [correct(b) for b in before]
            if self.deployed is not None:
                earlier.append(self.deployed)
            rates = [negative_flip_rate(one, images) for one in earlier]
            flips = float(np.mean(rates)) if rates else 0.0
            value = reward(kind, accuracy, flips, self.lambda1, self.lambda2)
            return Reward(value, accuracy, flips)

        return score


def _is_tighter(budget, other):
    """Whether a budget does not hold for all that the other one holds for."""
    if budget.resolution not in (None, other.resolution):
        return True
    for name in UPPER_BOUNDS:
        bound, other_bound = getattr(budget, name), getattr(other, name)
        if bound is not None and (other_bound is None or other_bound > bound):
            return True
    return False


class _CorrectImages:
    """What each architecture gets right, asked once and kept in bits."""

    def __init__(self, predictions):
        self._predictions = predictions
        self._bits = {}

    def __call__(self, arch):
        if arch not in self._bits:
            correct = check_correct(
                "predictions(arch)", self._predictions(arch)
            )
            self._bits[arch] = np.packbits(correct), len(correct)
        bits, count = self._bits[arch]
        return np.unpackbits(bits, count=count).astype(bool)
