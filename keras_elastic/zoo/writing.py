"""Writes what an entry, or a run, holds: see `entry`."""

import json
import pathlib

import numpy as np

from keras_elastic import families
from keras_elastic import files
from keras_elastic.training.training_recipe import recipe_from_json
from keras_elastic.zoo import half_weights
from keras_elastic.zoo import imagenet
from keras_elastic.zoo.entry import FORMAT
from keras_elastic.zoo.entry import FRONT
from keras_elastic.zoo.entry import MODEL
from keras_elastic.zoo.entry import PREPROCESSING
from keras_elastic.zoo.entry import RECIPE
from keras_elastic.zoo.entry import STATISTICS
from keras_elastic.zoo.entry import WEIGHTS
from keras_elastic.zoo.entry import Entry


def remember_recipe(folder, recipe) -> None:
    """Writes the recipe of a run that begins, or checks one that goes on.

    What a run goes on with may select otherwise: fields that do not touch the
    training may change.

    Args:
        folder: Path of the run.
        recipe: `TrainingRecipe`.

    Raises:
        ValueError: The run was begun with another recipe; says what differs.
    """
    path = pathlib.Path(folder) / RECIPE
    if path.exists():
        differences = recipe.differences(recipe_from_json(path.read_text()))
        if differences:
            raise ValueError(
                f"The folder {str(folder)!r} holds a run of another recipe: "
                f"{'; '.join(differences)}. Pass another --run_dir, or delete "
                "the folder."
            )
    with files.replacing(path) as temporary:
        temporary.write_text(recipe.to_json() + "\n")


def write_entry(
    folder, *, name, supernet, class_names, recipe, front, statistics
) -> Entry:
    """Writes an entry.

    `model.json` goes last, so that a folder with one is complete.

    Args:
        folder: Path of the folder.
        name: String. Name of the entry.
        supernet: Trained `Supernet`.
        class_names: Sequence of strings, by label: what the data set calls
            the classes. WordNet identifiers get names that a person can read.
        recipe: `Recipe` that trained it.
        front: `Front`.
        statistics: For each row of the front, a dictionary from the names of
            normalizations to arrays of shape (2, channels).

    Returns:
        The `Entry`.
    """
    folder = pathlib.Path(folder)
    with files.replacing(folder / WEIGHTS) as temporary:
        half_weights.save_weights(supernet, temporary)
    front.write(folder / FRONT)
    arrays = {
        f"{row}/{key}": value
        for row, values in enumerate(statistics)
        for key, value in values.items()
    }
    with files.replacing(folder / STATISTICS) as temporary:
        np.savez_compressed(temporary, **arrays)
    with files.replacing(folder / RECIPE) as temporary:
        temporary.write_text(recipe.to_json() + "\n")
    write_model(
        folder,
        name=name,
        family=supernet.family,
        dataset=recipe.dataset,
        class_names=class_names,
        written=(WEIGHTS, FRONT, STATISTICS, RECIPE),
    )
    return Entry(folder)


def write_model(
    folder, *, name, family, dataset, class_names, written=()
) -> None:
    """Writes `model.json`, with the SHA-256 of the files that are there."""
    folder = pathlib.Path(folder)
    labels, names = list(class_names), list(imagenet.readable(class_names))
    model = {
        "format": FORMAT,
        "name": name,
        "family": families.serialize(family),
        "dataset": dataset,
        "classes": len(names),
        "class_names": names,
        **({} if names == labels else {"labels": labels}),
        "preprocessing": PREPROCESSING,
        "files": {file: files.sha256(folder / file) for file in written},
    }
    with files.replacing(folder / MODEL) as temporary:
        temporary.write_text(json.dumps(model, indent=2) + "\n")
