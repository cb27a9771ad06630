"""Trains a supernet, on every backend and under every strategy."""

from typing import TYPE_CHECKING
from typing import Any

from keras_elastic import checks
from keras_elastic.training.loop import TaskTrainer
from keras_elastic.training.objectives import InPlaceDistillation
from keras_elastic.training.samplers import Sandwich
from keras_elastic.training.task import SubnetTask

if TYPE_CHECKING:
    import keras

    from keras_elastic.models.supernet import Supernet
    from keras_elastic.training.objectives import Supervised
    from keras_elastic.training.samplers import RandomSubnets
    from keras_elastic.training.samplers import Single


class Trainer(TaskTrainer):
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

    @checks.arguments(
        supernet=checks.SUPERNET,
        optimizer=checks.OPTIMIZER,
        sampler=checks.having("draw", "names", what="a sampler") | checks.NONE,
        objective=checks.having("begin", "loss", what="an objective")
        | checks.NONE,
        guard=checks.BOOLEAN,
    )
    def __init__(
        self,
        supernet: "Supernet",
        optimizer: "keras.Optimizer",
        sampler: "RandomSubnets | Sandwich | Single | None" = None,
        objective: "Supervised | None" = None,
        *,
        guard: bool = True,
        **settings: Any,
    ):
        self.supernet = supernet
        task = SubnetTask(
            supernet,
            sampler or Sandwich(),
            objective or InPlaceDistillation(),
            settings.get("statistics"),
        )
        super().__init__(task, optimizer, guard=guard, **settings)
