"""What the gates of a dynamic slimmable network learn (DS-Net, stage II)."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.conditional.dsnet import masked as dsnet_masked
from keras_elastic.conditional.model_task import is_right
from keras_elastic.spaces import costs
from keras_elastic.training.losses import soft_cross_entropy
from keras_elastic.training.task import Task

if TYPE_CHECKING:
    from keras_elastic.conditional.dsnet.model import DSNet

HARD_SAMPLES = ("try_best", "give_up")


class GateTask(Task):
    """Trains the slimming heads of a `DSNet`, and nothing else of it.

    The loss of an image is the sum of

    - the cross-entropy of the logits at the widths that its gates drew;
    - `complexity_weight` times the square of its path's multiply-adds over
      those of the supernet;
    - `guidance_weight` times the cross-entropy of the gates against the width
      that suits the image (self-supervised gate supervision): the slimmest
      for an image that the slimmest path classifies right, else the widest.

    There is no target budget: where the average ends is a matter of the
    model's window of widths, and of `complexity_weight`.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section 4.2. The paper
      squares the multiply-adds of each image; the release those of the mean
      of the batch, over a constant.

    Args:
        model: `DSNet`.
        complexity_weight: Float. Defaults to 0.5.
        guidance_weight: Float. Defaults to 1.
        hard_samples: What suits an image that the widest path gets wrong too:
            `"try_best"`, the widest, or `"give_up"`, the slimmest. The latter
            runs the widest path as well.

    Raises:
        ValueError: A weight is negative, or `hard_samples` is unknown.

    Example:

    ```python
    task = GateTask(model)
    trainer = TaskTrainer(
        task, keras.optimizers.SGD(0.08, momentum=0.9), weight_decay=0.0
    )
    ```
    """

    metrics = ("accuracy", "flops")

    def __init__(
        self,
        model: "DSNet",
        complexity_weight: float = 0.5,
        guidance_weight: float = 1.0,
        hard_samples: str = "try_best",
    ):
        checks.having("gates", "classes", what="a `DSNet`").check(
            "model", model
        )
        checks.non_negative_number(
            complexity_weight=complexity_weight, guidance_weight=guidance_weight
        )
        checks.one_of(HARD_SAMPLES, hard_samples=hard_samples)
        self.model = model
        self.classes = model.classes
        self.complexity_weight = complexity_weight
        self.guidance_weight = guidance_weight
        self.hard_samples = hard_samples
        family = model.family
        plan = family.plan(family.space.largest, model.classes)
        self.total_flops = costs(plan).flops

    @property
    def variables(self) -> list[Any]:
        """The slimming heads' weights, which alone are trained."""
        return [layer.slimming.kernel for layer in self.model.gate_layers]

    def chance(self) -> float:
        """Loss of a model that guesses, at the widest path."""
        choices = [len(gate.choices) for gate in self.model.gates]
        widest = sum(flops[-1] for flops in self.model.flops)
        return (
            math.log(self.classes)
            + self.complexity_weight * (widest / self.total_flops) ** 2
            + self.guidance_weight * np.mean(np.log(choices))
        )

    def draw(
        self, rng: np.random.Generator, batch_size: int, step: int
    ) -> dict[str, np.ndarray]:
        """Draws the noise of a step.

        Args:
            rng: NumPy random generator.
            batch_size: Integer.
            step: Integer.

        Returns:
            Dictionary of "noise", float32 of shape (batch, gates, choices).
        """
        gates = self.model.gates
        most = max(len(gate.choices) for gate in gates)
        noise = rng.gumbel(size=(batch_size, len(gates), most))
        return {"noise": noise.astype("float32")}

    def loss(self, batch: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The loss and the metrics of each image.

        Args:
            batch: Dictionary of "images", pixels in 0..255, "targets",
                probabilities of shape (batch, classes), "labels", integers of
                shape (batch,), and "noise".

        Returns:
            Tensor of shape (batch,), and a dictionary of such tensors.
        """
        features = ops.stop_gradient(self.model.stem(batch["images"]))
        chosen = dsnet_masked.run(self.model, features, batch["noise"])
        share = chosen.flops / self.total_flops
        loss = soft_cross_entropy(batch["targets"], chosen.logits)
        loss = loss + self.complexity_weight * ops.square(share)
        if self.guidance_weight:
            suited = self.suited(features, batch["labels"])
            guided = guidance(chosen.gate_logits, suited)
            loss = loss + self.guidance_weight * guided
        metrics = {
            "accuracy": is_right(chosen.logits, batch["labels"]),
            "flops": chosen.flops,
        }
        return loss, metrics

    def suited(self, features: Any, labels: Any) -> Any:
        """Which width suits each image: 0 for the slimmest, 1 for the widest.

        Args:
            features: Tensor, what `DSNet.stem` made of the images.
            labels: Integer tensor of shape (batch,).

        Returns:
            float32 tensor of shape (batch,), without a gradient.
        """
        slimmest = is_right(self.model.run_path(features, 0), labels)
        suited = 1.0 - slimmest
        if self.hard_samples == "give_up":
            widest = is_right(self.model.run_path(features, -1), labels)
            suited = suited * widest
        return ops.stop_gradient(suited)


def guidance(gate_logits, suited):
    """Cross-entropy of the gates against the width that suits each image.

    Args:
        gate_logits: List of tensors of shape (batch, choices), of each gate.
        suited: Tensor of shape (batch,): 0 for the first choice, 1 for the
            last.

    Returns:
        Tensor of shape (batch,), the mean over the gates.
    """
    losses = []
    for logits in gate_logits:
        logarithms = ops.log_softmax(logits, axis=-1)
        first, last = logarithms[:, 0], logarithms[:, -1]
        losses.append(-(1.0 - suited) * first - suited * last)
    return sum(losses) / len(losses)
