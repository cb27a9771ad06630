"""Watches a training for numbers that say that it is lost."""

import math


class TrainingLost(RuntimeError):
    """A training that diverged or collapsed, and was rolled back."""


class Guard:
    """Finds a loss that is not finite, and a collapse to chance.

    A training has learned once its smoothed loss is well below that of
    guessing. If it later comes back to guessing, it has
    collapsed: every image gets the same answer, and nothing is learned any
    more.

    Args:
        chance: Float. The loss of guessing: log(classes) for labels.
        momentum: Float in [0, 1), of the smoothing. Defaults to 0.98, about
            fifty steps.
    """

    # Parts of the loss of guessing.
    LEARNT = 0.8
    COLLAPSED = 0.98

    def __init__(self, chance, momentum=0.98):
        self.chance = chance
        self.momentum = momentum
        self._smoothed = None
        self._best = math.inf

    def check(self, loss):
        """Takes note of a step's loss.

        Args:
            loss: Float. The first subnet's loss.

        Returns:
            What is wrong, as a string, or `None`.
        """
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        before = loss if self._smoothed is None else self._smoothed
        self._smoothed = self.momentum * before + (1 - self.momentum) * loss
        self._best = min(self._best, self._smoothed)
        if self._learned and self._smoothed >= self.COLLAPSED * self.chance:
            return (
                f"the loss fell to {self._best:.3g} and is back at "
                f"{self._smoothed:.3g}, which is that of guessing"
            )
        return None

    @property
    def _learned(self):
        return self._best < self.LEARNT * self.chance

    def is_healthy(self):
        """Whether the present weights are worth keeping.

        Those of a training on its way up to guessing are not: they would
        replace the last good ones.
        """
        halfway = (self._best + self.chance) / 2
        return not self._learned or self._smoothed < halfway
