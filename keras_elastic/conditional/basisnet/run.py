"""A run of a BasisNet: train, calibrate, choose when to exit, report."""

import contextlib
import dataclasses

from keras_elastic.conditional.basisnet.coefficients import measure_coefficients
from keras_elastic.conditional.basisnet.early_exit import measure_early_exit
from keras_elastic.conditional.basisnet.network_recipe import NetworkTraining
from keras_elastic.conditional.basisnet.plots import plot_coefficients
from keras_elastic.conditional.basisnet.plots import plot_early_exit
from keras_elastic.conditional.entry import MODEL
from keras_elastic.conditional.entry import write_entry
from keras_elastic.conditional.mean_front import rows_of
from keras_elastic.conditional.results import TOP1
from keras_elastic.conditional.results import ConditionalResult
from keras_elastic.conditional.results import write_results
from keras_elastic.selection.budget import short
from keras_elastic.zoo import evaluation


@dataclasses.dataclass(frozen=True)
class ExitResult:
    """A threshold that was chosen on held-out images, and what it does.

    Args:
        exit: String. What it was chosen for.
        threshold: Float.
        exits: Float in 0..1, part of the test images that exit.
        flops: Float. Average multiply-adds of a test image.
        held_out_top1: Float in 0..1.
        test_top1: Float in 0..1.
    """

    exit: str
    threshold: float
    exits: float
    flops: float
    held_out_top1: float
    test_top1: float


class BasisNetTraining(NetworkTraining):
    """Trains a BasisNet in a run, both of its stages together.

    Args:
        recipe: `BasisNetRecipe`.
        run: `Run`.

    Raises:
        ValueError: The teacher is unknown, or knows other classes.
    """

    def train(self) -> ConditionalResult | None:
        """Trains, and writes the model and what was measured.

        Writes an entry, which `keras_elastic.load` reads: `model.keras`, with
        the early exit of the recipe's tolerance, `front.csv` and
        `model.json`. Beside it the curve of the held-out images as
        `early_exit.csv`, their mean coefficients by class and block as
        `coefficients.csv`, pictures of both, if Matplotlib is installed, and
        `results.csv`.

        Returns:
            `ConditionalResult`; `None` in a worker that writes nothing.
        """
        trained, run = self.train_model(), self.run
        if not run.is_chief:
            return None
        curve, test, results = measure_results(
            trained, self.recipe, run.dataset
        )
        model = trained.with_exit_threshold(results[1].threshold)
        model.class_names = run.dataset.class_names
        write_entry(
            run.folder,
            kind=self.recipe.kind,
            name=self.recipe.name,
            dataset=self.recipe.dataset,
            class_names=run.dataset.class_names,
            models={MODEL: model},
            rows=rows_of(curve, test, MODEL),
            most_flops=model.costs.flops,
            recipe=self.recipe,
        )
        table = measure_coefficients(
            model,
            evaluation.held_out_batches(self.recipe, run.dataset),
            run.dataset.class_names,
        )
        _write_tables(run.folder, curve, table, model.exit_threshold)
        write_results(run.folder, results)
        return ConditionalResult({"": model}, results, _describe(results))


def _describe(results):
    """The table of a run, and what its columns are."""
    lines = ["{:<28}{:>10}{:>10}{:>12}".format("exit", "flops", "exits", TOP1)]
    lines += [
        f"{row.exit:<28}{short(row.flops):>10}{row.exits:>10.1%}"
        f"{row.test_top1:>12.2%}"
        for row in results
    ]
    return "\n".join(
        [
            *lines,
            "flops: mean multiply-adds of an image. exits: images that end "
            "after the light network.",
            "Thresholds were chosen on held-out images; all figures are of "
            "the test split.",
        ]
    )


def measure_results(model, recipe, dataset):
    """Chooses thresholds on held-out images and reports on the test split.

    Args:
        model: Calibrated `BasisNet`.
        recipe: `BasisNetRecipe`.
        dataset: `ImageDataset`.

    Returns:
        The `EarlyExitCurve` of the held-out images and that of the test
        split, and a list of `ExitResult`: no exit, that of the recipe's
        tolerance, those of its budgets, and an exit of all.
    """
    held_out = measure_early_exit(
        model, evaluation.held_out_batches(recipe, dataset)
    )
    test = measure_early_exit(model, evaluation.test_batches(recipe, dataset))
    tolerated = f"loss <= {recipe.tolerance:.2%} (exported)"
    thresholds = {
        "none": 1.0,
        tolerated: held_out.threshold_for_loss(recipe.tolerance),
        **{
            f"flops <= {short(budget)}": held_out.threshold_for_flops(budget)
            for budget in recipe.budgets or spread_budgets(model.costs)
        },
        "all images": 0.0,
    }
    results = [
        _result(label, threshold, held_out, test)
        for label, threshold in thresholds.items()
    ]
    return held_out, test, results


def _result(label, threshold, held_out, test):
    row = test.at(threshold)
    return ExitResult(
        label,
        threshold,
        row.exits,
        row.flops,
        held_out.at(threshold).top1,
        row.top1,
    )


def spread_budgets(costs):
    """Three budgets between the cost of the light network and of both."""
    low, high = costs.light_flops, costs.flops
    return tuple(
        float(f"{low + part * (high - low):.3g}") for part in (0.25, 0.5, 0.75)
    )


def _write_tables(folder, curve, table, threshold):
    curve.write(folder / "early_exit.csv")
    table.write(folder / "coefficients.csv")
    # The tables are there; pictures are an extra.
    with contextlib.suppress(ImportError):
        plot_early_exit(folder / "early_exit.png", curve, chosen=threshold)
        last = table.blocks[-2:]
        plot_coefficients(folder / "coefficients.png", table, blocks=last)
