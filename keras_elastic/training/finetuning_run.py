"""A fine-tuning that may be killed: a checkpoint after each epoch."""

import os
import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras

from keras_elastic import files
from keras_elastic.training.checkpoints import Checkpoints
from keras_elastic.training.finetuning import FineTuningRecipe
from keras_elastic.training.finetuning_stage import scope_of
from keras_elastic.training.guard import TrainingLost


def train_stages(
    recipe: FineTuningRecipe,
    model: keras.Model,
    make_batches: Callable[..., Any],
    folder: str | os.PathLike[str],
    *,
    steps_per_epoch: int,
    validation_data: Any = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains the stages of a recipe, or what is left of them.

    Each stage has a folder with its last checkpoints. So a run that was killed
    goes on after the last whole epoch, with the same result: the images of an
    epoch depend on its number alone. Unlike `FineTuningRecipe.fit`, statistics
    are not measured at the end: call `recipe.measure` then.

    `keras.callbacks.BackupAndRestore` knows neither of stages nor of seeds, and
    a kill while it writes would leave half a file.

    Args:
        recipe: `FineTuningRecipe`.
        model: Compiled `keras.Model`, the same at every start. Changed in
            place.
        make_batches: Function of the argument `epoch`, a number that is counted
            through all stages, that returns the batches (images, labels).
        folder: Path of the folder for the checkpoints.
        steps_per_epoch: Integer. Batches of an epoch.
        validation_data: As `Model.fit` takes it, or `None`.
        callbacks: Keras callbacks. Each epoch is a `fit` to them.

    Raises:
        TrainingLost: A weight is not finite after an epoch.
        ValueError: As `FineTuningStage.prepare`, or a checkpoint is damaged or
            of another model.
    """
    folder = files.as_path(folder=folder)
    recipe.check_model(model)
    done = 0
    for stage in recipe.stages:
        # Those that are over, too: what they set stays set.
        stage.prepare(model, steps_per_epoch)
        checkpoints = Checkpoints(folder / stage.name, _state_of(model))
        start = done + (checkpoints.restore() or 0)
        for epoch in range(start, done + stage.epochs):
            model.fit(
                make_batches(epoch=epoch),
                initial_epoch=epoch,
                epochs=epoch + 1,
                shuffle=False,
                # A bar would fill a file with what a terminal overwrites.
                verbose=1 if sys.stdout.isatty() else 2,
                validation_data=validation_data,
                callbacks=[_Progress(recipe.epochs), *callbacks],
            )
            _check_finite(checkpoints, epoch)
            checkpoints.save(epoch + 1 - done)
        done += stage.epochs


def _state_of(model):
    """All that a training changes, by names that every process gives."""
    with scope_of(model):
        model.optimizer.build(model.trainable_variables)
    parts = {
        # With the seeds of what is drawn at random.
        "model": [*model.variables, *getattr(model, "random_variables", ())],
        "optimizer": model.optimizer.variables,
    }
    # Keras numbers layers through a process: a path may be another later.
    return {
        f"{part}/{number}": variable
        for part, variables in parts.items()
        for number, variable in enumerate(variables)
    }


def _check_finite(checkpoints, epoch):
    if not checkpoints.is_finite():
        raise TrainingLost(
            f"The fine-tuning is lost: weights are not finite after epoch "
            f"{epoch + 1}. Begin another one with a lower learning rate."
        )


class _Progress(keras.callbacks.ProgbarLogger):
    """Keras's own bar, which counts epochs to the end of all stages."""

    def __init__(self, epochs):
        super().__init__()
        self._all_epochs = epochs

    def set_params(self, params):
        super().set_params({**params, "epochs": self._all_epochs})
