"""What each subnet of a training step learns from."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.training.losses import AdaptiveAlphaDivergence
from keras_elastic.training.losses import SoftCrossEntropy
from keras_elastic.training.losses import soft_cross_entropy

DIVERGENCES = {
    "kl": SoftCrossEntropy(),
    "alpha": AdaptiveAlphaDivergence(),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Supervised:
    """Every subnet learns from the labels, and from a teacher if there is one.

    Without a teacher this is how Slimmable Networks train; with the frozen
    largest subnet as the teacher, how Once-for-All shrinks.

    Reference:
    - Slimmable Neural Networks (Yu et al., ICLR 2019), section 3.3;
      Once-for-All (Cai et al., ICLR 2020), section 3.3.

    Args:
        divergence: Function of the teacher's logits and the subnet's, both of
            shape (batch, classes), to losses of shape (batch,), or a key of
            `DIVERGENCES`: `"kl"`, or `"alpha"` for AlphaNet's.
        teacher: Function from images, pixels in 0..255, to logits, or `None`.
            See `teachers`.
        teacher_weight: Float. Weight of the teacher's loss beside the labels'.
        label_weight: Float. Weight of the labels' loss. With 0 a teacher is
            all there is to learn from: BigNAS (Yu et al., ECCV 2020), Table
            3, "scratch + distill (A)".
        temperature: Float. What all that teaches, and who learns from it, is
            divided by before the softmax. The loss is multiplied by its
            square, so that the gradients stay as large (Hinton et al., 2015).
            Defaults to 1, the papers'; in DS-Net (supplement, Table 3) a
            temperature of 4 costs the slimmest subnet 10 points.

    Raises:
        ValueError: The divergence is unknown, a weight negative, the
            temperature not positive, or there is nothing to learn from.
    """

    divergence: Any = "kl"
    teacher: Callable | None = None
    teacher_weight: float = 1.0
    temperature: float = 1.0
    label_weight: float = 1.0

    # Whether the weights' moving average takes part.
    needs_average = False

    def __post_init__(self):
        checks.fields(
            self,
            teacher_weight=checks.NON_NEGATIVE,
            temperature=checks.RATE,
            label_weight=checks.NON_NEGATIVE,
        )
        if not self.label_weight and self.teacher is None:
            raise ValueError(
                "`label_weight` must be positive without a teacher. Received: "
                "label_weight=0, which leaves nothing to learn. Pass a teacher."
            )
        if callable(self.divergence):
            return
        known = isinstance(self.divergence, str)
        if not known or self.divergence not in DIVERGENCES:
            raise ValueError(
                f"`divergence` must be one of {tuple(DIVERGENCES)} or a "
                f"function. Received: divergence={self.divergence!r}."
            )
        divergence = DIVERGENCES[self.divergence]
        object.__setattr__(self, "divergence", divergence)

    def chance(self, classes: int) -> float:
        """Loss of a first subnet that guesses."""
        taught = 0.0
        if self.teacher is not None:
            taught = self.teacher_weight * self.temperature**2
        return math.log(classes) * (self.label_weight + taught)

    def begin(
        self,
        images: Any,
        targets: Any,
        archs: Any,
        average: Callable[[Any], Any],
    ) -> dict[str, Any]:
        """Prepares what the subnets of a step learn from.

        Args:
            images: Tensor of the batch, of pixels in 0..255.
            targets: Tensor of probabilities of the labels, (batch, classes).
            archs: The encoded architectures of the step, (subnets, genes).
            average: Function from encoded architectures, (count, genes), to
                logits (count, batch, classes) of the batch by the moving
                average of the weights.

        Returns:
            Dictionary of tensors: the lessons.
        """
        lessons = {"targets": targets}
        if self.teacher is not None:
            logits = ops.cast(self.teacher(images), "float32")
            lessons["teacher"] = ops.stop_gradient(logits)
        return lessons

    def loss(self, lessons: dict[str, Any], index: Any, logits: Any) -> Any:
        """Returns the loss of each image of a subnet, of shape (batch,).

        Args:
            lessons: What `begin` or `learn` returned.
            index: Integer or scalar tensor. Place of the subnet in the step.
            logits: float32 tensor of shape (batch, classes), the subnet's.
        """
        return self._label_loss(lessons, logits)

    def learn(
        self, lessons: dict[str, Any], index: Any, logits: Any
    ) -> dict[str, Any]:
        """Returns the lessons for the subnets after this one."""
        return lessons

    def _label_loss(self, lessons, logits):
        loss = soft_cross_entropy(lessons["targets"], logits)
        if self.label_weight != 1:
            loss = self.label_weight * loss
        if self.teacher is None:
            return loss
        taught = self._divergence(lessons["teacher"], logits)
        return loss + self.teacher_weight * taught

    def _divergence(self, teacher_logits, logits):
        """The divergence of the softened probabilities."""
        heat = self.temperature
        if heat == 1:
            return self.divergence(teacher_logits, logits)
        return heat**2 * self.divergence(teacher_logits / heat, logits / heat)


@dataclasses.dataclass(frozen=True, kw_only=True)
class InPlaceDistillation(Supervised):
    """The first subnet learns from the labels, the others from the first.

    The first is the largest, at its own resolution. Its predictions on the
    same images in the same step are what the others learn, and nothing else.
    A teacher teaches the first.

    Reference:
    - Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 3.4;
      MutualNet (Yang et al., ECCV 2020), section 3.2; BigNAS (Yu et al., ECCV
      2020), section 3.1; with `divergence="alpha"`, AlphaNet (Wang et al.,
      ICML 2021).

    Args:
        divergence: As `Supervised`. Of the others from the first, too.
        teacher: As `Supervised`.
        teacher_weight: As `Supervised`.
        temperature: As `Supervised`. Of the others from the first, too.
        label_weight: As `Supervised`, of the first.
    """

    def begin(
        self,
        images: Any,
        targets: Any,
        archs: Any,
        average: Callable[[Any], Any],
    ) -> dict[str, Any]:
        lessons = super().begin(images, targets, archs, average)
        return {**lessons, "first": ops.zeros_like(targets)}

    def loss(self, lessons: dict[str, Any], index: Any, logits: Any) -> Any:
        return ops.where(
            ops.equal(index, 0),
            self._label_loss(lessons, logits),
            self._divergence(lessons["first"], logits),
        )

    def learn(
        self, lessons: dict[str, Any], index: Any, logits: Any
    ) -> dict[str, Any]:
        first = ops.where(
            ops.equal(index, 0), ops.stop_gradient(logits), lessons["first"]
        )
        return {**lessons, "first": first}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrioritizedDistillation(InPlaceDistillation):
    """Students learn from whichever subnet before them does best.

    The first subnet learns from the labels. Every other learns each image from
    that one of the subnets before it in the step whose loss on the image's
    label is the least: the largest where nothing is better. A small student
    thus has teachers nearer to its own size. Needs the smallest to come last:
    `Sandwich(smallest_last=True)`.

    Reference:
    - Cream of the Crop: Distilling Prioritized Paths for One-Shot Neural
      Architecture Search (Peng et al., NeurIPS 2020), section 3.2. There a
      board of paths outlives the step, and a network learns which path suits
      which student; here the board is the step, and the labels decide.

    Args:
        divergence: As `Supervised`.
        teacher: As `Supervised`. Teaches the first.
        teacher_weight: As `Supervised`.
        temperature: As `Supervised`.
        label_weight: As `Supervised`, of the first.
    """

    def begin(self, images, targets, archs, average):
        lessons = super().begin(images, targets, archs, average)
        # Of whoever comes first anything is better than that.
        worst = ops.full_like(targets[:, 0], np.finfo("float32").max)
        return {**lessons, "least": worst}

    def learn(self, lessons, index, logits):
        logits = ops.stop_gradient(logits)
        loss = soft_cross_entropy(lessons["targets"], logits)
        better = ops.less(loss, lessons["least"])
        return {
            **lessons,
            "first": ops.where(better[:, None], logits, lessons["first"]),
            "least": ops.where(better, loss, lessons["least"]),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnsembleBootstrapping(Supervised):
    """Subnets learn from the moving average of the weights (DS-Net, stage I).

    The first subnet, the largest, learns from the labels; random subnets learn
    from the largest with averaged weights; the second subnet, the smallest,
    learns from the mean of the probabilities of the largest and the random
    ones with averaged weights. Needs a step of `Sandwich` order, best one
    with `apart=True`, and an optimizer with `use_ema=True`.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section 4.1, in-place
      ensemble bootstrapping. Its release averages with a momentum of 0.997.

    Args:
        ensemble: Boolean. Whether the smallest learns from the ensemble.
            `False` lets it learn from the largest too, as the release does by
            default.
        divergence: As `Supervised`.
        teacher: As `Supervised`.
        teacher_weight: As `Supervised`.
        temperature: As `Supervised`. The ensemble is the mean of softened
            probabilities.
        label_weight: As `Supervised`, of the first.
    """

    ensemble: bool = True

    needs_average = True

    def begin(
        self,
        images: Any,
        targets: Any,
        archs: Any,
        average: Callable[[Any], Any],
    ) -> dict[str, Any]:
        lessons = super().begin(images, targets, archs, average)
        # The smallest, which is second, teaches nobody.
        teachers = ops.concatenate([archs[:1], archs[2:]], axis=0)
        probabilities = ops.softmax(average(teachers) / self.temperature)
        largest = probabilities[0]
        if self.ensemble:
            smallest = ops.mean(probabilities, axis=0)
        else:
            smallest = largest
        return {
            **lessons,
            "largest": ops.stop_gradient(self._logits(largest)),
            "smallest": ops.stop_gradient(self._logits(smallest)),
        }

    def loss(self, lessons: dict[str, Any], index: Any, logits: Any) -> Any:
        taught = ops.where(
            ops.equal(index, 1), lessons["smallest"], lessons["largest"]
        )
        return ops.where(
            ops.equal(index, 0),
            self._label_loss(lessons, logits),
            self._divergence(taught, logits),
        )

    def _logits(self, probabilities):
        # Their softmax, softened, is the probabilities again.
        least = keras.config.epsilon()
        return self.temperature * ops.log(ops.maximum(probabilities, least))


OBJECTIVES = {
    "in_place_distillation": InPlaceDistillation,
    "supervised": Supervised,
    "prioritized_distillation": PrioritizedDistillation,
    "ensemble_bootstrapping": EnsembleBootstrapping,
}
