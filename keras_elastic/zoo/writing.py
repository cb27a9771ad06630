"""Writes what an entry, or a run, holds: see `entry`."""

import json
import pathlib

import numpy as np

from keras_elastic import families
from keras_elastic import files
from keras_elastic import untrusted
from keras_elastic.data import fingerprint
from keras_elastic.models.preparation import Preparation
from keras_elastic.training.training_recipe import recipe_from_json
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import half_weights
from keras_elastic.zoo import imagenet
from keras_elastic.zoo.entry import STATISTICS
from keras_elastic.zoo.entry import WEIGHTS
from keras_elastic.zoo.entry import Entry
from keras_elastic.zoo.folder import FORMAT
from keras_elastic.zoo.folder import FRONT
from keras_elastic.zoo.folder import MODEL
from keras_elastic.zoo.folder import RECIPE
from keras_elastic.zoo.folder import describe_preparation


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
    path = check_recipe(folder, recipe)
    # That of a finished run belongs to its entry, and changes with that.
    if not (path.parent / MODEL).exists():
        with files.replacing(path, digest=True) as temporary:
            temporary.write_text(recipe.to_json() + "\n")


def check_recipe(folder, recipe) -> pathlib.Path:
    """Returns the path of a run's recipe, once it is checked.

    Raises:
        ValueError: The run was begun with another recipe; says what differs.
    """
    path = files.as_path(folder=folder) / RECIPE
    if not path.exists():
        return path
    begun = recipe_from_json(files.verified(path).read_text("utf-8"))
    differences = recipe.differences(begun)
    if differences:
        raise ValueError(
            f"The folder {str(folder)!r} holds a run of another recipe: "
            f"{'; '.join(differences)}. Pass another --run_dir, or delete "
            "the folder."
        )
    return path


def remember_data(folder, dataset) -> None:
    """Writes what the data of a run are, where it begins.

    A run that was begun before data were remembered goes on without.

    Raises:
        ValueError: As `check_data`.
    """
    path = files.as_path(folder=folder) / evaluation.DATA
    if check_data(folder, dataset) or (path.parent / RECIPE).exists():
        return
    with files.replacing(path, digest=True) as temporary:
        text = json.dumps(fingerprint.fingerprint(dataset), indent=1)
        temporary.write_text(text + "\n", "utf-8")


def check_data(folder, dataset) -> bool:
    """Whether a run remembers its data, once they are checked.

    Args:
        folder: Path of the run.
        dataset: `ImageDataset`.

    Raises:
        ValueError: The data are others than those that the run was begun
            with; says what differs.
    """
    path = files.as_path(folder=folder) / evaluation.DATA
    if not path.is_file():
        return False
    fix = "Restore the file, or train in another folder."
    begun = untrusted.read_json(files.verified(path), fix)
    now = fingerprint.fingerprint(dataset)
    try:
        differences = fingerprint.differences(begun, now)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{str(path)!r} must say what the data of a run were, and does "
            f"not ({error!r}). {fix}"
        ) from error
    if differences:
        raise ValueError(
            f"The run {str(path.parent)!r} was begun on other data. "
            f"{' '.join(differences)} Images that it has trained on may be "
            "among those that it would report on now. Restore the data, or "
            "train in another folder (--run_dir, or --out of a fine-tuning)."
        )
    return True


def write_entry(
    folder, *, name, supernet, class_names, recipe, front, statistics
) -> Entry:
    """Writes an entry, all of its files or none.

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
    arrays = {
        f"{row}/{key}": value
        for row, values in enumerate(statistics)
        for key, value in values.items()
    }
    _check_finite(arrays)
    with files.replacing_files(folder) as new:
        half_weights.save_weights(supernet, new / WEIGHTS)
        front.write(new / FRONT)
        np.savez_compressed(new / STATISTICS, **arrays)
        with files.replacing(new / RECIPE, digest=True) as temporary:
            temporary.write_text(recipe.to_json() + "\n")
        write_model(
            new,
            name=name,
            family=supernet.family,
            dataset=recipe.dataset,
            class_names=class_names,
            preparation=evaluation.preparation(recipe, supernet.family),
            written=(WEIGHTS, FRONT, STATISTICS, RECIPE),
        )
    return Entry(folder)


def _check_finite(arrays):
    wrong = sorted(n for n, a in arrays.items() if not np.isfinite(a).all())
    if wrong:
        raise ValueError(
            "`statistics` must be finite. Received: numbers that are not, in "
            f"{len(wrong)} of {len(arrays)} arrays, for instance {wrong[0]!r} "
            "(row of the front, normalization). Look for training images "
            "whose pixels are no numbers."
        )


def write_model(
    folder,
    *,
    name,
    dataset,
    class_names,
    family=None,
    preparation=None,
    written=(),
    **described,
) -> None:
    """Writes `model.json`, with the SHA-256 of the files that are there.

    Args:
        folder: Path of the folder.
        name: String. Name of the entry.
        dataset: String. Name of the data set.
        class_names: As `write_entry`.
        family: The family of a supernet. `None` for other kinds.
        preparation: `Preparation` of images, or `None` for the usual one.
        written: Names of the files that make up the entry.
        **described: What else is to be said, such as `kind`.
    """
    folder = files.as_path(folder=folder)
    labels, names = list(class_names), list(imagenet.readable(class_names))
    if family is not None:
        described["family"] = families.serialize(family)
    model = {
        "format": FORMAT,
        "name": name,
        **described,
        "dataset": dataset,
        "classes": len(names),
        "class_names": names,
        **({} if names == labels else {"labels": labels}),
        "preprocessing": describe_preparation(preparation or Preparation()),
        "files": {file: files.sha256(folder / file) for file in written},
    }
    with files.replacing(folder / MODEL, digest=True) as temporary:
        temporary.write_text(json.dumps(model, indent=2) + "\n", "utf-8")
