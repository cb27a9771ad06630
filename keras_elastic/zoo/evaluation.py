"""The images of a recipe: which train, which measure what."""

import math

import numpy as np
from keras import ops
from scipy.stats import kendalltau

from keras_elastic import data
from keras_elastic import files
from keras_elastic.models import Supernet
from keras_elastic.models import build_child
from keras_elastic.models.preparation import Preparation
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.selection import Scorer
from keras_elastic.selection.front import write_rows
from keras_elastic.selection.latency.runtimes import get_runtime
from keras_elastic.selection.score_cache import OtherScores
from keras_elastic.selection.searches.query_table import configurations
from keras_elastic.spaces import costs
from keras_elastic.training.validation import SubnetValidation
from keras_elastic.training.validation import watched

_BATCH = 256
# Of a run: its scores, and what its data were.
SCORES, DATA = "scores.jsonl", "data.json"


def load_dataset(recipe, data_dir=None, **options) -> data.ImageDataset:
    """Loads the data set of a recipe, with as many images as it takes.

    Args:
        recipe: `TrainingRecipe`.
        data_dir: As `keras_elastic.data.load_dataset`.
        **options: Its other arguments.
    """
    limits = {"limit": recipe.limit, "test_limit": recipe.test_limit}
    return data.load_dataset(recipe.dataset, data_dir, **limits, **options)


def make_scorer(supernet, recipe, dataset, cache=None) -> Scorer:
    """Scores subnets on held-out training images.

    Args:
        supernet: `Supernet`.
        recipe: `Recipe` that trained it.
        dataset: `ImageDataset`.
        cache: Path of a file for the scores, or `None`.

    Returns:
        `Scorer` that measures statistics on the first
        `recipe.calibration_images` training images, without augmentation.
    """
    return Scorer(
        supernet,
        calibration_images(recipe, dataset),
        held_out_batches(recipe, dataset),
        cache,
    )


def resume_scorer(supernet, recipe, dataset, folder) -> Scorer:
    """Scores as `make_scorer`, with the scores that a run has.

    A run whose recipe selects on other images than before has other scores,
    in a file of their own: the old ones stay.

    Args:
        supernet: `Supernet`.
        recipe: `Recipe` that trained it.
        dataset: `ImageDataset`, that of the run: see `writing.check_data`.
        folder: Path of the run.

    Raises:
        ValueError: The scores are of other images, and nothing says that the
            data are those of the run.
    """
    folder = files.as_path(folder=folder)
    path = folder / SCORES
    try:
        return make_scorer(supernet, recipe, dataset, path)
    except OtherScores as error:
        if not (folder / DATA).is_file():
            raise ValueError(
                f"The run {str(folder)!r} was scored on other images, or with "
                "other weights. It was begun before runs remembered their "
                "data. Pass the data and the flags that it was begun with, or "
                f"another folder. ({error})"
            ) from error
        other = path.with_stem(f"{path.stem}_{error.fingerprint[:8]}")
        return make_scorer(supernet, recipe, dataset, other)


def calibration_images(recipe, dataset) -> np.ndarray:
    """Returns the training images of a recipe to measure statistics on."""
    count = min(recipe.calibration_images, dataset.train.size)
    batches = _batches(dataset.train, recipe, count)
    return np.concatenate(
        [ops.convert_to_numpy(images) for images, _ in batches]
    )


def held_out_batches(recipe, dataset):
    """Returns batches of the held-out images, to select with."""
    return _batches(
        dataset.held_out, recipe, getattr(recipe, "selection_images", None)
    )


def test_batches(recipe, dataset):
    """Returns batches of the test split, for a report."""
    return _batches(dataset.test, recipe)


def scored_rows(scorer) -> list[FrontRow]:
    """Returns all that a scorer has scored, as rows of a front."""
    supernet = scorer.supernet
    return [
        FrontRow(
            arch,
            *costs(supernet.family.plan(arch, supernet.classes)),
            score.accuracy,
            -score.negative_loss,
        )
        for arch, score in scorer.scores.items()
    ]


def make_front(scorer, batches, progress=None):
    """Makes the front of all that a scorer has scored.

    Args:
        scorer: `Scorer`.
        batches: Batches of the test split, to report on.
        progress: Function of the networks that are reported on and of all.

    Returns:
        A pair of the `Front`, with its test accuracies, and the statistics of
        each row.
    """
    scored = Front(scored_rows(scorer))
    statistics, top1 = [], []
    for row in scored.rows:
        statistics.append(scorer.statistics(row.arch))
        score = scorer.evaluate(row.arch, statistics[-1], batches)
        top1.append(score.accuracy)
        if progress is not None:
            progress(len(top1), len(scored.rows))
    return scored.with_test_top1(top1), statistics


def with_error(top1, images) -> str:
    """Formats an accuracy with its standard error: "98.61% ± 0.62%".

    Args:
        top1: Float in 0..1.
        images: Integer. Number of images that it was measured on.
    """
    error = math.sqrt(top1 * (1 - top1) / images)
    return f"{top1:.2%} ± {error:.2%}"


def time_front(front, family, classes, runs=50) -> Front:
    """Measures how long the networks of a front take on this machine.

    Args:
        front: `Front`.
        family: Its family.
        classes: Integer. Number of classes.
        runs: Integer. Timed calls of each network, one image a call.

    Returns:
        The `Front` with latencies: medians over calls of the networks in
        turn, as SavedModels.
    """
    children = [
        build_child(family.plan(row.arch, classes)) for row in front.rows
    ]
    timings = get_runtime("tensorflow").measure(children, 1, runs)
    return front.with_latency(timing.median_ms for timing in timings)


def preparation(recipe, family=None) -> Preparation:
    """Returns what becomes of an image where a recipe's networks are used.

    The same that becomes of those that statistics and scores are measured on.

    Args:
        recipe: `TrainingRecipe`.
        family: The family of a supernet, which says how patches are resized.
    """
    method = getattr(family, "resize", "bicubic")
    return Preparation(recipe.evaluation_crop, recipe.patch_size, method)


def _batches(split, recipe, count=None):
    return data.evaluation_batches(
        split,
        batch_size=_BATCH,
        patch_size=recipe.patch_size,
        count=count,
        crop=recipe.evaluation_crop,
    )


def write_query_table(path, scorer, levels=None) -> None:
    """Writes all rows of a query table, also those that others beat.

    Args:
        path: Path of the .csv file, with the columns of a front.
        scorer: `Scorer`, which scores what it has not.
        levels: Integer. As `configurations`.
    """
    archs = configurations(scorer.supernet.space, levels)
    for arch in archs:
        scorer(arch)
    rows = [row for row in scored_rows(scorer) if row.arch in archs]
    write_rows(path, sorted(rows, key=lambda row: row.flops))


def kendall_tau(first, second) -> float | None:
    """How alike two sequences of accuracies rank: from -1 to 1.

    `None` where one of them ranks nothing: fewer than two are different.
    """
    if min(len({*first}), len({*second})) < 2:
        return None
    return float(kendalltau(first, second).statistic)


def describe_ranking(front) -> str:
    """Says how well the supernet ranks what it was selected by.

    Kendall's tau between the accuracies on held-out images, by which
    architectures are ranked, and those on the test split: 1 for the same
    order. Of the front alone, whose architectures are near to one another in
    accuracy. How a supernet ranks networks that are trained alone is measured
    by `benchmarks/twins.py`.

    Args:
        front: `Front` with test accuracies.
    """
    held_out = [row.held_out_top1 for row in front.rows]
    test = [row.test_top1 for row in front.rows]
    tau = kendall_tau(held_out, test)
    if tau is None:
        return "The front has too few architectures for a Kendall's tau."
    return (
        f"Kendall's tau of the front's ranking, held out against test: "
        f"{tau:.2f} ({len(test)} architectures)."
    )


def check_same_classes(entry, dataset) -> None:
    """Raises a `ValueError` if a data set has other classes than an entry."""
    if dataset.class_names == entry.labels:
        return
    raise ValueError(
        f"The data set '{dataset.name}' must have the classes that the entry "
        f"'{entry.name}' was trained on, {_some(entry.labels)}. "
        f"Received: {_some(dataset.class_names)}. Pass the entry's data set, "
        "or fine-tune with `keras_elastic.load(..., classes=N)`."
    )


def _some(names):
    more = ", ..." if len(names) > 5 else ""
    return f"{len(names)} classes ({', '.join(names[:5])}{more})"


def make_validation(recipe, dataset, trainer, every) -> SubnetValidation:
    """Returns the callback that validates some subnets on held-out images.

    Args:
        recipe: `Recipe`.
        dataset: `ImageDataset`.
        trainer: `TaskTrainer` of a supernet.
        every: Integer. Epochs between two validations.
    """
    supernet = trainer.model
    # A copy, outside of the strategy.
    copy = Supernet(supernet.family, supernet.classes)
    scorer = make_scorer(copy, recipe, dataset)

    def refresh():
        with trainer.averaged_weights():
            copy.set_weights(supernet.get_weights())

    def accuracy(arch):
        statistics = scorer.statistics(arch)
        return scorer.evaluate(
            arch, statistics, scorer.evaluation_batches
        ).accuracy

    archs = watched(copy.space, recipe.seed)
    return SubnetValidation(accuracy, archs, every, refresh)
