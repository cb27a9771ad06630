"""One training step in PyTorch, on one device."""

import numpy as np
import torch
from keras import StatelessScope
from keras import ops


class TorchStep:
    """Sums the gradients of a task's passes and applies them once.

    The same step as `TensorFlowStep`, written for eager execution: sizes are
    numbers, and a pass's activations are freed before the next one runs.
    Random numbers of the dropout differ, nothing else.

    Its arguments are those of `TensorFlowStep`.
    """

    def __init__(self, task, optimizer, settings):
        self.task = task
        self.optimizer = optimizer
        self.settings = settings
        self.variables = list(task.variables)
        self._decays = settings.decays(task.model, self.variables, task.spared)

    def __call__(self, images, labels, mixing, draws, choices, step):
        """Runs the step.

        Args:
            images: Tensor of shape (batch, height, width, 3).
            labels: Integer tensor of shape (batch,).
            mixing: float32 array of shape (batch // 2,), of mixup.
            draws: Dictionary of arrays.
            choices: int32 array of shape (passes, ...).
            step: Integer, for the dropout's random numbers.

        Returns:
            Dictionary of the loss and the metrics of every pass, each of
            shape (passes,).
        """
        gradients, logs = self.gradients(
            images, labels, mixing, draws, choices, step
        )
        with torch.no_grad():
            self.optimizer.apply(clip(gradients, self.settings), self.variables)
        return logs

    def gradients(self, images, labels, mixing, draws, choices, step):
        """Returns the gradients, and what `__call__` returns."""
        for variable in self.variables:
            variable.value.grad = None
        batch = self._make_batch(images, labels, mixing, draws, step)
        parts = [
            self._run_passes(part, choices)
            for part in divide(batch, self.settings.accumulation_steps)
        ]
        logs = {
            name: torch.stack([part[name] for part in parts]).mean(0)
            for name in parts[0]
        }
        gradients = collect_gradients(
            self.variables, self._decays, self.settings.weight_decay
        )
        return gradients, logs

    @torch.no_grad()
    def losses(self, images, labels, choices):
        """Mean loss on the labels of each choice, of shape (count,)."""
        logits = self._logits_of_each(ops.cast(images, "float32"), choices)
        labels = ops.convert_to_tensor(labels).long()
        return torch.stack(
            [torch.nn.functional.cross_entropy(one, labels) for one in logits]
        )

    def _make_batch(self, images, labels, mixing, draws, step):
        settings = self.settings
        mixing = ops.convert_to_tensor(mixing)
        targets = settings.targets(labels, self.task.classes)
        return {
            "images": settings.mix(ops.cast(images, "float32"), mixing),
            "targets": settings.mix(targets, mixing),
            "labels": ops.convert_to_tensor(labels),
            "masks": self._dropout_masks(len(images), step),
            **{n: ops.convert_to_tensor(draw) for n, draw in draws.items()},
        }

    def _dropout_masks(self, batch, step):
        masks = {}
        for number, (name, (rate, features)) in enumerate(
            self.task.dropouts.items()
        ):
            seed = self.settings.dropout_seed(number)
            rng = np.random.default_rng((seed, step))
            kept = rng.random((batch, features), "float32") >= rate
            mask = kept.astype("float32") / np.float32(1 - rate)
            masks[name] = ops.convert_to_tensor(mask)
        return masks

    def _run_passes(self, batch, choices):
        """Adds the passes' gradients up; returns their logs."""
        lessons = self.task.begin(
            batch,
            choices,
            lambda some: self._averaged_logits(batch["images"], some),
        )
        logs = []
        for index, choice in enumerate(choices):
            with StatelessScope():
                losses, metrics, after = self.task.run(
                    batch, lessons, index, choice
                )
            loss = losses.mean()
            (loss / self.settings.accumulation_steps).backward()
            lessons = {name: value.detach() for name, value in after.items()}
            means = {n: metric.detach().mean() for n, metric in metrics.items()}
            logs.append({"loss": loss.detach(), **means})
        return {n: torch.stack([log[n] for log in logs]) for n in logs[0]}

    @torch.no_grad()
    def _averaged_logits(self, images, choices):
        """Logits with the moving average of the weights."""
        averages = self.optimizer._model_variables_moving_average
        mapping = [
            (variable, average.value)
            for variable, average in zip(self.variables, averages, strict=True)
        ]
        with StatelessScope(state_mapping=mapping):
            return self._logits_of_each(images, choices)

    def _logits_of_each(self, images, choices):
        choices = ops.convert_to_numpy(choices)
        return torch.stack([self.task.logits(images, one) for one in choices])


def divide(batch, count):
    """Divides the tensors of nested dictionaries into parts of the batch.

    Returns:
        List of `count` dictionaries.
    """
    parts = [{} for _ in range(count)]
    for name, value in batch.items():
        chunks = (
            divide(value, count)
            if isinstance(value, dict)
            else torch.chunk(value, count)
        )
        for part, chunk in zip(parts, chunks, strict=True):
            part[name] = chunk
    return parts


def collect_gradients(variables, decays, weight_decay):
    """Returns what `backward` left, with the weight decay's gradients.

    Args:
        variables: List of variables.
        decays: For each variable, whether it decays.
        weight_decay: Float.
    """
    gradients = []
    for variable, is_decayed in zip(variables, decays, strict=True):
        value = variable.value
        gradient = value.grad
        if gradient is None:
            gradient = torch.zeros_like(value)
        if is_decayed:
            gradient = gradient + weight_decay * value.detach()
        gradients.append(gradient)
    return gradients


def clip(gradients, settings):
    """Clips gradients by the `clip_norm` and `clip_value` of the settings."""
    norm, value = settings.clip_norm, settings.clip_value
    if norm is not None:
        norms = torch.stack([gradient.norm() for gradient in gradients])
        scale = torch.clamp(norm / (norms.norm() + 1e-12), max=1.0)
        gradients = [gradient * scale for gradient in gradients]
    if value is not None:
        gradients = [g.clamp(-value, value) for g in gradients]
    return gradients
