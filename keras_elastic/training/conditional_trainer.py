"""Trains a model that looks at the image before it spends on it."""

import numpy as np

from keras_elastic.training.loop import TrainingLoop
from keras_elastic.training.loop import check_backend
from keras_elastic.training.trainer import make_settings


class ConditionalTrainer(TrainingLoop):
    """Trains what a task says, with the loop of the supernets' `Trainer`.

    A task is an object with

    - `model`, a `keras.Model`, and `variables`, those of it that are trained;
    - `classes`, and `chance()`, the loss of a model that guesses;
    - `draw(rng, batch_size, step)`: a dictionary of NumPy arrays, all that is
      random in a step, each with the global batch as its first axis;
    - `loss(batch)`: from a dictionary with "images" (pixels in 0..255),
      "targets" (probabilities), "labels" and the arrays of `draw` to the loss
      of each image and a dictionary of metrics of each image.

    `BasisNetTask` and `GateTask` are tasks. Running statistics do not move:
    call `keras_elastic.calibrate` after the training.

    Args:
        task: The task.
        optimizer: `keras.optimizers.Optimizer`.
        guard: Boolean. Whether to stop and roll back a training that diverges
            or collapses.
        **settings: Fields of `StepSettings`.

    Raises:
        ValueError: A setting is out of range, or the backend cannot train.

    Example:

    ```python
    task = BasisNetTask(keras_elastic.build("basisnet_mobilenet_v3"))
    trainer = ConditionalTrainer(task, keras.optimizers.RMSprop(0.006))
    trainer.fit(batches, epochs=100, steps_per_epoch=1000)
    ```
    """

    def __init__(self, task, optimizer, *, guard=True, **settings):
        self.task = task
        super().__init__(
            task.model,
            optimizer,
            list(task.variables),
            make_settings(settings),
            task.chance() if guard else None,
        )

    def _make_engine(self):
        parts = (self.task, self.optimizer, self.settings)
        if check_backend() == "tensorflow":
            from keras_elastic.training.tensorflow_engine import (
                TensorFlowEngine,
            )
            from keras_elastic.training.tensorflow_task_step import (
                TensorFlowTaskStep,
            )

            return TensorFlowEngine(TensorFlowTaskStep(*parts), self.settings)
        from keras_elastic.training.torch_engine import TorchEngine
        from keras_elastic.training.torch_task_step import TorchTaskStep

        return TorchEngine(TorchTaskStep(*parts), self.settings)

    def _run_step(self, batch):
        images = self._engine.batch_size
        rng = np.random.default_rng((self.settings.seed, self.step, 2))
        logs = self._engine.train(
            batch,
            self.settings.draw_mixing(images, self.step),
            self.task.draw(rng, images, self.step),
        )
        return {name: float(value) for name, value in logs.items()}
