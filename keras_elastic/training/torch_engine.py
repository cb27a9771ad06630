"""Runs training steps in PyTorch, on one device."""

import contextlib

from keras import ops


class TorchEngine:
    """Runs an eager step; the counterpart of `TensorFlowEngine`.

    Args:
        step: `TorchStep`.
        settings: `StepSettings`.

    Raises:
        ValueError: The settings ask for XLA.
    """

    is_chief = True
    batch_size = None

    def __init__(self, step, settings):
        if settings.jit_compile:
            raise ValueError(
                "`jit_compile` needs the TensorFlow backend. "
                "Received: jit_compile=True with the backend 'torch'."
            )
        self.settings = settings
        self._step = step

    def scope(self):
        """The context in which variables are read and set."""
        return contextlib.nullcontext()

    def iterate(self, batches, epoch, start):
        """Yields the batches of an epoch."""
        for images, labels in batches(epoch, start):
            self._check(len(images))
            self.batch_size = len(images)
            # From NumPy or `tf.data`, to the device.
            yield ops.convert_to_tensor(images), ops.convert_to_tensor(labels)

    def _check(self, batch_size):
        parts = self.settings.accumulation_steps
        if batch_size % parts or (self.settings.mixup and batch_size % 2):
            raise ValueError(
                "`accumulation_steps` must divide the batch, and mixup needs "
                f"an even one. Received: accumulation_steps={parts}, "
                f"mixup={self.settings.mixup} and {batch_size} images."
            )

    def train(self, batch, *arguments):
        """As `TensorFlowEngine.train`."""
        logs = self._step(*batch, *arguments)
        return {name: values.cpu().numpy() for name, values in logs.items()}

    def losses(self, batch, choices):
        """Returns the mean loss of each choice on the batch."""
        return self._step.losses(*batch, choices).cpu().numpy()
