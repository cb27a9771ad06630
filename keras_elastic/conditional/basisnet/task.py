"""What a BasisNet learns: both of its stages at once."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.conditional.model_task import ModelTask
from keras_elastic.conditional.model_task import is_right
from keras_elastic.layers import kernels
from keras_elastic.training.losses import smooth_labels
from keras_elastic.training.losses import soft_cross_entropy
from keras_elastic.training.objectives import DIVERGENCES
from keras_elastic.training.teachers import check_classes

TAUGHT = ("specialist", "both")

# Before the names of dropouts, in what is drawn for a step.
DROPOUT = "dropout_"


@dataclasses.dataclass(frozen=True)
class BasisNetTask(ModelTask):
    """The joint training of a `BasisNet` from scratch, end to end.

    The loss of an image is that of the specialist plus `light_weight` times
    that of the light network. Two means keep the bases from falling into
    disuse:

    - epsilon preheat: coefficients become
      `epsilon / num_bases + (1 - epsilon) * coefficients`, with an epsilon of
      1 for `preheat_steps` steps, which then falls to 0 in a straight line
      over `decay_steps`;
    - basis-model dropout: bases are left out at random, and the coefficients
      of the others grow so that the sum stays.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 3.3 and the supplement. Not published, and so
      assumed here: the weight of the light network, 1, and what exactly is
      left out: a basis for an image, in all blocks alike.

    Args:
        model: `BasisNet`.
        light_weight: Float. Weight of the light network's loss.
        preheat_steps: Integer. Steps with an epsilon of 1.
        decay_steps: Integer. Steps in which epsilon falls to 0.
        basis_dropout: Float in [0, 1). Chance that a basis is left out; the
            paper's are 1/8 up to eight bases and 1/16 from sixteen on. If all
            are drawn to be left out, none is.
        dropout_per_image: Boolean. Whether each image has a draw of its own;
            otherwise the batch has one.
        dropout_per_block: Boolean. Whether each block has a draw of its own.
        renormalize: Boolean. Whether the other coefficients grow.
        teacher: Function from images, pixels in 0..255, to logits, or `None`.
            See `teachers`.
        taught: `"specialist"` or `"both"`: who learns from the teacher.
        teacher_share: Float in 0..1. Part of the teacher in the loss of who is
            taught; the rest is that of the labels. Defaults to 1: soft labels
            alone, as in the paper.
        divergence: `"kl"`, `"alpha"` or a function, as in `Supervised`.
        light_hard_labels: Boolean. Whether the light network learns from
            labels that are neither smoothed nor mixed up.

    Raises:
        ValueError: An argument is out of range or not one of its choices, or
            the teacher knows another number of classes.

    Example:

    ```python
    model = keras_elastic.build("basisnet_mobilenet_v3", classes=10)
    task = BasisNetTask(model, basis_dropout=1 / 16)
    ```
    """

    metrics = ("accuracy", "light_accuracy", "specialist_loss", "light_loss")

    model: Any
    _: dataclasses.KW_ONLY
    light_weight: float = 1.0
    preheat_steps: int = 10_000
    decay_steps: int = 40_000
    basis_dropout: float = 0.0
    dropout_per_image: bool = True
    dropout_per_block: bool = False
    renormalize: bool = True
    teacher: Callable | None = None
    taught: str = "specialist"
    teacher_share: float = 1.0
    divergence: Any = "kl"
    light_hard_labels: bool = False

    def __post_init__(self):
        checks.non_negative_number(
            light_weight=self.light_weight,
            preheat_steps=self.preheat_steps,
            decay_steps=self.decay_steps,
        )
        checks.BELOW_ONE.check("basis_dropout", self.basis_dropout)
        checks.fraction(teacher_share=self.teacher_share)
        checks.one_of(TAUGHT, taught=self.taught)
        if not (callable(self.divergence) or self.divergence in DIVERGENCES):
            raise ValueError(
                f"`divergence` must be one of {tuple(DIVERGENCES)} or a "
                f"function. Received: divergence={self.divergence!r}."
            )
        if self.teacher is not None:
            check_classes(self.teacher, self.classes)

    def chance(self) -> float:
        """Loss of a model that guesses."""
        return super().chance() * (1 + self.light_weight)

    def epsilon(self, step: int) -> float:
        """The epsilon of a step.

        Args:
            step: Integer, counted from 0.

        Returns:
            Float in 0..1.
        """
        decayed = step - self.preheat_steps
        if decayed < 0:
            return 1.0
        if decayed >= self.decay_steps:
            return 0.0
        return 1.0 - decayed / self.decay_steps

    def draw(
        self, rng: np.random.Generator, batch_size: int, step: int
    ) -> dict[str, np.ndarray]:
        """Draws what is random in a step.

        Args:
            rng: `np.random.Generator` of the step.
            batch_size: Integer. Images of the global batch.
            step: Integer, counted from 0.

        Returns:
            Dictionary of float32 arrays whose first axis is the batch:
            `"epsilon"`, `"basis_mask"` of ones for the bases that take part,
            and a mask for each dropout of the model.
        """
        epsilon = np.full(batch_size, self.epsilon(step), "float32")
        drawn = {
            "epsilon": epsilon,
            "basis_mask": self._draw_basis_mask(rng, batch_size),
        }
        for name, (rate, features) in self.model.dropouts.items():
            kept = rng.random((batch_size, features)) >= rate
            drawn[DROPOUT + name] = (kept / (1 - rate)).astype("float32")
        return drawn

    def _draw_basis_mask(self, rng, batch_size):
        model = self.model
        images = batch_size if self.dropout_per_image else 1
        blocks = len(model.basis_blocks) if self.dropout_per_block else 1
        chance = rng.random((images, blocks, model.num_bases))
        kept = chance >= self.basis_dropout
        kept |= ~kept.any(axis=-1, keepdims=True)
        whole = (batch_size, len(model.basis_blocks), model.num_bases)
        return np.broadcast_to(kept, whole).astype("float32")

    def loss(self, batch: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """As `Task.loss`, with what `draw` returned."""
        light_logits, logits = self.run_stages(batch)
        taught = self._teach(batch["images"])
        loss = self._own_loss(batch["targets"], logits, taught)
        light_loss = self._own_loss(
            self._light_targets(batch),
            light_logits,
            taught if self.taught == "both" else None,
        )
        labels = batch["labels"]
        metrics = {
            "accuracy": is_right(logits, labels),
            "light_accuracy": is_right(light_logits, labels),
            "specialist_loss": loss,
            "light_loss": light_loss,
        }
        return loss + self.light_weight * light_loss, metrics

    def run_stages(self, batch: Mapping[str, Any]) -> tuple[Any, Any]:
        """Runs both stages in training mode on what `loss` takes.

        Returns:
            Logits of the light network and of the specialist.
        """
        masks = {
            name.removeprefix(DROPOUT): mask
            for name, mask in batch.items()
            if name.startswith(DROPOUT)
        }
        images, size = batch["images"], self.model.specialist.resolution
        light_logits, coefficients = self.model.preview(
            images, training=True, dropout_masks=masks
        )
        if tuple(images.shape[1:3]) != (size, size):
            images = kernels.resize(images, size)
        mixed = self.mix(coefficients, batch["epsilon"], batch["basis_mask"])
        logits = self.model.specialize(
            images, mixed, training=True, dropout_masks=masks
        )
        return light_logits, logits

    def mix(self, coefficients: Any, epsilon: Any, basis_mask: Any) -> Any:
        """Returns the coefficients of a training step.

        Args:
            coefficients: Tensor of shape (batch, basis blocks, num_bases).
            epsilon: Tensor of shape (batch,).
            basis_mask: Tensor of the shape of `coefficients`.
        """
        epsilon = epsilon[:, None, None]
        even = epsilon / self.model.num_bases
        coefficients = even + (1 - epsilon) * coefficients
        masked = coefficients * basis_mask
        if not self.renormalize:
            return masked
        before = ops.sum(coefficients, axis=-1, keepdims=True)
        after = ops.sum(masked, axis=-1, keepdims=True)
        # A softmax may leave nearly nothing to those that take part.
        return masked * (before / ops.maximum(after, 1e-6))

    def _teach(self, images):
        if self.teacher is None:
            return None
        return ops.stop_gradient(ops.cast(self.teacher(images), "float32"))

    def _own_loss(self, targets, logits, taught):
        if taught is None:
            return soft_cross_entropy(targets, logits)
        divergence = self.divergence
        if not callable(divergence):
            divergence = DIVERGENCES[divergence]
        loss = self.teacher_share * divergence(taught, logits)
        if self.teacher_share == 1:
            return loss
        labeled = soft_cross_entropy(targets, logits)
        return loss + (1 - self.teacher_share) * labeled

    def _light_targets(self, batch):
        if self.light_hard_labels:
            return smooth_labels(batch["labels"], self.classes, 0.0)
        return batch["targets"]
