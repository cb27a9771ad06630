"""A recipe of a CondConv net, and the run that trains it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any
from typing import ClassVar

import numpy as np
from keras import ops

from keras_elastic import files
from keras_elastic import tracing
from keras_elastic.calibration import calibrate
from keras_elastic.conditional.results import TOP1
from keras_elastic.conditional.results import ConditionalResult
from keras_elastic.conditional.results import write_results
from keras_elastic.models import build
from keras_elastic.models.preparation import remember
from keras_elastic.selection.budget import short
from keras_elastic.training.losses import soft_cross_entropy
from keras_elastic.training.objectives import DIVERGENCES
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.task import Task
from keras_elastic.training.teachers import check_classes
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo import evaluation

MODEL = "model.keras"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CondConvRecipe(TrainingRecipe):
    """How to train a CondConv net.

    The arguments of `TrainingRecipe` are its arguments too. Where one of the
    network's is `None`, it is that of the network's name. A teacher's
    probabilities take the place of the labels.

    Args:
        network: String. `"condconv_efficientnet_b0"` or
            `"condconv_mobilenet_v3_large"`.
        num_bases: Integer. Number of experts.
        first_basis_block: Integer. First block with experts.
        last_basis_block: Integer. Last block with experts.
        resolution: Integer. Resolution of the network.
        width: Integer. Width of the network in percent.
        dropout: Float. Dropout rate before the classifier.

    Raises:
        ValueError: A number is out of range, a name is unknown, or the
            network has no such variant.
    """

    kind: ClassVar[str] = "condconv"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **TrainingRecipe.ranges,
        "num_bases": (1, math.inf),
        "first_basis_block": (0, math.inf),
        "last_basis_block": (0, math.inf),
        "resolution": (1, math.inf),
        "width": (1, math.inf),
        "dropout": (0, 1),
    }

    network: str = "condconv_mobilenet_v3_large"
    num_bases: int | None = None
    first_basis_block: int | None = None
    last_basis_block: int | None = None
    resolution: int | None = None
    width: int | None = None
    dropout: float = 0.25

    def options(self) -> dict[str, Any]:
        """Returns the variant of the network, as options of `build`."""
        names = (
            "num_bases",
            "first_basis_block",
            "last_basis_block",
            "resolution",
            "width",
            "dropout",
        )
        values = {name: getattr(self, name) for name in names}
        return {n: value for n, value in values.items() if value is not None}

    def make_model(self, classes: int, dtype: str = "float32"):
        """Returns the `CondConvNet`, with random weights.

        Args:
            classes: Integer. Number of classes.
            dtype: String. Dtype policy.
        """
        try:
            if not self.network.startswith("condconv_"):
                raise ValueError("It must be the name of a CondConv net.")
            return build(self.network, classes, **self.options(), dtype=dtype)
        except ValueError as error:
            raise ValueError(
                f"`network` of the recipe '{self.name}' cannot be made. "
                f"Received: network={self.network!r}. {error}"
            ) from error

    def check(self, classes: int, load_teacher) -> None:
        """Makes the network and its task, which check their arguments."""
        self.make_optimizer(steps_per_epoch=1)
        StepSettings(**self.step_settings())
        teacher = self.teacher and load_teacher(self.teacher)
        CondConvTask(self.make_model(classes), teacher, self.divergence)

    def make_training(self, run):
        """Returns the `CondConvTraining`."""
        return CondConvTraining(self, run)


@dataclasses.dataclass(frozen=True)
class CondConvTask(Task):
    """The training of a `CondConvNet` from scratch.

    Args:
        model: `CondConvNet`.
        teacher: Function from images, pixels in 0..255, to logits, whose
            probabilities take the place of the labels, or `None`.
        divergence: String. What is minimized then, a key of `DIVERGENCES`.

    Raises:
        ValueError: The teacher knows another number of classes.
    """

    model: Any
    teacher: Callable | None = None
    divergence: str = "kl"

    def __post_init__(self):
        if self.teacher is not None:
            check_classes(self.teacher, self.classes)

    @property
    def variables(self):
        """The variables to train."""
        return self.model.trainable_variables

    @property
    def classes(self):
        """Number of classes."""
        return self.model.classes

    @property
    def dropouts(self):
        """Rate and features of the dropouts, by name."""
        return self.model.dropouts

    def chance(self):
        """Loss of a model that guesses."""
        return math.log(self.classes)

    def loss(self, batch):
        """As `Task.loss`."""
        images, labels = batch["images"], batch["labels"]
        logits = self.model.run(images, True, batch["masks"])
        if self.teacher is None:
            loss = soft_cross_entropy(batch["targets"], logits)
        else:
            taught = ops.cast(self.teacher(images), "float32")
            divergence = DIVERGENCES[self.divergence]
            loss = divergence(ops.stop_gradient(taught), logits)
        best = ops.argmax(logits, axis=-1)
        hits = ops.equal(best, ops.cast(labels, best.dtype))
        return loss, {"accuracy": ops.cast(hits, "float32")}


@dataclasses.dataclass(frozen=True)
class CondConvResult:
    """What a run has trained.

    Args:
        network: String.
        flops: Integer. Multiply-adds of an image.
        params: Integer. Trainable weights.
        held_out_top1: Float in 0..1.
        test_top1: Float in 0..1.
    """

    network: str
    flops: int
    params: int
    held_out_top1: float
    test_top1: float


class CondConvTraining:
    """Trains a CondConv net in a run.

    Args:
        recipe: `CondConvRecipe`.
        run: `Run`.

    Raises:
        ValueError: The teacher is unknown, or knows other classes.
    """

    def __init__(self, recipe, run):
        self.recipe = recipe
        self.run = run
        self._teacher = run.teacher(recipe)

    def train(self):
        """Trains, and writes `model.keras` and `results.csv`.

        Returns:
            `ConditionalResult`; `None` in a worker that writes nothing.
        """
        recipe, run = self.recipe, self.run

        def make_task():
            model = recipe.make_model(run.classes, recipe.dtype)
            return CondConvTask(model, self._teacher, recipe.divergence)

        weights = run.train("training/condconv", recipe, make_task)
        model = recipe.make_model(run.classes)
        model.set_weights(weights)
        images = evaluation.calibration_images(recipe, run.dataset)
        model = calibrate(model, images)
        if not run.is_chief:
            return None
        model.class_names = run.dataset.class_names
        remember(model, evaluation.preparation(recipe))
        with files.replacing(run.folder / MODEL, digest=True) as temporary:
            model.save(temporary)
        rows = [_measure(model, recipe, run.dataset)]
        write_results(run.folder, rows)
        return ConditionalResult({"": model}, rows, _describe(*rows))


def _measure(model, recipe, dataset):
    run = tracing.traced(model.run, ((None, None, None, 3), "float32"))

    def top1(batches):
        hits = [
            ops.convert_to_numpy(run(tracing.as_images(images))).argmax(-1)
            == ops.convert_to_numpy(labels)
            for images, labels in batches
        ]
        return float(np.concatenate(hits).mean())

    return CondConvResult(
        recipe.network,
        model.costs.flops,
        model.costs.params,
        top1(evaluation.held_out_batches(recipe, dataset)),
        top1(evaluation.test_batches(recipe, dataset)),
    )


def _describe(row):
    return "\n".join(
        [
            "{:<32}{:>10}{:>10}{:>12}".format(
                "network", "flops", "params", TOP1
            ),
            f"{row.network:<32}{short(row.flops):>10}{short(row.params):>10}"
            f"{row.test_top1:>12.2%}",
            "flops: multiply-adds of an image. top-1: on the test split.",
        ]
    )
