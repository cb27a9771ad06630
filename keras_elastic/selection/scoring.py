"""Accuracy of a subnet, with statistics measured for it."""

from typing import NamedTuple

import tensorflow as tf

from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.spaces import Architecture


class Score(NamedTuple):
    """How well a subnet does. Compares by accuracy, then by lower loss.

    `accuracy`: top-1, in 0..1. `negative_loss`: minus the mean cross-entropy.
    """

    accuracy: float
    negative_loss: float


class Scorer:
    """Scores subnets of a supernet in one trace, without extracting them.

    Scores are kept by architecture, so nothing is scored twice.

    Args:
        supernet: `Supernet`.
        calibration_images: Array of training images, (count, height, width,
            3) with pixels in 0..255, to measure statistics on.
        evaluation_batches: Iterable of pairs (images, labels) that the
            accuracy is measured on. Not those of the test split: what selects
            must not be what reports.

    Raises:
        ValueError: There are no evaluation batches.

    Example:

    >>> scorer = Scorer(supernet, images[:2000], held_out_batches)
    >>> 0 <= scorer(supernet.space.smallest).accuracy <= 1
    True
    """

    def __init__(self, supernet, calibration_images, evaluation_batches):
        self.supernet = supernet
        self.calibration_images = calibration_images
        self.evaluation_batches = list(evaluation_batches)
        if not self.evaluation_batches:
            raise ValueError(
                "`evaluation_batches` must hold at least one batch. "
                "Received: none."
            )
        self.scores: dict[Architecture, Score] = {}
        self._calibrator = SubnetCalibrator(supernet)
        self._batch_score = tf.function(
            self._score_batch, input_signature=self._signature()
        )

    def _signature(self):
        channels = self.supernet.normalizations
        return (
            tf.TensorSpec((None, None, None, 3), "float32"),
            tf.TensorSpec((None,), "int64"),
            tf.TensorSpec((len(self.supernet.space.genes),), "int32"),
            {name: tf.TensorSpec((2, c)) for name, c in channels.items()},
        )

    def _score_batch(self, images, labels, arch, statistics):
        logits = self.supernet(images, arch, statistics=statistics)
        correct = tf.equal(tf.argmax(logits, axis=-1), labels)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return (
            tf.reduce_sum(tf.cast(correct, "float32")),
            tf.reduce_sum(loss),
        )

    def __call__(self, arch: Architecture) -> Score:
        """Returns the score of an architecture."""
        if arch not in self.scores:
            statistics = self.statistics(arch)
            self.scores[arch] = self.evaluate(
                arch, statistics, self.evaluation_batches
            )
        return self.scores[arch]

    def statistics(self, arch: Architecture) -> dict:
        """Measures the statistics of an architecture's normalisations."""
        return self._calibrator.measure(arch, self.calibration_images)

    def evaluate(self, arch: Architecture, statistics, batches) -> Score:
        """Evaluates an architecture with given statistics on given batches."""
        encoded = self.supernet.space.encode(arch)
        # Every normalisation is an argument of the one trace; those of
        # skipped blocks are there too, and zero.
        correct, loss, images = 0.0, 0.0, 0
        for batch_images, labels in batches:
            batch_correct, batch_loss = self._batch_score(
                tf.cast(batch_images, "float32"),
                tf.cast(labels, "int64"),
                encoded,
                statistics,
            )
            correct += float(batch_correct)
            loss += float(batch_loss)
            images += len(batch_images)
        return Score(correct / images, -loss / images)
