"""The training loop: one traced step under any `tf.distribute` strategy."""

import pathlib

import keras
import tensorflow as tf

from keras_elastic.training.samplers import Sandwich
from keras_elastic.training.sandwich_step import SandwichStep


class Trainer:
    """Trains a supernet, with Keras callbacks, checkpoints and resume.

    The loop is our own because the architectures of a step are drawn outside
    of the replicas, and because it must run under every strategy; progress
    bars, TensorBoard and CSV files come from `keras.callbacks`.

    Create supernet, optimizer and trainer inside `strategy.scope()`.

    Args:
        supernet: `Supernet`.
        optimizer: `keras.optimizers.Optimizer`.
        sampler: Draws the architectures of a step. Defaults to `Sandwich()`.
        label_smoothing: Float in [0, 1). Defaults to 0.1.
        weight_decay: Float. Defaults to 1e-5.
        seed: Integer, of architectures and dropout. Defaults to 0.

    Raises:
        ValueError: An argument is out of range.

    Example:

    ```python
    strategy = tf.distribute.MirroredStrategy()
    with strategy.scope():
        supernet = keras_elastic.Supernet("bignas_digits", classes=10)
        trainer = Trainer(supernet, keras.optimizers.RMSprop(0.01))
    trainer.fit(batches, epochs=10, steps_per_epoch=20)
    ```
    """

    def __init__(
        self,
        supernet,
        optimizer,
        sampler=None,
        *,
        label_smoothing=0.1,
        weight_decay=1e-5,
        seed=0,
    ):
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be in [0, 1). "
                f"Received: label_smoothing={label_smoothing}."
            )
        if weight_decay < 0:
            raise ValueError(
                "`weight_decay` must not be negative. "
                f"Received: weight_decay={weight_decay}."
            )
        self.supernet = supernet
        self.optimizer = optimizer
        self.sampler = sampler or Sandwich()
        self.seed = seed
        self.strategy = tf.distribute.get_strategy()
        self.step = tf.Variable(0, dtype="int64", name="step")
        optimizer.build(supernet.trainable_variables)
        self._replica_step = SandwichStep(
            supernet, optimizer, label_smoothing, weight_decay, seed
        )
        self._global_step = tf.function(self._run_replicas)

    def _run_replicas(self, images, labels, archs, step):
        loss, accuracy = self.strategy.run(
            self._replica_step, args=(images, labels, archs, step)
        )
        return (
            self.strategy.reduce("SUM", loss, axis=None),
            self.strategy.reduce("SUM", accuracy, axis=None),
        )

    def fit(
        self,
        batches,
        *,
        epochs,
        steps_per_epoch,
        folder=None,
        checkpoint_every=None,
        callbacks=(),
        verbose=1,
    ):
        """Trains until `epochs` are done, from the last checkpoint if any.

        Args:
            batches: Function `(epoch, start_batch) -> tf.data.Dataset` of
                global batches (images, labels): float32 pixels in 0..255 and
                int64 labels. Batches `start_batch` and on of that epoch, the
                same at every call.
            epochs: Integer. Epochs in all.
            steps_per_epoch: Integer.
            folder: Folder of the checkpoints. A run that was killed resumes
                with the next step after its last checkpoint. `None` keeps
                none.
            checkpoint_every: Integer. Steps between checkpoints, besides the
                one at the end of each epoch.
            callbacks: Iterable of `keras.callbacks.Callback`.
            verbose: 1 for a progress bar, 2 for a line an epoch, 0 for none.

        Returns:
            `keras.callbacks.History` of the epochs that this call ran.

        Raises:
            ValueError: The global batch does not divide among the replicas,
                the data end early, or `folder` holds another supernet.
        """
        # Callbacks look here for the learning rate. Not for longer than the
        # training, or the weights file would hold the optimizer's state too.
        self.supernet.optimizer = self.optimizer
        try:
            return self._fit(
                self._checkpoint_manager(folder),
                batches,
                epochs,
                steps_per_epoch,
                checkpoint_every,
                callbacks,
                verbose,
            )
        finally:
            del self.supernet.optimizer

    def _fit(self, manager, batches, epochs, steps, every, callbacks, verbose):
        initial_epoch, start = divmod(int(self.step.numpy()), steps)
        history = keras.callbacks.History()
        callback_list = self._callbacks(
            [*callbacks, history], epochs, steps, verbose
        )
        callback_list.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callback_list.on_epoch_begin(epoch)
            logs = self._fit_epoch(
                batches(epoch, start),
                range(start, steps),
                callback_list,
                manager,
                every,
            )
            start = 0
            callback_list.on_epoch_end(epoch, logs)
            _save(manager)
            if self.supernet.stop_training:
                break
        callback_list.on_train_end()
        return history

    def _callbacks(self, callbacks, epochs, steps, verbose):
        self.supernet.stop_training = False
        return keras.callbacks.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=self.supernet,
            epochs=epochs,
            steps=steps,
            verbose=verbose,
        )

    def _fit_epoch(self, dataset, steps, callbacks, manager, every):
        metrics = _Means()
        distributed = iter(
            self.strategy.experimental_distribute_dataset(
                dataset.map(self._check_batch)
            )
        )
        for index in steps:
            callbacks.on_train_batch_begin(index)
            batch = next(distributed, None)
            if batch is None:
                raise ValueError(
                    "`batches` must yield `steps_per_epoch` batches. "
                    f"Received: steps_per_epoch={steps.stop} and data that "
                    f"ended after {index}. Lower `steps_per_epoch`."
                )
            logs = metrics.update(self._train_step(*batch))
            callbacks.on_train_batch_end(index, logs)
            if every and int(self.step.numpy()) % every == 0:
                _save(manager)
        return metrics.result()

    def _check_batch(self, images, labels):
        replicas = self.strategy.num_replicas_in_sync
        if images.shape[0] is None or images.shape[0] % replicas:
            raise ValueError(
                f"The global batch must be a multiple of the {replicas} "
                f"replicas, and all batches of one size. "
                f"Received: images.shape={images.shape}. Change the batch "
                "size, and drop the remainder of the data."
            )
        return images, labels

    def _train_step(self, images, labels):
        step = int(self.step.numpy())
        archs = self.sampler.draw(self.supernet.space, self.seed, step)
        loss, accuracy = self._global_step(
            images, labels, tf.constant(archs), tf.constant(step, "int32")
        )
        self.step.assign_add(1)
        # The first is the largest (or the only) subnet, the second the
        # smallest, if there is one.
        logs = {"loss": loss[0], "accuracy": accuracy[0]}
        if len(archs) > 1:
            logs["smallest_loss"] = loss[1]
            logs["smallest_accuracy"] = accuracy[1]
        return {name: float(value) for name, value in logs.items()}

    def _checkpoint_manager(self, folder):
        if folder is None:
            return None
        checkpoint = tf.train.Checkpoint(
            supernet=self.supernet, optimizer=self.optimizer, step=self.step
        )
        manager = tf.train.CheckpointManager(
            checkpoint, str(pathlib.Path(folder)), max_to_keep=2
        )
        if manager.latest_checkpoint:
            _restore(checkpoint, manager.latest_checkpoint)
        return manager


# What TensorFlow raises for a checkpoint that does not fit or is truncated.
_UNREADABLE = (AssertionError, IndexError, ValueError, tf.errors.OpError)


def _restore(checkpoint, path):
    try:
        status = checkpoint.restore(path)
        status.assert_existing_objects_matched()
    except _UNREADABLE as error:
        raise ValueError(
            "`folder` must hold checkpoints of this supernet and optimizer. "
            f"Received: {path!r}, which does not fit or is damaged "
            f"({str(error).splitlines()[0]}). Train in another folder."
        ) from error


def _save(manager):
    if manager is not None:
        # Written under a temporary name and renamed by TensorFlow; the file
        # that names the latest checkpoint is replaced last.
        manager.save()


class _Means:
    """Running means of an epoch's logs."""

    def __init__(self):
        self._count = 0
        self._sums = {}

    def update(self, logs):
        self._count += 1
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        return self.result()

    def result(self):
        return {name: s / self._count for name, s in self._sums.items()}
