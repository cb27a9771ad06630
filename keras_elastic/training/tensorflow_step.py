"""One training step in TensorFlow, under any `tf.distribute` strategy."""

import keras
import tensorflow as tf

from keras_elastic.training.subnet_step import SubnetStep
from keras_elastic.training.tensorflow_gradients import clip
from keras_elastic.training.tensorflow_gradients import decay_gradients
from keras_elastic.training.tensorflow_gradients import replica_part
from keras_elastic.training.tensorflow_gradients import replicas


class TensorFlowStep(SubnetStep):
    """Sums the gradients of a step's subnets and applies them once.

    The subnets run in a loop inside the graph, so that one of them is traced,
    once a replica, and one of them is in memory at a time. Only the first has
    dropout. Weight decay is added once.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3: sandwich rule, regularising
      the biggest model only.

    Its arguments are those of `SubnetStep`.
    """

    def __call__(self, images, labels, archs, mixing, step):
        """Runs the step on one replica.

        Args:
            images: Tensor of shape (batch, height, width, 3), the replica's.
            labels: Integer tensor of shape (batch,).
            archs: int32 tensor of shape (subnets, genes).
            mixing: float32 tensor of shape (global batch // 2,), of mixup.
            step: int32 scalar tensor, for the dropout's random numbers.

        Returns:
            Loss and accuracy of every subnet, each of shape (subnets,), as
            the replica's share of the mean over the global batch.
        """
        gradients, loss, accuracy = self.gradients(
            images, labels, archs, mixing, step
        )
        # Keras adds the replicas' gradients up when it applies them.
        self.optimizer.apply(clip(gradients, self.settings), self.variables)
        return loss, accuracy

    def gradients(self, images, labels, archs, mixing, step):
        """Returns the replica's gradients, and what `__call__` returns."""
        settings = self.settings
        own = replica_part(mixing, images.shape[0] // 2)
        targets = settings.targets(labels, self.supernet.classes)
        batch = {
            "images": settings.mix(tf.cast(images, "float32"), own),
            "targets": settings.mix(targets, own),
            "labels": tf.cast(labels, "int64"),
            "masks": self._dropout_masks(images.shape[0], step),
        }
        start = (
            decay_gradients(
                self.variables, self._decays, self.settings.weight_decay
            ),
            tf.zeros(archs.shape[0]),
            tf.zeros(archs.shape[0]),
        )
        if settings.accumulation_steps == 1:
            return self._run_subnets(batch, archs, start)
        return self._run_parts(batch, archs, start)

    def losses(self, images, labels, archs):
        """Mean loss on the labels of each subnet, the replica's share of it.

        Args:
            images: Tensor of shape (batch, height, width, 3), the replica's.
            labels: Integer tensor of shape (batch,).
            archs: int32 tensor of shape (count, genes).

        Returns:
            Tensor of shape (count,).
        """
        images = tf.cast(images, "float32")
        logits = self._logits_of_each(images, archs, self._forward)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.tile(labels[None], [archs.shape[0], 1]), logits
        )
        return tf.reduce_mean(losses, axis=1) / replicas()

    def _run_parts(self, batch, archs, start):
        """Runs the parts of a batch one after another."""
        count = self.settings.accumulation_steps
        parts = tf.nest.map_structure(
            lambda t: tf.reshape(t, [count, t.shape[0] // count, *t.shape[1:]]),
            batch,
        )

        def run_part(number, *sums):
            part = tf.nest.map_structure(lambda t: t[number], parts)
            return number + 1, *self._run_subnets(part, archs, sums)

        _, *sums = tf.while_loop(
            lambda number, *_: number < count,
            run_part,
            (tf.constant(0), *start),
            parallel_iterations=1,
        )
        return tuple(sums)

    def _run_subnets(self, batch, archs, start):
        """Adds the subnets' gradients, losses and accuracies to sums."""
        share = 1 / (replicas() * self.settings.accumulation_steps)
        lessons = self.objective.begin(
            batch["images"],
            batch["targets"],
            archs,
            lambda some: self._logits_of_each(
                batch["images"], some, self._forward_averaged
            ),
        )

        def run_subnet(index, lessons, gradients, loss, accuracy):
            logits, mean_loss, new = self._forward_backward(
                batch, archs[index], index, lessons, share
            )
            hits = tf.equal(tf.argmax(logits, -1), batch["labels"])
            mean_hits = share * tf.reduce_mean(tf.cast(hits, "float32"))
            # A sum over places, because XLA has no dynamic index of a list.
            place = tf.one_hot(index, archs.shape[0])
            return (
                index + 1,
                self.objective.learn(lessons, index, logits),
                [a + b for a, b in zip(gradients, new, strict=True)],
                loss + place * mean_loss,
                accuracy + place * mean_hits,
            )

        _, _, *sums = tf.while_loop(
            lambda index, *_: index < archs.shape[0],
            run_subnet,
            (tf.constant(0), lessons, *start),
            # One subnet at a time: its activations are freed for the next.
            parallel_iterations=1,
        )
        return tuple(sums)

    def _forward_backward(self, batch, arch, index, lessons, share):
        masks = self._masks_of(batch, index)

        def run(resolution):
            with tf.GradientTape() as tape:
                logits = self._forward(
                    batch["images"], arch, resolution, dropout_masks=masks
                )
                losses = self.objective.loss(lessons, index, logits)
                loss = share * tf.reduce_mean(losses)
            gradients = tape.gradient(
                loss,
                [v.value for v in self.variables],
                # Outside of a graph, skipped blocks are not connected.
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return logits, loss, gradients

        return self._at_resolution(arch, run)

    def _masks_of(self, batch, index):
        """Dropout is for the first subnet only."""
        return {
            name: tf.where(tf.equal(index, 0), mask, tf.ones_like(mask))
            for name, mask in batch["masks"].items()
        }

    def _at_resolution(self, arch, run):
        """Calls `run` with a resolution if sizes must be constants."""
        resolutions = self.supernet.space.resolution
        if not self.settings.jit_compile:
            return run(None)
        if len(resolutions) == 1:
            return run(resolutions[0])
        # XLA compiles one copy for each resolution, and runs one of them.
        return tf.switch_case(
            tf.argmax(tf.equal(resolutions, arch[0]), output_type="int32"),
            [lambda r=resolution: run(r) for resolution in resolutions],
        )

    def _forward(self, images, arch, resolution, dropout_masks=None):
        return self.supernet(
            images,
            arch,
            resolution=resolution,
            statistics=self.settings.statistics,
            dropout_masks=dropout_masks,
        )

    def _forward_averaged(self, images, arch, resolution):
        """The logits with the moving average of the weights."""
        averages = self.optimizer._model_variables_moving_average
        mapping = [
            (variable, tf.convert_to_tensor(average))
            for variable, average in zip(self.variables, averages, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping):
            return self._forward(images, arch, resolution)

    def _logits_of_each(self, images, archs, forward):
        """Logits of several subnets, (count, batch, classes), in one trace."""
        return tf.map_fn(
            lambda arch: self._at_resolution(
                arch, lambda resolution: forward(images, arch, resolution)
            ),
            archs,
            parallel_iterations=1,
            fn_output_signature=tf.TensorSpec(
                (images.shape[0], self.supernet.classes)
            ),
        )

    def _dropout_masks(self, batch, step):
        # Drawn for the global batch, of which each replica takes its part, so
        # that the number of replicas does not change the step.
        masks = {}
        for number, (name, (rate, features)) in enumerate(
            self.supernet.dropouts.items()
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
