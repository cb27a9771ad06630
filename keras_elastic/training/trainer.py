"""Trains a supernet, on every backend and under every strategy."""

import dataclasses

from keras_elastic.training import teachers
from keras_elastic.training.loop import TrainingLoop
from keras_elastic.training.loop import check_backend
from keras_elastic.training.objectives import InPlaceDistillation
from keras_elastic.training.samplers import Sandwich
from keras_elastic.training.settings import StepSettings


class Trainer(TrainingLoop):
    """Trains a supernet, with Keras callbacks, checkpoints and resume.

    Create supernet, optimizer and trainer inside `strategy.scope()`. With the
    TensorFlow backend any strategy will do, with torch it is one device.

    Args:
        supernet: `Supernet`.
        optimizer: `keras.optimizers.Optimizer`. With `use_ema=True` the
            moving average of the weights is there in `averaged_weights`.
        sampler: Draws the architectures of a step. Defaults to `Sandwich()`.
        objective: What the subnets learn from. Defaults to
            `InPlaceDistillation()`.
        guard: Boolean. Whether to stop and roll back a training that diverges
            or collapses.
        **settings: Fields of `StepSettings`.

    Raises:
        ValueError: An argument is out of range, the objective does not fit
            the optimizer or its teacher the classes, or the backend cannot
            train.

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
        objective=None,
        *,
        guard=True,
        **settings,
    ):
        self.supernet = supernet
        self.optimizer = optimizer
        self.sampler = sampler or Sandwich()
        self.objective = objective or InPlaceDistillation()
        settings = make_settings(settings)
        self._check(settings)
        super().__init__(
            supernet,
            optimizer,
            supernet.trainable_variables,
            settings,
            self.objective.chance(supernet.classes) if guard else None,
        )

    def _check(self, settings):
        teachers.check_classes(self.objective.teacher, self.supernet.classes)
        if self.objective.needs_average and not self.optimizer.use_ema:
            raise ValueError(
                f"The objective {type(self.objective).__name__} needs the "
                "moving average of the weights. Received: an optimizer with "
                "use_ema=False. Pass `use_ema=True, ema_momentum=0.997`."
            )
        check_compilable(settings.jit_compile, self.supernet.mode)

    def _make_engine(self):
        parts = (self.supernet, self.optimizer, self.objective, self.settings)
        if check_backend() == "tensorflow":
            from keras_elastic.training.tensorflow_engine import (
                TensorFlowEngine,
            )
            from keras_elastic.training.tensorflow_step import TensorFlowStep

            return TensorFlowEngine(TensorFlowStep(*parts), self.settings)
        from keras_elastic.training.torch_engine import TorchEngine
        from keras_elastic.training.torch_step import TorchStep

        return TorchEngine(TorchStep(*parts), self.settings)

    def _run_step(self, batch):
        archs = self.sampler.draw(
            self.supernet,
            self.settings.seed,
            self.step,
            lambda some: self._engine.losses(batch, some),
        )
        mixing = self.settings.draw_mixing(self._engine.batch_size, self.step)
        loss, accuracy = self._engine.train(batch, archs, mixing, self.step)
        # The first subnet's logs have the names that callbacks expect.
        logs = {"loss": float(loss[0]), "accuracy": float(accuracy[0])}
        for place, name in enumerate(self.sampler.names()):
            if place:
                logs[f"{name}_loss"] = float(loss[place])
                logs[f"{name}_accuracy"] = float(accuracy[place])
        return logs


def check_compilable(jit_compile, mode):
    """Raises a `ValueError` if XLA cannot compile a mode of the supernet."""
    if jit_compile and mode != "masked":
        raise ValueError(
            "`jit_compile` needs constant shapes. Received: a supernet of "
            f"mode {mode!r}. Make it with mode='masked'."
        )


def make_settings(values):
    """Returns the `StepSettings` of a trainer's keyword arguments."""
    known = {field.name for field in dataclasses.fields(StepSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise TypeError(
            f"Trainer got the unknown arguments {unknown}. "
            f"Those of a step are {sorted(known)}."
        )
    return StepSettings(**values)
