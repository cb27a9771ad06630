"""What recipes of networks with basis convolutions, and their runs, share."""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from keras_elastic.calibration import calibrate
from keras_elastic.models import build
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo import evaluation

if TYPE_CHECKING:
    import keras

    from keras_elastic.training.run import Run
    from keras_elastic.training.task import Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkRecipe(TrainingRecipe):
    """How to train a network that `keras_elastic.build` makes by name.

    The arguments of `TrainingRecipe` are its arguments too. Where one of the
    network's is `None`, it is that of the network's name.

    Args:
        network: String. Name of the network, which begins with the kind of
            the recipe.
        num_bases: Integer. Number of bases, or experts.
        first_basis_block: Integer. First block with bases.
        last_basis_block: Integer. Last block with bases.
        resolution: Integer. Resolution of the network.
        width: Integer. Width of the network in percent.
        dropout: Float. Dropout rate before the classifier.

    Raises:
        ValueError: A number is out of range, or a name is unknown.
    """

    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **TrainingRecipe.ranges,
        "num_bases": (1, math.inf),
        "first_basis_block": (0, math.inf),
        "last_basis_block": (0, math.inf),
        "resolution": (1, math.inf),
        "width": (1, math.inf),
        "dropout": (0, 1),
    }
    # The fields that are options of `build`.
    variant: ClassVar[tuple[str, ...]] = (
        "num_bases",
        "first_basis_block",
        "last_basis_block",
        "resolution",
        "width",
        "dropout",
    )

    network: str
    num_bases: int | None = None
    first_basis_block: int | None = None
    last_basis_block: int | None = None
    resolution: int | None = None
    width: int | None = None
    dropout: float

    def options(self) -> dict[str, Any]:
        """Returns the variant of the network, as options of `build`."""
        values = {name: getattr(self, name) for name in self.variant}
        return {n: value for n, value in values.items() if value is not None}

    def make_model(self, classes: int, dtype: str = "float32") -> "keras.Model":
        """Returns the network, with random weights.

        Args:
            classes: Integer. Number of classes.
            dtype: String. Dtype policy.

        Raises:
            ValueError: There is no such network, or it has no such variant.
        """
        prefix = f"{self.kind}_"
        try:
            if not self.network.startswith(prefix):
                raise ValueError(f"Pass a name that begins with {prefix!r}.")
            return build(self.network, classes, **self.options(), dtype=dtype)
        except ValueError as error:
            raise ValueError(
                f"`network` of the recipe '{self.name}' cannot be made. "
                f"Received: network={self.network!r}. {error}"
            ) from error

    def make_task(
        self,
        model: Any,
        steps_per_epoch: int,
        teacher: Callable[[Any], Any] | None = None,
    ) -> "Task":
        """Returns the `Task` of the recipe.

        Args:
            model: What `make_model` returned.
            steps_per_epoch: Integer.
            teacher: The teacher that `teacher` names; see `teachers`.
        """
        raise NotImplementedError

    def check(self, classes: int, load_teacher: Callable[[str], Any]) -> None:
        """Makes the network and its task, which check their arguments."""
        self.make_optimizer(steps_per_epoch=1)
        StepSettings(**self.step_settings())
        teacher = load_teacher(self.teacher) if self.teacher else None
        self.make_task(self.make_model(classes), 1, teacher)


class NetworkTraining:
    """Trains the network of a `NetworkRecipe` in a run.

    Args:
        recipe: `NetworkRecipe`.
        run: `Run`.

    Raises:
        ValueError: The teacher is unknown, or knows other classes.
    """

    def __init__(self, recipe: NetworkRecipe, run: "Run"):
        self.recipe = recipe
        self.run = run
        self._teacher = run.teacher(recipe)

    def train_model(self) -> "keras.Model":
        """Returns the network outside of every strategy, calibrated."""
        recipe, run = self.recipe, self.run
        steps = run.steps_per_epoch(recipe)

        def make_task():
            model = recipe.make_model(run.classes, recipe.dtype)
            return recipe.make_task(model, steps, self._teacher)

        weights = run.train(f"training/{recipe.kind}", recipe, make_task)
        model = recipe.make_model(run.classes)
        model.set_weights(weights)
        images = evaluation.calibration_images(recipe, run.dataset)
        return calibrate(model, images)
