"""Trains a task, on every backend and under every strategy."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.training.checkpoints import Checkpoints
from keras_elastic.training.guard import Guard
from keras_elastic.training.guard import TrainingLost
from keras_elastic.training.settings import StepSettings

if TYPE_CHECKING:
    from keras_elastic.training.task import Task

# What the progress bar has room for; the logs of an epoch hold everything.
_SHOWN = ("loss", "accuracy", "smallest_accuracy", "light_accuracy", "flops")


class TaskTrainer:
    """Epochs of steps of a task, with Keras callbacks, checkpoints and resume.

    The loop is our own because what is random in a step is drawn outside of
    the replicas, and because it must run under every strategy; progress bars,
    TensorBoard and CSV files come from `keras.callbacks`.

    Create model, optimizer and trainer inside `strategy.scope()`. With the
    TensorFlow backend any strategy will do, with torch it is one device.
    Running statistics do not move: call `keras_elastic.calibrate` after the
    training.

    Args:
        task: `Task`.
        optimizer: `keras.optimizers.Optimizer`. With `use_ema=True` the
            moving average of the weights is there in `averaged_weights`.
        guard: Boolean. Whether to stop and roll back a training that diverges
            or collapses.
        **settings: Fields of `StepSettings`.

    Raises:
        ValueError: A setting is out of range, or the backend cannot train.

    Example:

    ```python
    task = BasisNetTask(keras_elastic.build("basisnet_mobilenet_v3"))
    trainer = TaskTrainer(task, keras.optimizers.RMSprop(0.006))
    trainer.fit(batches, epochs=100, steps_per_epoch=1000)
    ```
    """

    @checks.arguments(
        task=checks.having("model", "variables", what="a `Task`"),
        optimizer=checks.OPTIMIZER,
        guard=checks.BOOLEAN,
    )
    def __init__(
        self,
        task: "Task",
        optimizer: keras.Optimizer,
        *,
        guard: bool = True,
        **settings: Any,
    ):
        self.task = task
        self.model = task.model
        self.optimizer = optimizer
        self.variables = list(task.variables)
        self.settings = make_settings(settings)
        task.check(optimizer, self.settings)
        self.step = 0
        self._guard = Guard(task.chance()) if guard else None
        optimizer.build(self.variables)
        _begin_averages(optimizer, self.variables)
        self._engine = _make_engine(task, optimizer, self.settings)

    @property
    def batch_size(self) -> int | None:
        """Images of a step, over all replicas, once there was one."""
        return self._engine.batch_size

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files for all workers."""
        return self._engine.is_chief

    def fit(
        self,
        batches: Callable[..., Any],
        *,
        epochs: int,
        steps_per_epoch: int,
        folder: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        verbose: int = 1,
    ) -> keras.callbacks.History:
        """Trains until `epochs` are done, from the last checkpoint if any.

        Args:
            batches: Function `(epoch, start_batch)` of global batches (images,
                labels): pixels in 0..255 and integers. Batches `start_batch`
                and on of that epoch, the same at every call. With TensorFlow
                a `tf.data.Dataset`, with torch an iterable. With several
                workers it is called with `shard_index` and `num_shards` too,
                and returns that worker's part of each global batch.
            epochs: Integer. Epochs in all.
            steps_per_epoch: Integer.
            folder: Folder of the checkpoints, which all workers see. A run
                that was killed resumes with the next step after its last
                checkpoint. `None` keeps none.
            checkpoint_every: Integer. Steps between checkpoints, besides the
                one at the end of each epoch.
            callbacks: Iterable of `keras.callbacks.Callback`.
            verbose: 1 for a progress bar, 2 for a line an epoch, 0 for none.

        Returns:
            `keras.callbacks.History` of the epochs that this call ran.

        Raises:
            ValueError: The global batch does not divide among the replicas,
                the data end early, or `folder` holds another model.
            TrainingLost: The loss is not finite, or the training collapsed to
                chance. The weights are those of the last checkpoint.
        """
        checkpoints = self._restore(folder)
        # Callbacks look here for the learning rate. Not for longer than the
        # training, or the weights file would hold the optimizer's state too.
        self.model.optimizer = self.optimizer
        try:
            return self._fit(
                checkpoints,
                batches,
                epochs,
                steps_per_epoch,
                checkpoint_every,
                callbacks,
                verbose,
            )
        finally:
            del self.model.optimizer

    def _fit(
        self, checkpoints, batches, epochs, steps, every, callbacks, verbose
    ):
        initial_epoch, start = divmod(self.step, steps)
        history = keras.callbacks.History()
        callback_list = self._callbacks(
            [*callbacks, history], epochs, steps, verbose
        )
        callback_list.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callback_list.on_epoch_begin(epoch)
            logs = self._fit_epoch(
                self._engine.iterate(batches, epoch, start),
                range(start, steps),
                callback_list,
                checkpoints,
                every,
            )
            start = 0
            callback_list.on_epoch_end(epoch, logs)
            self._save(checkpoints)
            if self.model.stop_training:
                break
        callback_list.on_train_end()
        return history

    def _callbacks(self, callbacks, epochs, steps, verbose):
        self.model.stop_training = False
        return keras.callbacks.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=self.model,
            epochs=epochs,
            steps=steps,
            verbose=verbose,
        )

    def _fit_epoch(self, batches, steps, callbacks, checkpoints, every):
        means = _Means()
        began = time.perf_counter()
        images = 0
        for index in steps:
            callbacks.on_train_batch_begin(index)
            batch = next(batches, None)
            if batch is None:
                raise ValueError(
                    "`batches` must yield `steps_per_epoch` batches. "
                    f"Received: steps_per_epoch={steps.stop} and data that "
                    f"ended after {index}. Lower `steps_per_epoch`."
                )
            logs = means.update(self._train_step(batch, checkpoints))
            shown = {name: logs[name] for name in _SHOWN if name in logs}
            callbacks.on_train_batch_end(index, shown)
            images += self.batch_size
            if every and self.step % every == 0:
                self._save(checkpoints)
        seconds = time.perf_counter() - began
        speed = images / seconds if images else 0.0
        return {**means.result(), "images_per_second": speed}

    def _train_step(self, batch, checkpoints):
        seed, step, images = self.settings.seed, self.step, self.batch_size
        logs = self._engine.train(
            batch,
            self.settings.draw_mixing(images, step),
            self.task.draw(
                np.random.default_rng((seed, step, 2)), images, step
            ),
            self.task.choose(
                seed, step, lambda some: self._engine.losses(batch, some)
            ),
            step,
        )
        logs = self.task.name_logs(logs)
        self.step += 1
        self._check_loss(logs["loss"], checkpoints)
        return logs

    def _check_loss(self, loss, checkpoints):
        problem = self._guard and self._guard.check(loss)
        if not problem:
            return
        failed = self.step
        with self._engine.scope():
            step = checkpoints.restore() if checkpoints else None
        if step is None:
            outcome = "There is no checkpoint to roll back to."
        else:
            self.step = step
            outcome = f"The weights are those of step {step} again."
        raise TrainingLost(
            f"The training is lost at step {failed}: {problem}. {outcome} "
            "Lower the learning rate, or clip the gradients."
        )

    def _restore(self, folder):
        if folder is None:
            return None
        checkpoints = Checkpoints(folder, self._named_variables())
        with self._engine.scope():
            step = checkpoints.restore()
        if step is None:
            self._save(checkpoints)
        else:
            self.step = step
        return checkpoints

    def _named_variables(self):
        # Keras numbers the optimizers of a process: "sgd_4/...". What a
        # checkpoint calls them must not depend on that.
        prefix = f"{self.optimizer.name}/"
        return {
            **{v.path: v for v in self.model.variables},
            **{
                f"optimizer/{v.path.removeprefix(prefix)}": v
                for v in self.optimizer.variables
            },
        }

    def _save(self, checkpoints):
        if checkpoints is None or not self.is_chief:
            return
        if self._guard is None or (
            self._guard.is_healthy() and checkpoints.is_finite()
        ):
            checkpoints.save(self.step)

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """A context in which the model has its averaged weights.

        They are the moving average of an optimizer with `use_ema=True`, and
        the weights themselves without.
        """
        before = [ops.convert_to_numpy(variable) for variable in self.variables]
        with self._engine.scope():
            self.optimizer.finalize_variable_values(self.variables)
        try:
            yield
        finally:
            with self._engine.scope():
                for variable, value in zip(self.variables, before, strict=True):
                    variable.assign(value)


def make_settings(values):
    """Returns the `StepSettings` of a trainer's keyword arguments."""
    known = {field.name for field in dataclasses.fields(StepSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise TypeError(
            f"A trainer got the unknown arguments {unknown}. "
            f"Those of a step are {sorted(known)}."
        )
    return StepSettings(**values)


def _make_engine(task, optimizer, settings):
    """Returns what runs the steps on this backend, if it can train."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from keras_elastic.training.tensorflow_engine import TensorFlowEngine
        from keras_elastic.training.tensorflow_step import TensorFlowStep

        step = TensorFlowStep(task, optimizer, settings)
        return TensorFlowEngine(step, settings)
    if backend == "torch":
        from keras_elastic.training.torch_engine import TorchEngine
        from keras_elastic.training.torch_step import TorchStep

        return TorchEngine(TorchStep(task, optimizer, settings), settings)
    raise ValueError(
        "Training needs the Keras backend 'tensorflow' or 'torch'. "
        f"Received: {backend!r}. Set KERAS_BACKEND before Keras is imported."
    )


def _begin_averages(optimizer, variables):
    """Lets the moving average begin at the weights: Keras has zeros there."""
    if not optimizer.use_ema or ops.convert_to_numpy(optimizer.iterations):
        return
    averages = optimizer._model_variables_moving_average
    for variable, average in zip(variables, averages, strict=True):
        # As an array, because a variable may have replicas.
        average.assign(ops.convert_to_numpy(variable))


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
