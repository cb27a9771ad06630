"""Losses on logits, one value an image."""

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from keras_elastic import checks


def soft_cross_entropy(targets, logits):
    """Cross-entropy of logits against probabilities.

    Summed over the classes, one value an image. Its gradient is that of the
    KL divergence; no gradient reaches the targets.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.1, in-place distillation.

    Args:
        targets: Tensor of probabilities, of shape (batch, classes).
        logits: Tensor of shape (batch, classes).

    Returns:
        Tensor of shape (batch,).
    """
    return keras.losses.categorical_crossentropy(
        ops.stop_gradient(targets), logits, from_logits=True
    )


def smooth_labels(labels, classes, smoothing):
    """Makes probabilities of labels.

    Args:
        labels: Integer tensor of shape (batch,).
        classes: Integer. Number of classes.
        smoothing: Float in [0, 1), the probability that is spread evenly.

    Returns:
        float32 tensor of shape (batch, classes).
    """
    one_hot = ops.one_hot(labels, classes, dtype="float32")
    return one_hot * (1 - smoothing) + smoothing / classes


@dataclasses.dataclass(frozen=True)
class SoftCrossEntropy:
    """A student learns the teacher's probabilities: KL(teacher || student).

    The value is the cross-entropy, which differs from the divergence by the
    teacher's entropy and has the same gradient.
    """

    def __call__(self, teacher_logits: Any, logits: Any) -> Any:
        """Returns the loss of each image.

        Args:
            teacher_logits: Tensor of shape (batch, classes); no gradient
                reaches it.
            logits: Tensor of shape (batch, classes), the student's.

        Returns:
            Tensor of shape (batch,).
        """
        return soft_cross_entropy(ops.softmax(teacher_logits), logits)


@dataclasses.dataclass(frozen=True)
class AdaptiveAlphaDivergence:
    """The larger of two alpha-divergences, for each image.

    With the teacher p and the student q,

        D_alpha(p || q) = sum(q * ((p / q) ** alpha - 1)) / (alpha * (alpha-1))

    and KL(p || q) for alpha = 1. A negative alpha punishes a student that is
    sure where the teacher is not, a positive one the opposite. Gradients flow
    through log q only, weighted by the importance ratio (p / q) ** alpha,
    which is clipped. Everything is computed from logarithms, because ratios of
    probabilities overflow.

    Reference:
    - AlphaNet: Improved Training of Supernets with Alpha-Divergence (Wang et
      al., ICML 2021), section 3.2 and the release, for the clipping.

    Args:
        alpha_min: Float, the first alpha. Defaults to -1.
        alpha_max: Float, the second. Defaults to 1.
        clip: Float, the most that (p / q) ** alpha counts for alpha other
            than 1. Defaults to 5.

    Raises:
        ValueError: An alpha is 0, `alpha_min` exceeds `alpha_max`, or `clip`
            is not positive.
    """

    alpha_min: float = -1.0
    alpha_max: float = 1.0
    clip: float = 5.0

    def __post_init__(self):
        checks.fields(self, clip=checks.POSITIVE)
        wrong = 0 in (self.alpha_min, self.alpha_max) or not (
            self.alpha_min <= self.alpha_max and self.clip > 0
        )
        if wrong:
            raise ValueError(
                "`alpha_min` must not exceed `alpha_max`, neither may be 0, "
                f"and `clip` must be positive. Received: {self}."
            )

    def __call__(self, teacher_logits: Any, logits: Any) -> Any:
        """Returns the divergence of each image.

        Args:
            teacher_logits: Tensor of shape (batch, classes); no gradient
                reaches it.
            logits: Tensor of shape (batch, classes), the student's.

        Returns:
            Tensor of shape (batch,).
        """
        low, low_slope, high, high_slope = (
            value
            for alpha in (self.alpha_min, self.alpha_max)
            for value in self._divergence(alpha, teacher_logits, logits)
        )
        value = ops.maximum(low, high)
        slope = ops.where(low > high, low_slope, high_slope)
        # The value of the divergence with the gradient of the other.
        return slope + ops.stop_gradient(value - slope)

    def _divergence(self, alpha, teacher_logits, logits):
        log_q = ops.log_softmax(logits)
        q = ops.stop_gradient(ops.exp(log_q))
        log_p = ops.stop_gradient(ops.log_softmax(teacher_logits))
        log_ratio = log_p - ops.stop_gradient(log_q)
        if alpha == 1:
            p = ops.exp(log_p)
            return ops.sum(p * log_ratio, -1), -ops.sum(p * log_q, -1)
        # Clipped before the exponential, which would overflow.
        log_weight = ops.minimum(alpha * log_ratio, math.log(self.clip))
        weight = ops.exp(log_weight)
        value = ops.sum(q * (weight - 1), -1) / (alpha * (alpha - 1))
        # A constant beside the weight has no gradient: q sums to 1.
        return value, -ops.sum(q * weight * log_q, -1) / alpha
