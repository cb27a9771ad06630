"""A run of a DS-Net: the supernet, then gates for windows of its widths."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.conditional.dsnet.model import DSNet
from keras_elastic.conditional.dsnet.report import flops_of
from keras_elastic.conditional.dsnet.task import GateTask
from keras_elastic.conditional.entry import write_entry
from keras_elastic.conditional.mean_front import MeanRow
from keras_elastic.conditional.results import TOP1
from keras_elastic.conditional.results import ConditionalResult
from keras_elastic.conditional.results import run_batches
from keras_elastic.conditional.results import write_results
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.training.phases import PhaseTrainer
from keras_elastic.zoo import evaluation

if TYPE_CHECKING:
    from keras_elastic.conditional.dsnet.recipe import DSNetRecipe
    from keras_elastic.training.run import Run


@dataclasses.dataclass(frozen=True)
class DSNetResult:
    """A network of a run.

    Args:
        network: String. `"width 0"`, and so on, for all images at one width;
            `"DS-Net S"` for a width image by image.
        flops: Float. Average multiply-adds of a test image.
        held_out_top1: Float in 0..1.
        test_top1: Float in 0..1.
    """

    network: str
    flops: float
    held_out_top1: float
    test_top1: float


class DSNetTraining:
    """Trains a DS-Net in a run: its supernet, then gates for each window.

    Args:
        recipe: `DSNetRecipe`.
        run: `Run`.

    Raises:
        ValueError: As `PhaseTrainer`; or the gates would get all images.
    """

    def __init__(self, recipe: "DSNetRecipe", run: "Run"):
        self.recipe = recipe
        self.run = run
        of_supernet, self.gate_run = divide_run(run, recipe)
        self.phases = PhaseTrainer(recipe, of_supernet)

    def train(self) -> ConditionalResult | None:
        """Trains, and writes models and results.

        Writes an entry, which `keras_elastic.load` reads: the model of each
        window of the recipe, `model_<window>.keras`, `front.csv` and
        `model.json`; and `results.csv`.

        Returns:
            `ConditionalResult`; `None` in a worker that writes nothing.
        """
        recipe, run = self.recipe, self.run
        supernet = self.phases.train()
        statistics = measure_statistics(supernet, recipe, run.dataset)
        models = {
            window: train_gates(
                supernet, statistics, window, recipe, self.gate_run
            )
            for window in recipe.windows
        }
        if not run.is_chief:
            return None
        results = measure_widths(supernet, statistics, recipe, run.dataset)
        rows = []
        for window, model in models.items():
            model.class_names = run.dataset.class_names
            result, row = _measure(window, model, recipe, run.dataset)
            results.append(result)
            rows.append(row)
        write_entry(
            run.folder,
            kind=recipe.kind,
            name=recipe.name,
            dataset=recipe.dataset,
            class_names=run.dataset.class_names,
            models={model_file(w): model for w, model in models.items()},
            rows=rows,
            most_flops=max(map(most_flops, models.values())),
            recipe=recipe,
        )
        write_results(run.folder, results)
        return ConditionalResult(models, results, _describe(results))


def divide_run(run, recipe):
    """Divides the training images, if the gates have images of their own.

    Returns:
        The `Run` of the supernet and that of the gates.

    Raises:
        ValueError: None would be left for the supernet.
    """
    count, size = recipe.gate_images, run.dataset.train.size
    if not count:
        return run, run
    if count >= size:
        raise ValueError(
            f"`gate_images` of the recipe '{recipe.name}' must leave some of "
            f"the {size} training images to the supernet. Received: "
            f"gate_images={count}. Lower it."
        )
    return tuple(
        dataclasses.replace(run, dataset=dataset)
        for dataset in run.dataset.set_apart(count)
    )


def _describe(results):
    """The table of a run, and what its columns are."""
    lines = ["{:<28}{:>10}{:>12}".format("network", "flops", TOP1)]
    lines += [
        f"{row.network:<28}{short(row.flops):>10}{row.test_top1:>12.2%}"
        for row in results
    ]
    notes = "flops: mean multiply-adds of an image. top-1: on the test split."
    return "\n".join([*lines, notes])


def model_file(window):
    """Name of the file of a window's model."""
    return f"model_{window}.keras"


def most_flops(model):
    """Multiply-adds of an image that chooses the widest at every gate."""
    # Ways are in order of the width before, and then of the chosen one.
    return sum(ways[-1] for ways in model.flops)


def measure_statistics(supernet, recipe, dataset):
    """Measures the statistics of all widths that a gate may choose.

    Returns:
        Dictionary from `Architecture` to statistics.
    """
    calibrator = SubnetCalibrator(supernet)
    images = evaluation.calibration_images(recipe, dataset)
    return {
        arch: calibrator.measure(arch, images)
        for arch in DSNet.architectures(supernet.family)
    }


def train_gates(supernet, statistics, window, recipe, run):
    """Trains the gates of a window of widths.

    Returns:
        `DSNet` outside of every strategy.
    """

    def make_model():
        return DSNet.from_supernet(
            supernet, statistics, window=dsnet_routes.parse(window)
        )

    def make_task():
        return GateTask(
            make_model(),
            recipe.complexity_weight,
            recipe.guidance_weight,
            recipe.hard_samples,
        )

    print(f"Gates of the window {window!r}")
    weights = run.train(
        f"training/gates_{window}", recipe.gate_recipe(), make_task
    )
    model = make_model()
    model.set_weights(weights)
    return model


def measure_widths(supernet, statistics, recipe, dataset):
    """Measures every width for all images: what gates are compared with."""
    scorer = evaluation.make_scorer(supernet, recipe, dataset)
    results = []
    for number, (arch, values) in enumerate(statistics.items()):
        plan = supernet.family.plan(arch, supernet.classes)
        held_out, test = (
            scorer.evaluate(arch, values, batches).accuracy
            for batches in _splits(recipe, dataset)
        )
        flops = float(costs(plan).flops)
        results.append(DSNetResult(f"width {number}", flops, held_out, test))
    return results


def _splits(recipe, dataset):
    return (
        evaluation.held_out_batches(recipe, dataset),
        evaluation.test_batches(recipe, dataset),
    )


def _measure(window, model, recipe, dataset):
    """The result of a window, of the test split, and the row of its entry."""
    (held_out_flops, held_out), (flops, test) = (
        evaluate_model(model, batches) for batches in _splits(recipe, dataset)
    )
    file = model_file(window)
    return (
        DSNetResult(f"DS-Net {window}", flops, held_out, test),
        MeanRow(held_out_flops, held_out, test, None, file),
    )


def evaluate_model(model, batches):
    """Average multiply-adds and accuracy of a model on batches."""
    flops, hits = [], []
    for logits, chosen, labels in run_batches(model.route, batches):
        hits.append(logits.argmax(axis=-1) == labels)
        flops.append(flops_of(model, chosen))
    return float(np.concatenate(flops).mean()), float(
        np.concatenate(hits).mean()
    )
