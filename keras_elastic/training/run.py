"""A run: where and on what its trainings run, and how each begins and ends."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic import data
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic.training.guard import TrainingLost
from keras_elastic.training.loop import TaskTrainer

if TYPE_CHECKING:
    from keras_elastic.training.task import Task
    from keras_elastic.training.training_recipe import TrainingRecipe

_FINAL = "final.weights.h5"
_NO_LOCK = contextlib.nullcontext()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What the trainings of a run share, besides their recipe.

    Args:
        dataset: `keras_elastic.data.ImageDataset`.
        folder: Path of the run, which all workers see.
        mode: `"sliced"` or `"masked"`, of supernets.
        jit_compile: Boolean. Whether to compile the steps with XLA.
        scope: Function that returns the context to make variables in:
            `strategy.scope`.
        is_chief: Boolean. Whether this process writes files for all workers.
        checkpoint_every: Integer. Steps between checkpoints, besides each
            epoch's, or `None`.
        make_callbacks: Function from the name of a training and its trainer
            to Keras callbacks.
        load_teacher: Function from the name of a teacher in a recipe to the
            teacher; called in the scope.
        load_initial: Function from a recipe and a number of classes to the
            `InitialWeights` that the recipe names.
        load_archs: Function from the name of a front in a recipe's
            `drawn_from`, and the family, to its architectures.

    Example:

    ```python
    recipe = keras_elastic.zoo.read_recipe("bignas_digits", {})
    run = Run(
        dataset=keras_elastic.data.load_dataset(recipe.dataset),
        folder="runs/mine",
    )
    supernet = recipe.make_training(run).train()
    ```
    """

    dataset: Any
    folder: Any
    mode: str = "sliced"
    jit_compile: bool = False
    scope: Callable = contextlib.nullcontext
    is_chief: bool = True
    checkpoint_every: int | None = None
    make_callbacks: Callable = lambda name, trainer: []
    load_teacher: Callable | None = None
    load_initial: Callable | None = None
    load_archs: Callable | None = None

    def __post_init__(self):
        object.__setattr__(self, "folder", files.as_path(folder=self.folder))

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.dataset.num_classes

    def steps_per_epoch(self, recipe: "TrainingRecipe") -> int:
        """Returns the steps of an epoch, of the images that there are."""
        whole = data.steps_per_epoch(self.dataset.train, recipe.batch_size)
        return recipe.count_steps(whole)

    def batches(
        self,
        recipe: "TrainingRecipe",
        epoch: int,
        start_batch: int,
        **shard: int,
    ) -> Any:
        """Returns the training batches of an epoch, for `Trainer.fit`.

        Args:
            recipe: `TrainingRecipe`.
            epoch: Integer.
            start_batch: Integer. The batch to begin with.
            **shard: `shard_index` and `num_shards`, for one shard of several.
        """
        return data.training_batches(
            self.dataset.train,
            batch_size=recipe.batch_size,
            patch_size=recipe.patch_size,
            seed=recipe.seed,
            epoch=epoch,
            augmentation=recipe.augmentation,
            start_batch=start_batch,
            **shard,
        )

    def teacher(self, recipe: "TrainingRecipe") -> Any:
        """Loads the teacher that a recipe names, or returns `None`."""
        if recipe.teacher is None:
            return None
        if self.load_teacher is None:
            raise ValueError(
                "`load_teacher` must be given with a recipe that names a "
                f"teacher. Received: None, with {recipe.teacher!r}."
            )
        with self.scope():
            return self.load_teacher(recipe.teacher)

    def train(
        self,
        name: str,
        recipe: "TrainingRecipe",
        make_task: "Callable[[], Task]",
    ) -> list[np.ndarray]:
        """Trains a task, or returns the weights of a training that is done.

        The training has a folder with its checkpoints and, when it is done,
        its final weights. So a run that was killed goes on where it was.

        Args:
            name: String, the training's folder in the run's; what it ends in
                names the logs.
            recipe: `TrainingRecipe`.
            make_task: Function that makes the `Task` with its model, the same
                at every call; called in the scope.

        Returns:
            List of NumPy arrays: the weights of the task's model, averaged if
            the recipe says so.
        """
        folder = self.folder / name
        # Two processes would write over each other's checkpoints.
        only_one = scratch.locked(folder) if self.is_chief else _NO_LOCK
        with only_one:
            return self._train(folder, recipe, make_task)

    def _train(self, folder, recipe, make_task):
        final = folder / _FINAL
        steps = self.steps_per_epoch(recipe)
        keras.utils.set_random_seed(recipe.seed % 2**32)
        with self.scope():
            task = make_task()
            if final.exists():
                return _read_final(final, task.model)
            trainer = TaskTrainer(
                task,
                recipe.make_optimizer(steps),
                jit_compile=self.jit_compile,
                **recipe.step_settings(),
            )
        trainer.fit(
            functools.partial(self.batches, recipe),
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            folder=folder,
            checkpoint_every=self.checkpoint_every,
            callbacks=self.make_callbacks(folder.name, trainer),
        )
        with trainer.averaged_weights():
            weights = task.model.get_weights()
            check_finite(task.model)
            if trainer.is_chief:
                with files.replacing(final, digest=True) as temporary:
                    task.model.save_weights(temporary)
        return weights


def _read_final(path, model):
    """Sets a model to the weights of a training that is done."""
    try:
        model.load_weights(files.verified(path))
    except (OSError, KeyError) as error:
        raise ValueError(
            f"The weights {str(path)!r} are damaged ({error}). Delete the "
            "file: the training then ends again from its last checkpoint."
        ) from error
    check_finite(model)
    return model.get_weights()


def check_finite(model):
    """Raises `TrainingLost` unless all weights of a model are finite."""
    wrong = [
        variable.path
        for variable in model.variables
        if not np.isfinite(ops.convert_to_numpy(variable)).all()
    ]
    if wrong:
        shown = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
        raise TrainingLost(
            f"The training is lost: {len(wrong)} of {len(model.variables)} "
            f"variables are not finite at its end ({shown}). Train in "
            "another folder, with a lower learning rate, with clipped "
            "gradients, or without `ema_momentum`."
        )
