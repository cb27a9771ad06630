"""What `fit` trains of a BasisNet: both of its stages."""

import threading
import types

import keras
from keras import ops

from keras_elastic.conditional.basisnet.task import BasisNetTask


class BasisNetFitting:
    """Runs a BasisNet in training, and adds the loss of its light network.

    It is the joint training of `BasisNetTask`, with the loss, the labels and
    the optimizer that the model is compiled with.

    Args:
        model: `BasisNet`.
    """

    def __init__(self, model):
        self._model = model
        # Each replica of a `tf.distribute` strategy traces in its thread.
        self._step = threading.local()
        # Within an object that Keras does not look into: a file has no seed.
        self.random = types.SimpleNamespace(
            seed=keras.random.SeedGenerator(0, name="basis_dropout")
        )
        self.configure()

    def configure(self, **settings):
        """Sets what `BasisNet.configure_training` takes."""
        settings = {"preheat_steps": 0, "decay_steps": 0, **settings}
        self._task = BasisNetTask(self._model, **settings)

    def run(self, images):
        """Returns the logits of the specialist, in training mode."""
        model = self._model
        light_logits, coefficients = model.preview(
            images, training=True, drops=True
        )
        logits = model.specialize(
            images, self._mix(coefficients), training=True, drops=True
        )
        self._step.light_logits = light_logits
        return logits

    def _mix(self, coefficients):
        task = self._task
        if not (task.preheat_steps or task.decay_steps or task.basis_dropout):
            return coefficients
        batch = ops.shape(coefficients)[0]
        epsilon = self._epsilon() * ops.ones((batch,), "float32")
        return task.mix(coefficients, epsilon, self._draw_basis_mask(batch))

    def _epsilon(self):
        """`BasisNetTask.epsilon` of the optimizer's step, as a tensor."""
        optimizer = getattr(self._model, "optimizer", None)
        step = 0 if optimizer is None else optimizer.iterations
        task = self._task
        decayed = ops.cast(step, "float32") - task.preheat_steps
        if not task.decay_steps:
            return ops.cast(decayed < 0, "float32")
        return ops.clip(1.0 - decayed / task.decay_steps, 0.0, 1.0)

    def _draw_basis_mask(self, batch):
        bases = self._model.num_bases
        chance = keras.random.uniform(
            (batch, 1, bases), dtype="float32", seed=self.random.seed
        )
        kept = chance >= self._task.basis_dropout
        # If all are drawn to be left out, none is.
        kept = ops.logical_or(
            kept, ops.logical_not(ops.any(kept, axis=-1, keepdims=True))
        )
        blocks = len(self._model.basis_blocks)
        return ops.repeat(ops.cast(kept, "float32"), blocks, axis=1)

    def light_loss(self, loss_of):
        """Returns the weighted loss of the light network of this step.

        Args:
            loss_of: Function from logits to their loss.
        """
        return self._task.light_weight * loss_of(self._step.light_logits)
