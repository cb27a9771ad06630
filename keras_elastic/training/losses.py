"""Losses on logits, one value an image."""

import keras
from keras import ops


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
