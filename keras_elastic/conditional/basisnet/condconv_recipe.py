"""A recipe of a CondConv net, and the run that trains it."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np
from keras import ops

from keras_elastic import files
from keras_elastic.conditional.basisnet.network_recipe import NetworkRecipe
from keras_elastic.conditional.basisnet.network_recipe import NetworkTraining
from keras_elastic.conditional.model_task import ModelTask
from keras_elastic.conditional.model_task import is_right
from keras_elastic.conditional.results import TOP1
from keras_elastic.conditional.results import ConditionalResult
from keras_elastic.conditional.results import run_batches
from keras_elastic.conditional.results import write_results
from keras_elastic.models.preparation import remember
from keras_elastic.selection.budget import short
from keras_elastic.training.losses import soft_cross_entropy
from keras_elastic.training.objectives import DIVERGENCES
from keras_elastic.training.teachers import check_classes
from keras_elastic.zoo import evaluation

if TYPE_CHECKING:
    import keras

    from keras_elastic.training.run import Run

MODEL = "model.keras"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CondConvRecipe(NetworkRecipe):
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

    network: str = "condconv_mobilenet_v3_large"
    dropout: float = 0.25

    def make_training(self, run: "Run") -> "CondConvTraining":
        """Returns the `CondConvTraining`."""
        return CondConvTraining(self, run)

    def make_task(
        self,
        model: "keras.Model",
        steps_per_epoch: int,
        teacher: Callable[[Any], Any] | None = None,
    ) -> "CondConvTask":
        """Returns the `CondConvTask`; see `NetworkRecipe.make_task`."""
        return CondConvTask(model, teacher, self.divergence)


@dataclasses.dataclass(frozen=True)
class CondConvTask(ModelTask):
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
    def dropouts(self):
        """Rate and features of the dropouts, by name."""
        return self.model.dropouts

    def loss(self, batch):
        """As `Task.loss`."""
        images = batch["images"]
        logits = self.model.run(images, True, batch["masks"])
        if self.teacher is None:
            loss = soft_cross_entropy(batch["targets"], logits)
        else:
            taught = ops.cast(self.teacher(images), "float32")
            divergence = DIVERGENCES[self.divergence]
            loss = divergence(ops.stop_gradient(taught), logits)
        return loss, {"accuracy": is_right(logits, batch["labels"])}


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


class CondConvTraining(NetworkTraining):
    """Trains a CondConv net in a run, as `NetworkTraining`."""

    def train(self):
        """Trains, and writes `model.keras` and `results.csv`.

        Returns:
            `ConditionalResult`; `None` in a worker that writes nothing.
        """
        recipe, run = self.recipe, self.run
        model = self.train_model()
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
    def top1(batches):
        hits = [
            logits.argmax(axis=-1) == labels
            for logits, labels in run_batches(model.run, batches)
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
