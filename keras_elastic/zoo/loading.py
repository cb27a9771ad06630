"""Networks by name and budget."""

import dataclasses
import importlib.util
import pathlib

import keras
import numpy as np

from keras_elastic.models import Supernet
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFine
from keras_elastic.selection import Front
from keras_elastic.selection import Selection
from keras_elastic.spaces import costs
from keras_elastic.training.teachers import KerasTeacher
from keras_elastic.zoo.entry import Entry

# `setup.cfg` installs the top-level folder `zoo` under this name.
_ZOO_PACKAGE = "keras_elastic_zoo"
# Recipes of published systems on data that cannot be carried along.
_RECIPES = "recipes"
_RANDOM_DRAWS = 10_000


def zoo_folder() -> pathlib.Path:
    """Folder of the zoo's entries: installed, or beside the package."""
    spec = importlib.util.find_spec(_ZOO_PACKAGE)
    if spec is None:
        return pathlib.Path(__file__).parents[2] / "zoo"
    return pathlib.Path(spec.submodule_search_locations[0])


def list_models() -> tuple[str, ...]:
    """Names of the zoo's entries, sorted."""
    return tuple(
        sorted(path.parent.name for path in zoo_folder().glob("*/model.json"))
    )


def recipe_file(name: str) -> pathlib.Path:
    """Path of a recipe of the zoo: of an entry, or one without an entry.

    Raises:
        ValueError: No recipe of the zoo has this name.
    """
    entries = zoo_folder().glob("*/recipe.py")
    known = {path.parent.name: path for path in entries}
    others = (zoo_folder() / _RECIPES).glob("*.py")
    known.update((p.stem, p) for p in others if p.stem != "__init__")
    if name not in known:
        raise ValueError(
            f"The recipe must be a name of the zoo, {sorted(known)}, or a .py "
            f"file. Received: {name!r}."
        )
    return known[name]


def find_entry(name_or_folder) -> Entry:
    """Finds an entry of the zoo by name, or a run by its folder.

    Raises:
        ValueError: There is neither; the known names are listed.
    """
    name = str(name_or_folder)
    if name in list_models():
        return Entry(zoo_folder() / name)
    if pathlib.Path(name).is_dir():
        return Entry(name)
    raise ValueError(
        "`name_or_folder` must be one of:\n"
        f"  1. a name of the zoo: {list(list_models())}\n"
        "  2. a folder that `python train.py` left.\n"
        f"Received: {name!r}."
    )


def load(
    name_or_folder,
    *,
    flops=None,
    params=None,
    memory=None,
    resolution=None,
    classes=None,
    weights="auto",
):
    """Loads the best network of an entry within a budget.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run.
        flops: Number. Most multiply-adds of one image.
        params: Number. Most trainable weights.
        memory: Number. Most bytes of activations of one image, at float32.
        resolution: Integer. The input resolution in pixels.
        classes: Integer. Makes a new head for this many classes, for
            fine-tuning, which the budget counts. Defaults to the trained
            head.
        weights: `"auto"` for the entry's weights and calibrated statistics,
            `None` for random initialisation.

    Returns:
        A functional `keras.Model` of stock layers, compiled for fine-tuning
        and evaluation: from pixels in 0..255 of shape (batch, resolution,
        resolution, 3) to logits of shape (batch, classes). The names of the
        classes are in its attribute `class_names`, unless `classes` is given.

    Raises:
        ValueError: The name is unknown, no network meets the budget (the
            reachable range is stated), the entry has no weights, or its files
            are damaged.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=1e6)
    model.evaluate(images, labels)
    model = keras_elastic.load("bignas_digits", flops=1e6, classes=3)
    model.fit(my_images, my_labels)
    ```
    """
    if weights not in ("auto", None):
        raise ValueError(
            f"`weights` must be 'auto' or None. Received: weights={weights!r}."
        )
    check_classes(classes)
    entry = find_entry(name_or_folder)
    budget = Budget(flops, params, memory, resolution)
    budget.check_reachable(entry.family, classes or entry.classes)
    if weights is None:
        arch = _largest_within(budget, entry.family, classes or entry.classes)
        model = entry.supernet(weights=False).child(arch, classes=classes)
    else:
        arch = _front(entry, classes).best(budget, entry.name).arch
        number = [row.arch for row in entry.front.rows].index(arch)
        model = entry.supernet().child(
            arch, entry.statistics(number), classes=classes
        )
    if classes is None:
        model.class_names = entry.class_names
    return _compile(model)


def load_teacher(name) -> KerasTeacher:
    """Loads a teacher by what a recipe calls it.

    Args:
        name: A `.keras` file of a model from pixels in 0..255 to logits, or a
            run or zoo entry, whose most accurate network teaches.

    Raises:
        ValueError: There is no such file, run or entry.
    """
    path = pathlib.Path(name)
    if path.suffix != ".keras":
        return KerasTeacher(load(name))
    if not path.is_file():
        raise ValueError(
            "`teacher` must be a .keras file, a run or a name of the zoo. "
            f"Received: {str(name)!r}, which does not exist."
        )
    return KerasTeacher(keras.saving.load_model(path))


def check_classes(classes):
    """Raises a `ValueError` unless `classes` is `None` or above zero."""
    if classes is not None and (not isinstance(classes, int) or classes < 1):
        raise ValueError(
            "`classes` must be a positive integer, or None for the trained "
            f"head. Received: classes={classes!r}."
        )


def _front(entry, classes):
    """The front of an entry, with the costs of a head for `classes`."""
    if classes is None:
        return entry.front
    plan = entry.family.plan
    return Front(
        dataclasses.replace(row, **costs(plan(row.arch, classes))._asdict())
        for row in entry.front.rows
    )


def _largest_within(budget, family, classes):
    """The costliest of many random architectures that meet a budget."""
    space = family.space
    encoded = space.sample_encoded(np.random.default_rng(0), _RANDOM_DRAWS)
    ends = [space.encode(space.smallest), space.encode(space.largest)]
    encoded = np.concatenate([ends, encoded])
    if budget.resolution is not None:
        encoded[:, 0] = budget.resolution
    counted = costs(family.plan(space.unstack(encoded), classes))
    fits = budget.holds(counted, encoded[:, 0])
    best = np.argmax(np.where(fits, counted.flops, -1))
    return space.decode(encoded[best])


def _compile(model):
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def load_supernet(name_or_folder, *, weights="auto") -> Supernet:
    """Loads the supernet of an entry.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run.
        weights: `"auto"` for the entry's weights, `None` for random ones.

    Returns:
        `Supernet`.

    Raises:
        ValueError: The name is unknown, the entry has no weights, or they are
            damaged.
    """
    if weights not in ("auto", None):
        raise ValueError(
            f"`weights` must be 'auto' or None. Received: weights={weights!r}."
        )
    return find_entry(name_or_folder).supernet(weights=weights is not None)


def select(
    name_or_folder,
    *,
    flops=None,
    params=None,
    memory=None,
    resolution=None,
    scorer=None,
    strategy=None,
    progress=None,
) -> Selection:
    """Selects the best architecture of an entry within a budget.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run.
        flops: Number. Most multiply-adds of one image.
        params: Number. Most trainable weights.
        memory: Number. Most bytes of activations of one image, at float32.
        resolution: Integer. The input resolution in pixels.
        scorer: `Scorer`, to search the space with. By default the entry's
            front is read, which takes no data and no time.
        strategy: How to search with a scorer. Defaults to `CoarseToFine()`.
        progress: Function of candidates done and candidates in all.

    Returns:
        `Selection`: architecture, costs, score, and why it was chosen.

    Raises:
        ValueError: As `load`.
    """
    entry = find_entry(name_or_folder)
    budget = Budget(flops, params, memory, resolution)
    budget.check_reachable(entry.family, entry.classes)
    if scorer is not None:
        strategy = strategy or CoarseToFine()
        [selection] = strategy.search(
            entry.family, entry.classes, scorer, [budget], progress
        )
        return selection
    row = entry.front.best(budget, entry.name)
    reason = (
        f"the best of the {len(entry.front.rows)} architectures on the front "
        f"of '{entry.name}' with {budget}"
    )
    return Selection(row.arch, row.costs, row.score, reason)
