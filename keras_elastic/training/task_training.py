"""Trains tasks by a recipe, and picks up where a kill left them."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from keras_elastic import files
from keras_elastic.training.loop import TaskTrainer

_FINAL = "final.weights.h5"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSetting:
    """What the trainings of a run share, besides their recipe.

    Args:
        folder: Path of the run, which all workers see.
        dataset: `ImageDataset`.
        make_batches: Function from a recipe to the `batches` of
            `Trainer.fit`.
        steps_per_epoch: Integer.
        scope: Function that returns the context to make variables in:
            `strategy.scope`.
        is_chief: Boolean. Whether this process writes files for all workers.
        jit_compile: Boolean. Whether to compile the steps with XLA.
        checkpoint_every: Integer. Steps between checkpoints, or `None`.
        make_callbacks: Function from the name of a training and its trainer
            to Keras callbacks.
        load_teacher: Function from the name of a teacher in the recipe to the
            teacher; called in the scope.
    """

    folder: pathlib.Path
    dataset: Any
    make_batches: Callable
    steps_per_epoch: int
    scope: Callable = contextlib.nullcontext
    is_chief: bool = True
    jit_compile: bool = False
    checkpoint_every: int | None = None
    make_callbacks: Callable = lambda name, trainer: []
    load_teacher: Callable | None = None

    @property
    def classes(self):
        """Number of classes."""
        return self.dataset.num_classes


def train_task(name, recipe, setting, make_task):
    """Trains a task, or returns the weights of a training that is done.

    Args:
        name: String. Names the training within the run.
        recipe: `TrainingRecipe`.
        setting: `RunSetting`.
        make_task: Function that makes the task with its model, the same at
            every call; called in the scope. See `TaskTrainer`.

    Returns:
        List of NumPy arrays: the weights of the task's model, averaged if the
        recipe says so.
    """
    folder = setting.folder / "training" / name
    final = folder / _FINAL
    keras.utils.set_random_seed(recipe.seed % 2**32)
    with setting.scope():
        task = make_task()
        if final.exists():
            task.model.load_weights(final)
            return task.model.get_weights()
        trainer = TaskTrainer(
            task,
            recipe.make_optimizer(setting.steps_per_epoch),
            jit_compile=setting.jit_compile,
            **recipe.step_settings(),
        )
    trainer.fit(
        setting.make_batches(recipe),
        epochs=recipe.epochs,
        steps_per_epoch=setting.steps_per_epoch,
        folder=folder,
        checkpoint_every=setting.checkpoint_every,
        callbacks=setting.make_callbacks(name, trainer),
    )
    with trainer.averaged_weights():
        weights = task.model.get_weights()
        if trainer.is_chief:
            with files.replacing(final) as temporary:
                task.model.save_weights(temporary)
    return weights
