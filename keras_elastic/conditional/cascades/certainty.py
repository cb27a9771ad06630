"""What a confidence means, and what can be promised of a threshold."""

import math

import numpy as np
from scipy import optimize
from scipy import special

# A bet risks at most this part of the capital, so that none is ruined.
_LARGEST_BET = 0.75
# Logits are divided by at least exp(-3) and by at most exp(3).
_LOG_TEMPERATURES = (-3.0, 3.0)


def find_temperature(logits, labels) -> float:
    """Finds the number to divide logits by so that probabilities are true.

    Trained networks are too sure of themselves. Divided by a temperature,
    their confidence is how often they are right, on images that they were not
    trained on.

    Reference:
    - On Calibration of Modern Neural Networks (Guo et al., ICML 2017), section
      4.2: temperature scaling.

    Args:
        logits: Array of shape (images, classes).
        labels: Integer array of shape (images,).

    Returns:
        Float. The temperature with the least cross-entropy.
    """
    logits = np.asarray(logits, "float64")
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature):
        scaled = logits / np.exp(log_temperature)
        log_sums = special.logsumexp(scaled, axis=-1)
        return np.mean(log_sums - scaled[rows, labels])

    found = optimize.minimize_scalar(
        cross_entropy, bounds=_LOG_TEMPERATURES, method="bounded"
    )
    return float(np.exp(found.x))


def confidences(logits):
    """Returns the largest probability of each image, (images,)."""
    return special.softmax(logits, axis=-1).max(axis=-1)


def p_value(losses, tolerance: float) -> float:
    """How likely so small losses are if the mean loss exceeds a tolerance.

    The test bets against "the mean is above the tolerance" image by image, by
    an amount that depends on the images before. If that were true, the
    capital would exceed `1 / p` with a probability of at most `p`, whatever
    the distribution and the number of images.

    Reference:
    - Estimating means of bounded random variables by betting (Waudby-Smith
      and Ramdas, JRSS B 2024), section 4 and appendix B.3 (aGRAPA).

    Args:
        losses: Array of shape (images,) of numbers in -1..1, in random order.
        tolerance: Float in 0..1.

    Returns:
        Float in 0..1.
    """
    gains = tolerance - np.asarray(losses, "float64")
    seen = np.arange(1, len(gains) + 1)
    # Of the images before each one; the first bet is that of no knowledge.
    means = np.cumsum(gains) / (seen + 1)
    squares = (0.25 + np.cumsum((gains - means) ** 2)) / (seen + 1)
    bets = np.concatenate([[0.0], (means / (squares + means**2))[:-1]])
    bets = np.clip(bets, 0.0, _LARGEST_BET / (1 - tolerance))
    wealth = np.cumsum(np.log1p(bets * gains))
    return float(min(1.0, np.exp(-wealth.max(initial=0.0))))


def least_images(tolerance: float, probability: float) -> int:
    """Returns how many images a promise needs if they lose nothing at all.

    Args:
        tolerance: Float in 0..1. The loss that is allowed.
        probability: Float in 0..1. That of the promise.
    """
    gain = math.log1p(_LARGEST_BET / (1 - tolerance) * tolerance)
    # The bets are smaller while nothing is known yet.
    return math.ceil(math.log(1 / (1 - probability)) / gain)
