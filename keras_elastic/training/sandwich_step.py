"""One training step: several subnets, one after another, one update."""

import tensorflow as tf

from keras_elastic.training import losses


class SandwichStep:
    """Sums the gradients of a step's subnets and applies them once.

    The first architecture learns from the labels, with dropout; the others
    learn from its predictions on the same images (in-place distillation),
    without. Weight decay is added once: every weight belongs to the largest.

    The subnets run in a loop inside the graph, so that one of them is traced,
    once a replica, and one of them is in memory at a time.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3: sandwich rule, in-place
      distillation, regularising the biggest model only.

    Args:
        supernet: `Supernet`.
        optimizer: `keras.optimizers.Optimizer`.
        label_smoothing: Float in [0, 1).
        weight_decay: Float. Factor of the kernels' squared norm / 2.
        seed: Integer, of the dropout.
    """

    def __init__(
        self, supernet, optimizer, label_smoothing, weight_decay, seed
    ):
        self.supernet = supernet
        self.optimizer = optimizer
        self.label_smoothing = label_smoothing
        self.weight_decay = weight_decay
        self.seed = seed
        self.variables = list(supernet.trainable_variables)

    def __call__(self, images, labels, archs, step):
        """Runs the step on one replica.

        Args:
            images: Tensor of shape (batch, height, width, 3), the replica's.
            labels: Integer tensor of shape (batch,).
            archs: int32 tensor of shape (subnets, genes), the largest first.
            step: int32 scalar tensor, for the dropout's random numbers.

        Returns:
            Loss and accuracy of every subnet, each of shape (subnets,), as
            the replica's share of the mean over the global batch.
        """
        gradients, loss, accuracy = self.gradients(images, labels, archs, step)
        # Keras adds the replicas' gradients up when it applies them.
        self.optimizer.apply(gradients, self.variables)
        return loss, accuracy

    def gradients(self, images, labels, archs, step):
        """Returns the replica's gradients, and what `__call__` returns."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        masks = self._dropout_masks(tf.shape(images)[0], replicas, step)
        subnets = archs.shape[0]

        def run_subnet(index, targets, sums, loss, accuracy):
            first = tf.equal(index, 0)
            with tf.GradientTape() as tape:
                logits = self.supernet(
                    images,
                    archs[index],
                    dropout_masks={
                        name: tf.where(first, mask, tf.ones_like(mask))
                        for name, mask in masks.items()
                    },
                )
                subnet_loss = losses.soft_cross_entropy(targets, logits)
                mean_loss = tf.reduce_mean(subnet_loss) / replicas
            gradients = tape.gradient(
                mean_loss,
                [v.value for v in self.variables],
                # Outside of a graph, skipped blocks are not connected.
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            sums = [a + b for a, b in zip(sums, gradients, strict=True)]
            correct = tf.equal(tf.argmax(logits, -1), labels)
            mean_correct = tf.reduce_mean(tf.cast(correct, "float32"))
            return (
                index + 1,
                # What the largest predicts is what the others learn.
                tf.where(first, tf.nn.softmax(logits), targets),
                sums,
                loss.write(index, mean_loss),
                accuracy.write(index, mean_correct / replicas),
            )

        start = (
            tf.constant(0),
            losses.smooth_labels(
                labels, self.supernet.classes, self.label_smoothing
            ),
            self._decay_gradients(replicas),
            tf.TensorArray("float32", subnets),
            tf.TensorArray("float32", subnets),
        )
        _, _, sums, loss, accuracy = tf.while_loop(
            lambda index, *_: index < subnets,
            run_subnet,
            start,
            # One subnet at a time: its activations are freed for the next.
            parallel_iterations=1,
        )
        return sums, loss.stack(), accuracy.stack()

    def _decay_gradients(self, replicas):
        """Gradients of the weight decay: kernels decay, the rest does not."""
        return [
            self.weight_decay / replicas * tf.convert_to_tensor(variable)
            if len(variable.shape) > 1
            else tf.zeros(variable.shape, variable.dtype)
            for variable in self.variables
        ]

    def _dropout_masks(self, batch, replicas, step):
        # Drawn for the global batch, of which each replica takes its part, so
        # that the number of replicas does not change the step.
        context = tf.distribute.get_replica_context()
        start = batch * context.replica_id_in_sync_group
        masks = {}
        for number, (name, (rate, features)) in enumerate(
            self.supernet.dropouts.items()
        ):
            noise = tf.random.stateless_uniform(
                [batch * replicas, features],
                seed=tf.stack([self.seed * 1009 + number, step]),
            )
            kept = tf.cast(noise[start : start + batch] >= rate, "float32")
            masks[name] = kept / (1 - rate)
        return masks
