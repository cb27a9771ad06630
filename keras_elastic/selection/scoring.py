"""Accuracy of a subnet, with statistics measured for it."""

import hashlib
import os
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.selection.front import Score
from keras_elastic.selection.score_cache import Record
from keras_elastic.selection.score_cache import ScoreCache
from keras_elastic.selection.subnet_logits import SubnetLogits
from keras_elastic.spaces import Architecture

if TYPE_CHECKING:
    from keras_elastic.models.supernet import Supernet

# Data sets hold some images twice; splits that overlap share more than that.
_DUPLICATES = 0.01


class Scorer:
    """Scores subnets of a supernet in one trace, without extracting them.

    What is scored is kept by architecture, in memory and in a file, so that
    nothing is scored twice, not even by a search that was killed.

    Args:
        supernet: `Supernet`.
        calibration_images: Array of training images, (count, height, width,
            3) with pixels in 0..255, to measure statistics on.
        evaluation_batches: Iterable of pairs (images, labels) that the
            accuracy is measured on. Not those of the test split: what selects
            must not be what reports.
        cache: Path of a file for the scores, or `None`. One that exists goes
            on, if it is of the same weights and images.
        strategy: `tf.distribute.Strategy` in whose scope the supernet was
            made, to spread each batch over its replicas, or `None`. The
            statistics of upstream layers are then those of a replica's part.

    Raises:
        ValueError: There are no evaluation batches, an evaluation image is a
            calibration image too, or the cache is of another supernet.

    Example:

    >>> scorer = Scorer(supernet, images[:2000], held_out_batches)
    >>> 0 <= scorer(supernet.space.smallest).accuracy <= 1
    True
    """

    @checks.arguments(
        supernet=checks.SUPERNET,
        calibration_images=checks.IMAGES,
        evaluation_batches=checks.ITERABLE,
    )
    def __init__(
        self,
        supernet: "Supernet",
        calibration_images: Any,
        evaluation_batches: Iterable[Any],
        cache: str | os.PathLike[str] | None = None,
        strategy: Any = None,
    ):
        self.supernet = supernet
        self.calibration_images = ops.convert_to_numpy(calibration_images)
        checks.check_images(self.calibration_images, "calibration_images")
        self.evaluation_batches = _as_arrays(evaluation_batches)
        _check_apart(self.calibration_images, self.evaluation_batches)
        self._calibrator = SubnetCalibrator(supernet, strategy)
        self._logits = SubnetLogits(supernet, strategy)
        self._records = ScoreCache(
            supernet.space, cache, self._fingerprint() if cache else {}
        )

    @property
    def labels(self) -> np.ndarray:
        """The labels of the evaluation images, (count,)."""
        return np.concatenate([labels for _, labels in self.evaluation_batches])

    @property
    def scores(self) -> dict[Architecture, Score]:
        """All scores so far, by architecture."""
        return {arch: _score(record) for arch, record in self._records.items()}

    def __call__(self, arch: Architecture) -> Score:
        """Returns the score of an architecture."""
        return _score(self._record(arch))

    def predictions(self, arch: Architecture) -> np.ndarray:
        """Returns the class that each evaluation image gets, (count,)."""
        return self._record(arch).predictions

    def correct(self, arch: Architecture) -> np.ndarray:
        """Returns which evaluation images are classified right, (count,)."""
        return self.predictions(arch) == self.labels

    def _record(self, arch):
        arch = self.supernet.space.canonical(arch)
        if arch not in self._records:
            self._records.add(
                arch,
                self._evaluate(
                    arch, self.statistics(arch), self.evaluation_batches
                ),
            )
        return self._records[arch]

    def statistics(self, arch: Architecture) -> dict:
        """Measures the statistics of an architecture's normalizations."""
        return self._calibrator.measure(arch, self.calibration_images)

    def evaluate(
        self,
        arch: Architecture,
        statistics: Mapping[str, Any],
        batches: Iterable[Any],
    ) -> Score:
        """Evaluates an architecture with given statistics on given batches."""
        return _score(self._evaluate(arch, statistics, _as_arrays(batches)))

    def correct_on(
        self, arch: Architecture, batches: Iterable[Any]
    ) -> np.ndarray:
        """Returns which images of other batches are classified right."""
        batches = _as_arrays(batches)
        record = self._evaluate(arch, self.statistics(arch), batches)
        labels = np.concatenate([labels for _, labels in batches])
        return record.predictions == labels

    def _evaluate(self, arch, statistics, batches):
        run = self._logits.subnet(arch, statistics)
        predictions, losses, hits = [], 0.0, 0
        for images, labels in batches:
            logits = run(images)
            predicted = logits.argmax(axis=-1)
            predictions.append(predicted)
            hits += int(np.sum(predicted == labels))
            losses += float(np.sum(_cross_entropy(logits, labels)))
        predictions = np.concatenate(predictions)
        count = len(predictions)
        return Record(hits / count, losses / count, predictions)

    def _fingerprint(self) -> dict[str, str]:
        """What scores depend on, for the cache."""
        evaluation = [part for pair in self.evaluation_batches for part in pair]
        return {
            "weights": _digest(self.supernet.get_weights()),
            "calibration_images": _digest([self.calibration_images]),
            "evaluation_images": _digest(evaluation),
        }


def _score(record) -> Score:
    return Score(record.accuracy, -record.loss)


_PAIRS = checks.each(checks.PAIR)


def _as_arrays(batches):
    batches = list(batches)
    _PAIRS.check("evaluation_batches", batches)
    arrays = [
        (ops.convert_to_numpy(images), ops.convert_to_numpy(labels))
        for images, labels in batches
    ]
    if not arrays:
        raise ValueError(
            "`evaluation_batches` must hold at least one batch. Received: none."
        )
    return arrays


def _cross_entropy(logits, labels):
    logits = logits.astype("float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=-1))
    return log_sums - shifted[np.arange(len(labels)), labels]


def _digest(arrays) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _check_apart(calibration_images, evaluation_batches):
    """Refuses evaluation images that the statistics were measured on."""
    known = {_image_digest(image) for image in calibration_images}
    found = [
        _image_digest(image) in known
        for images, _ in evaluation_batches
        for image in images
    ]
    both = sum(found)
    if both > _DUPLICATES * len(found):
        raise ValueError(
            "`evaluation_batches` must not hold calibration images: an "
            "accuracy on images that helped is too high. Received: "
            f"{both} images that are in both. Hold other images out."
        )


def _image_digest(image):
    image = np.ascontiguousarray(image, "float32")
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
