"""Scoring and reporting by a recipe: which images measure what."""

import tensorflow as tf

from keras_elastic import data
from keras_elastic.selection import Scorer

_BATCH = 256


def make_scorer(supernet, recipe, dataset) -> Scorer:
    """Scores subnets on held-out training images.

    Args:
        supernet: `Supernet`.
        recipe: `Recipe` that trained it.
        dataset: `ImageDataset`.

    Returns:
        `Scorer` that measures statistics on the first
        `recipe.calibration_images` training images, without augmentation.
    """
    count = min(recipe.calibration_images, dataset.train.size)
    calibration = _batches(dataset.train, recipe, count)
    images = tf.concat([images for images, _ in calibration], axis=0)
    return Scorer(supernet, images, _batches(dataset.held_out, recipe))


def test_batches(recipe, dataset) -> tf.data.Dataset:
    """Returns batches of the test split, for a report."""
    return _batches(dataset.test, recipe)


def _batches(split, recipe, count=None):
    return data.evaluation_batches(
        split,
        batch_size=_BATCH,
        patch_size=recipe.patch_size,
        count=count,
    )


def check_same_classes(entry, dataset) -> None:
    """Raises a `ValueError` if a data set has other classes than an entry."""
    if dataset.class_names == entry.class_names:
        return
    raise ValueError(
        f"The data set '{dataset.name}' must have the classes that the entry "
        f"'{entry.name}' was trained on, {_some(entry.class_names)}. "
        f"Received: {_some(dataset.class_names)}. Pass the entry's data set, "
        "or fine-tune with `keras_elastic.load(..., classes=N)`."
    )


def _some(names):
    more = ", ..." if len(names) > 5 else ""
    return f"{len(names)} classes ({', '.join(names[:5])}{more})"
