"""One training step of a task in PyTorch, on one device."""

import torch
from keras import StatelessScope
from keras import ops

from keras_elastic.training.torch_gradients import clear_gradients
from keras_elastic.training.torch_gradients import clip
from keras_elastic.training.torch_gradients import collect_gradients
from keras_elastic.training.torch_gradients import divide


class TorchTaskStep:
    """The same step as `TensorFlowTaskStep`, written for eager execution.

    Its arguments are those of `TensorFlowTaskStep`.
    """

    def __init__(self, task, optimizer, settings):
        self.task = task
        self.optimizer = optimizer
        self.settings = settings
        self.variables = list(task.variables)
        self._decays = settings.decays(task.model, self.variables)

    def __call__(self, images, labels, mixing, draws):
        """Runs the step.

        Args:
            images: Tensor of shape (batch, height, width, 3).
            labels: Integer tensor of shape (batch,).
            mixing: float32 array of shape (batch // 2,), of mixup.
            draws: Dictionary of arrays.

        Returns:
            Dictionary of the loss and the metrics, means over the batch.
        """
        clear_gradients(self.variables)
        batch = self._make_batch(images, labels, mixing, draws)
        logs = [self._run(part) for part in divide(batch, self.settings)]
        gradients = collect_gradients(
            self.variables, self._decays, self.settings.weight_decay
        )
        with torch.no_grad():
            self.optimizer.apply(clip(gradients, self.settings), self.variables)
        return {
            name: torch.stack([part[name] for part in logs]).mean()
            for name in logs[0]
        }

    def _make_batch(self, images, labels, mixing, draws):
        settings = self.settings
        mixing = ops.convert_to_tensor(mixing)
        targets = settings.targets(labels, self.task.classes)
        return {
            "images": settings.mix(ops.cast(images, "float32"), mixing),
            "targets": settings.mix(targets, mixing),
            "labels": ops.convert_to_tensor(labels),
            **{n: ops.convert_to_tensor(draw) for n, draw in draws.items()},
        }

    def _run(self, batch):
        with StatelessScope():
            losses, metrics = self.task.loss(batch)
        loss = losses.mean()
        (loss / self.settings.accumulation_steps).backward()
        means = {n: m.detach().mean() for n, m in metrics.items()}
        return {"loss": loss.detach(), **means}
