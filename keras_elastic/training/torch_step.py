"""One training step in PyTorch, on one device."""

import numpy as np
import torch
from keras import StatelessScope
from keras import ops

from keras_elastic.training.subnet_step import SubnetStep
from keras_elastic.training.torch_gradients import clear_gradients
from keras_elastic.training.torch_gradients import clip
from keras_elastic.training.torch_gradients import collect_gradients
from keras_elastic.training.torch_gradients import divide


class TorchStep(SubnetStep):
    """Sums the gradients of a step's subnets and applies them once.

    The same step as `TensorFlowStep`, written for eager execution: the sizes
    of a subnet are numbers, and a subnet's activations are freed before the
    next one runs. Random numbers differ, nothing else.

    Its arguments are those of `SubnetStep`.
    """

    def __call__(self, images, labels, archs, mixing, step):
        """Runs the step.

        Args:
            images: Tensor of shape (batch, height, width, 3).
            labels: Integer tensor of shape (batch,).
            archs: int32 array of shape (subnets, genes).
            mixing: float32 array of shape (batch // 2,), of mixup.
            step: Integer, for the dropout's random numbers.

        Returns:
            Loss and accuracy of every subnet, each of shape (subnets,).
        """
        gradients, loss, accuracy = self.gradients(
            images, labels, archs, mixing, step
        )
        with torch.no_grad():
            self.optimizer.apply(clip(gradients, self.settings), self.variables)
        return loss, accuracy

    def gradients(self, images, labels, archs, mixing, step):
        """Returns the gradients, and what `__call__` returns."""
        settings = self.settings
        mixing = ops.convert_to_tensor(mixing)
        targets = settings.targets(labels, self.supernet.classes)
        batch = {
            "images": settings.mix(ops.cast(images, "float32"), mixing),
            "targets": settings.mix(targets, mixing),
            "labels": labels,
        }
        masks = self._dropout_masks(len(images), step)
        clear_gradients(self.variables)
        results = [
            self._run_subnets(part, part_masks, archs)
            for part, part_masks in zip(
                divide(batch, settings), divide(masks, settings), strict=True
            )
        ]
        loss, accuracy = torch.stack(results).mean(0)
        gradients = collect_gradients(
            self.variables, self._decays, settings.weight_decay
        )
        return gradients, loss, accuracy

    @torch.no_grad()
    def losses(self, images, labels, archs):
        """Mean loss on the labels of each subnet, of shape (count,)."""
        images = ops.cast(images, "float32")
        return torch.stack(
            [
                torch.nn.functional.cross_entropy(logits, labels.long())
                for logits in self._logits_of_each(images, archs)
            ]
        )

    def _run_subnets(self, batch, masks, archs):
        """Adds the subnets' gradients up; losses and accuracies, stacked."""
        lessons = self.objective.begin(
            batch["images"],
            batch["targets"],
            ops.convert_to_tensor(archs),
            lambda some: self._averaged(batch["images"], some),
        )
        losses, accuracies = [], []
        for index, arch in enumerate(self._decode(archs)):
            logits = self.supernet(
                batch["images"],
                arch,
                statistics=self.settings.statistics,
                dropout_masks=masks if index == 0 else None,
            )
            loss = self.objective.loss(lessons, index, logits).mean()
            (loss / self.settings.accumulation_steps).backward()
            logits = logits.detach()
            lessons = self.objective.learn(lessons, index, logits)
            losses.append(loss.detach())
            accuracies.append((logits.argmax(-1) == batch["labels"]).float())
        means = [accuracy.mean() for accuracy in accuracies]
        return torch.stack([torch.stack(losses), torch.stack(means)])

    def _decode(self, archs):
        archs = ops.convert_to_numpy(archs)
        return [self.supernet.space.decode(arch) for arch in archs]

    def _logits_of_each(self, images, archs):
        return torch.stack(
            [
                self.supernet(images, arch, statistics=self.settings.statistics)
                for arch in self._decode(archs)
            ]
        )

    @torch.no_grad()
    def _averaged(self, images, archs):
        """Logits with the moving average of the weights."""
        averages = self.optimizer._model_variables_moving_average
        mapping = [
            (variable, average.value)
            for variable, average in zip(self.variables, averages, strict=True)
        ]
        with StatelessScope(state_mapping=mapping):
            return self._logits_of_each(images, archs)

    def _dropout_masks(self, batch, step):
        masks = {}
        for number, (name, (rate, features)) in enumerate(
            self.supernet.dropouts.items()
        ):
            seed = self.settings.dropout_seed(number)
            rng = np.random.default_rng((seed, step))
            kept = rng.random((batch, features), "float32") >= rate
            mask = kept.astype("float32") / np.float32(1 - rate)
            masks[name] = ops.convert_to_tensor(mask)
        return masks
