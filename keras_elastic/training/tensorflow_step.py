"""One training step in TensorFlow, under any `tf.distribute` strategy."""

import keras
import tensorflow as tf

from keras_elastic.training import shared_updates


class TensorFlowStep:
    """Sums the gradients of a task's passes and applies them once.

    The passes run in a loop inside the graph, so that one of them is traced,
    once a replica, and one of them is in memory at a time. Weight decay is
    added once.

    Args:
        task: `Task`.
        optimizer: `keras.optimizers.Optimizer`.
        settings: `StepSettings`.
    """

    def __init__(self, task, optimizer, settings):
        self.task = task
        self.optimizer = optimizer
        self.settings = settings
        self.variables = list(task.variables)
        self._decays = settings.decays(task.model, self.variables, task.spared)

    def __call__(self, images, labels, mixing, draws, choices, step):
        """Runs the step on one replica.

        Args:
            images: Tensor of shape (batch, height, width, 3), the replica's.
            labels: Integer tensor of shape (batch,).
            mixing: float32 tensor of shape (global batch // 2,), of mixup.
            draws: Dictionary of tensors, of the global batch.
            choices: int32 tensor of shape (passes, ...).
            step: int32 scalar tensor, for the dropout's random numbers.

        Returns:
            Dictionary of the loss and the metrics of every pass, each of
            shape (passes,), as the replica's share of the means over the
            global batch.
        """
        gradients, logs = self.gradients(
            images, labels, mixing, draws, choices, step
        )
        # Keras adds the replicas' gradients up when it applies them.
        shared_updates.apply(
            self.optimizer, clip(gradients, self.settings), self.variables
        )
        return logs

    def gradients(self, images, labels, mixing, draws, choices, step):
        """Returns the replica's gradients, and what `__call__` returns."""
        batch = self._make_batch(images, labels, mixing, draws, step)
        names = ("loss", *self.task.metrics)
        sums = (
            decay_gradients(
                self.variables, self._decays, self.settings.weight_decay
            ),
            {name: tf.zeros(choices.shape[0]) for name in names},
        )
        count = self.settings.accumulation_steps
        if count == 1:
            return self._run_passes(batch, choices, sums)
        parts = tf.nest.map_structure(
            lambda t: tf.reshape(t, [count, t.shape[0] // count, *t.shape[1:]]),
            batch,
        )
        return _loop(
            count,
            lambda number, *sums: self._run_passes(
                tf.nest.map_structure(lambda t: t[number], parts), choices, sums
            ),
            sums,
        )

    def losses(self, images, labels, choices):
        """Mean loss on the labels of each choice, the replica's share of it.

        Args:
            images: Tensor of shape (batch, height, width, 3), the replica's.
            labels: Integer tensor of shape (batch,).
            choices: int32 tensor of shape (count, ...).

        Returns:
            Tensor of shape (count,).
        """
        logits = self._logits_of_each(tf.cast(images, "float32"), choices)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.tile(labels[None], [choices.shape[0], 1]), logits
        )
        return tf.reduce_mean(losses, axis=1) / replicas()

    def _make_batch(self, images, labels, mixing, draws, step):
        settings, size = self.settings, images.shape[0]
        own = replica_part(mixing, size // 2)
        targets = settings.targets(labels, self.task.classes)
        return {
            "images": settings.mix(tf.cast(images, "float32"), own),
            "targets": settings.mix(targets, own),
            "labels": labels,
            "masks": self._dropout_masks(size, step),
            **{name: replica_part(draw, size) for name, draw in draws.items()},
        }

    def _dropout_masks(self, batch, step):
        # Drawn for the global batch, of which each replica takes its part, so
        # that the number of replicas does not change the step.
        masks = {}
        for number, (name, (rate, features)) in enumerate(
            self.task.dropouts.items()
        ):
            noise = tf.random.stateless_uniform(
                [batch * replicas(), features],
                seed=tf.stack([self.settings.dropout_seed(number), step]),
                # The default differs where XLA compiles.
                alg="philox",
            )
            kept = tf.cast(replica_part(noise, batch) >= rate, "float32")
            masks[name] = kept / (1 - rate)
        return masks

    def _run_passes(self, batch, choices, sums):
        """Adds the passes' gradients and logs to sums."""
        lessons = self.task.begin(
            batch,
            choices,
            lambda some: self._averaged_logits(batch["images"], some),
        )

        def run(index, lessons, gradients, logs):
            new, new_logs, lessons = self._forward_backward(
                batch, lessons, index, choices[index]
            )
            # A sum over places, because XLA has no dynamic index of a list.
            place = tf.one_hot(index, choices.shape[0])
            return (
                lessons,
                [a + b for a, b in zip(gradients, new, strict=True)],
                {n: logs[n] + place * value for n, value in new_logs.items()},
            )

        _, *sums = _loop(choices.shape[0], run, (lessons, *sums))
        return tuple(sums)

    def _forward_backward(self, batch, lessons, index, choice):
        share = 1 / (replicas() * self.settings.accumulation_steps)

        def run(case):
            # Running statistics would differ from replica to replica.
            with tf.GradientTape() as tape, keras.StatelessScope():
                losses, metrics, after = self.task.run(
                    batch, lessons, index, choice, case
                )
                loss = share * tf.reduce_mean(losses)
            gradients = tape.gradient(
                loss,
                [v.value for v in self.variables],
                # Outside of a graph, skipped blocks are not connected.
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            means = {n: share * tf.reduce_mean(m) for n, m in metrics.items()}
            after = tf.nest.map_structure(tf.stop_gradient, after)
            return gradients, {"loss": loss, **means}, after

        return self._in_its_case(choice, run)

    def _in_its_case(self, choice, run):
        """Calls `run` with the case of a choice, if sizes must be constants."""
        cases = self.task.cases
        if not self.settings.jit_compile:
            return run(None)
        if len(cases) == 1:
            return run(cases[0])
        # XLA compiles one copy for each case, and runs one of them.
        return tf.switch_case(
            self.task.case_of(choice),
            [lambda c=case: run(c) for case in cases],
        )

    def _averaged_logits(self, images, choices):
        """Logits with the moving average of the weights."""
        averages = self.optimizer._model_variables_moving_average
        mapping = [
            (variable, tf.convert_to_tensor(average))
            for variable, average in zip(self.variables, averages, strict=True)
        ]
        return self._logits_of_each(images, choices, mapping)

    def _logits_of_each(self, images, choices, mapping=()):
        """Logits of choices, (count, batch, classes), in one trace."""

        def logits(choice, case):
            with keras.StatelessScope(state_mapping=mapping):
                return self.task.logits(images, choice, case)

        return tf.map_fn(
            lambda choice: self._in_its_case(
                choice, lambda case: logits(choice, case)
            ),
            choices,
            parallel_iterations=1,
            fn_output_signature=tf.TensorSpec(
                (images.shape[0], self.task.classes)
            ),
        )


def _loop(count, run, state):
    """Runs `run(index, *state)`, which returns the next state, so often."""
    if count == 1:
        return run(tf.constant(0), *state)
    _, *state = tf.while_loop(
        lambda index, *_: index < count,
        lambda index, *state: (index + 1, *run(index, *state)),
        (tf.constant(0), *state),
        # One at a time: its activations are freed for the next.
        parallel_iterations=1,
    )
    return tuple(state)


def replicas():
    """Number of replicas that take part in the step."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_part(values, size):
    """The replica's part of what is given for the global batch.

    Args:
        values: Tensor whose first axis is that of the global batch.
        size: Integer. Length of the part.
    """
    context = tf.distribute.get_replica_context()
    start = context.replica_id_in_sync_group * size
    begin = [start] + [0] * (len(values.shape) - 1)
    return tf.slice(values, begin, [size, *values.shape[1:]])


def decay_gradients(variables, decays, weight_decay):
    """Gradients of the weight decay, the replica's share of them.

    Args:
        variables: List of variables.
        decays: For each variable, whether it decays.
        weight_decay: Float.
    """
    factor = weight_decay / replicas()
    return [
        factor * tf.convert_to_tensor(variable)
        if is_decayed
        else tf.zeros(variable.shape, variable.dtype)
        for variable, is_decayed in zip(variables, decays, strict=True)
    ]


def clip(gradients, settings):
    """Clips the whole gradient, not a replica's part of it.

    Args:
        gradients: List of tensors, the replica's.
        settings: `StepSettings` with `clip_norm` and `clip_value`.

    Returns:
        List of tensors whose sum over the replicas is the clipped gradient.
    """
    norm, value = settings.clip_norm, settings.clip_value
    if norm is None and value is None:
        return gradients
    count = replicas()
    if count > 1:
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce("SUM", gradients)
    if norm is not None:
        gradients, _ = tf.clip_by_global_norm(gradients, norm)
    if value is not None:
        gradients = [tf.clip_by_value(g, -value, value) for g in gradients]
    # The optimizer will add the replicas' up.
    return [gradient / count for gradient in gradients]
