"""One training step of a task in TensorFlow, under any strategy."""

import keras
import tensorflow as tf

from keras_elastic.training.tensorflow_gradients import clip
from keras_elastic.training.tensorflow_gradients import decay_gradients
from keras_elastic.training.tensorflow_gradients import replica_part
from keras_elastic.training.tensorflow_gradients import replicas


class TensorFlowTaskStep:
    """Applies the gradient of a task's loss.

    Args:
        task: See `ConditionalTrainer`.
        optimizer: `keras.optimizers.Optimizer`.
        settings: `StepSettings`.
    """

    def __init__(self, task, optimizer, settings):
        self.task = task
        self.optimizer = optimizer
        self.settings = settings
        self.variables = list(task.variables)
        self._decays = settings.decays(task.model, self.variables)

    def __call__(self, images, labels, mixing, draws):
        """Runs the step on one replica.

        Args:
            images: Tensor of shape (batch, height, width, 3), the replica's.
            labels: Integer tensor of shape (batch,).
            mixing: float32 tensor of shape (global batch // 2,), of mixup.
            draws: Dictionary of tensors, of the global batch.

        Returns:
            Dictionary of the loss and the metrics, as the replica's share of
            the means over the global batch.
        """
        gradients, logs = self.gradients(images, labels, mixing, draws)
        # Keras adds the replicas' gradients up when it applies them.
        self.optimizer.apply(clip(gradients, self.settings), self.variables)
        return logs

    def gradients(self, images, labels, mixing, draws):
        """Returns the replica's gradients, and what `__call__` returns."""
        batch = self._make_batch(images, labels, mixing, draws)
        count = self.settings.accumulation_steps
        parts = tf.nest.map_structure(
            lambda t: tf.reshape(t, [count, t.shape[0] // count, *t.shape[1:]]),
            batch,
        )

        def run_part(number, gradients, logs):
            part = tf.nest.map_structure(lambda t: t[number], parts)
            new_gradients, new_logs = self._run(part)
            return (
                number + 1,
                _add(gradients, new_gradients),
                _add(logs, new_logs),
            )

        gradients, logs = self._run(
            tf.nest.map_structure(lambda t: t[0], parts)
        )
        if count > 1:
            _, gradients, logs = tf.while_loop(
                lambda number, *_: number < count,
                run_part,
                (tf.constant(1), gradients, logs),
                parallel_iterations=1,
            )
        decay = decay_gradients(
            self.variables, self._decays, self.settings.weight_decay
        )
        return _add(gradients, decay), logs

    def _make_batch(self, images, labels, mixing, draws):
        settings = self.settings
        size = images.shape[0]
        own = replica_part(mixing, size // 2)
        targets = settings.targets(labels, self.task.classes)
        return {
            "images": settings.mix(tf.cast(images, "float32"), own),
            "targets": settings.mix(targets, own),
            "labels": labels,
            **{n: replica_part(draw, size) for n, draw in draws.items()},
        }

    def _run(self, batch):
        """Gradients and logs of a part of the batch."""
        share = 1 / (replicas() * self.settings.accumulation_steps)
        # Running statistics would differ from replica to replica.
        with tf.GradientTape() as tape, keras.StatelessScope():
            losses, metrics = self.task.loss(batch)
            loss = share * tf.reduce_mean(losses)
        gradients = tape.gradient(
            loss,
            [variable.value for variable in self.variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        means = {n: share * tf.reduce_mean(m) for n, m in metrics.items()}
        return gradients, {"loss": loss, **means}


def _add(first, second):
    return tf.nest.map_structure(tf.add, first, second)
