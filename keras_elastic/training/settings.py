"""The numbers of a training step, and what they mean on every backend."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from keras_elastic.training.losses import smooth_labels

DECAYED = ("kernels", "dense_kernels", "all")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepSettings:
    """What a training step does besides its objective.

    Args:
        label_smoothing: Float in [0, 1).
        weight_decay: Float. Factor of half the squared norm of the decayed
            weights, added to the loss once a step: every weight belongs to
            the largest subnet.
        decayed: What decays. `"kernels"`: all kernels, no biases and no
            normalizations (BigNAS, Once-for-All). `"dense_kernels"`: kernels
            but the depthwise ones (US-Net, MutualNet). Neither are those of
            the attention that a gate of DS-Net will replace (section A of its
            supplement). `"all"`: everything.
        mixup: Float. Parameter of the Beta distribution of mixup, 0 for none.
            Neighbors in the batch are mixed.
        clip_norm: Float, the largest norm of all gradients together, or
            `None`.
        clip_value: Float, the largest absolute value of a gradient, or `None`.
        accumulation_steps: Integer. Parts of the batch that are run one after
            another, for batches that do not fit in memory. Normalization then
            uses the statistics of a part.
        statistics: Dictionary of fixed statistics for the normalizations, see
            `Supernet`, or `None` for those of the batch, of each replica's
            part of it.
        jit_compile: Boolean. Whether to compile the step with XLA, for which
            the supernet must be of mode "masked".
        seed: Non-negative integer, of architectures, dropout and mixup.

    Raises:
        ValueError: A number is out of range.
    """

    label_smoothing: float = 0.1
    weight_decay: float = 1e-5
    decayed: str = "kernels"
    mixup: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    accumulation_steps: int = 1
    statistics: Any = None
    jit_compile: bool = False
    seed: int = 0

    def __post_init__(self):
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be in [0, 1). "
                f"Received: label_smoothing={self.label_smoothing}."
            )
        for name in ("weight_decay", "mixup", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"`{name}` must not be negative. "
                    f"Received: {name}={getattr(self, name)}."
                )
        for name in ("clip_norm", "clip_value", "accumulation_steps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(
                    f"`{name}` must be positive. Received: {name}={value}."
                )
        if self.decayed not in DECAYED:
            raise ValueError(
                f"`decayed` must be one of {DECAYED}. "
                f"Received: decayed={self.decayed!r}."
            )

    def decays(self, model, variables, spared=()):
        """Says for each variable whether it decays.

        Args:
            model: `keras.Model` that the variables belong to.
            variables: List of variables.
            spared: Names of layers whose kernels do not decay.
        """
        if self.decayed == "all":
            return [True] * len(variables)
        kept = {
            variable.path
            for layer in model._flatten_layers()
            if layer.name in spared or self._spares(layer)
            for variable in layer.trainable_variables
        }
        return [len(v.shape) > 1 and v.path not in kept for v in variables]

    def _spares(self, layer):
        # Stock, elastic and basis layers are named alike.
        is_depthwise = type(layer).__name__.endswith("DepthwiseConv2D")
        return is_depthwise and self.decayed == "dense_kernels"

    def draw_mixing(self, batch, step):
        """Draws how much each pair of neighbors keeps of itself.

        Args:
            batch: Integer. Images of the global batch.
            step: Integer.

        Returns:
            float32 array of shape (batch // 2,); ones without mixup.

        Reference:
        - mixup: Beyond Empirical Risk Minimization (Zhang et al., ICLR 2018).
        """
        if not self.mixup:
            return np.ones(batch // 2, "float32")
        rng = np.random.default_rng((self.seed, step, 1))
        mixing = rng.beta(self.mixup, self.mixup, batch // 2)
        return mixing.astype("float32")

    def targets(self, labels, classes):
        """Returns the probabilities of the labels, (batch, classes)."""
        return smooth_labels(labels, classes, self.label_smoothing)

    def mix(self, values, mixing):
        """Mixes each image, or its targets, with its neighbor.

        Args:
            values: float32 tensor of shape (batch, ...), an even batch.
            mixing: float32 tensor of shape (batch // 2,).
        """
        if not self.mixup:
            return values
        shape = values.shape
        pairs = ops.reshape(values, (shape[0] // 2, 2, *shape[1:]))
        share = ops.reshape(mixing, (-1, *[1] * len(shape)))
        mixed = share * pairs + (1 - share) * ops.flip(pairs, axis=1)
        return ops.reshape(mixed, shape)

    def dropout_seed(self, number):
        """Returns a 31-bit seed for the dropout of that number."""
        state = np.random.SeedSequence((self.seed, number)).generate_state(1)
        return int(state[0] >> 1)
