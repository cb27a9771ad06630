"""What the trainings of conditional models have in common."""

import math
from typing import Any

from keras import ops

from keras_elastic.training.task import Task


class ModelTask(Task):
    """The training of all weights of a model, which knows its `classes`."""

    @property
    def variables(self) -> list[Any]:
        """The variables to train."""
        return self.model.trainable_variables

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.model.classes

    def chance(self) -> float:
        """Loss of a model that guesses."""
        return math.log(self.classes)


def is_right(logits, labels):
    """Says which images are classified right.

    Args:
        logits: Tensor of shape (batch, classes).
        labels: Integer tensor of shape (batch,).

    Returns:
        float32 tensor of shape (batch,) of zeros and ones.
    """
    best = ops.argmax(logits, axis=-1)
    return ops.cast(ops.equal(best, ops.cast(labels, best.dtype)), "float32")
