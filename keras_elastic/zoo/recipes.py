"""Recipes as a run begins with them: by name, with changes, and checked."""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.models.converting.named import find_family
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import QueryTableSearch
from keras_elastic.selection.budget import short
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.training import Recipe
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo.folder import MODEL
from keras_elastic.zoo.fronts import load_archs
from keras_elastic.zoo.places import find_entry
from keras_elastic.zoo.places import recipe_file
from keras_elastic.zoo.supernets import load_teacher


@checks.arguments(
    name=checks.PATH, changes=checks.MAPPING, smoke=checks.BOOLEAN
)
def read_recipe(
    name: str | os.PathLike[str],
    changes: Mapping[str, Any],
    *,
    smoke: bool = False,
) -> Any:
    """Returns a recipe with changes, of whatever kind it is.

    Args:
        name: Name of a recipe of the zoo, or path of a recipe file.
        changes: Dictionary of fields of the recipe to replace. With another
            data set or family the recipe has another name, too.
        smoke: Boolean. Whether to run through in a moment, for a test: two
            epochs of a few steps, on few images.

    Raises:
        ValueError: There is no such recipe, or it has no such fields.
    """
    path = files.as_path(recipe=name)
    if path.suffix != ".py":
        path = recipe_file(str(name))
    recipe = TrainingRecipe.from_file(path)
    _check_changes(recipe, changes)
    changes = dict(changes)
    if "family" in changes:
        # The recipe's changes are of the fields of its own family.
        changes["family_changes"] = {}
        changes.setdefault("budgets", spread_budgets(changes["family"]))
    if "dataset" in changes or "family" in changes:
        # A run of other data or another space is not the recipe's.
        model = changes.get("family", getattr(recipe, "family", recipe.name))
        if "family" in changes:
            model = find_family(model).name
        dataset = pathlib.Path(changes.get("dataset", recipe.dataset)).name
        changes["name"] = f"{model}_{dataset}"
    recipe = recipe.replace(**changes)
    if smoke:
        name = f"{recipe.name}_smoke"
        recipe = recipe.replace(**{**recipe.smoke_changes(), "name": name})
    return recipe


def _check_changes(recipe, changes):
    """Raises a `ValueError` for flags that the recipe has no use for."""
    unknown = sorted({*changes} - {f.name for f in dataclasses.fields(recipe)})
    if unknown:
        raise ValueError(
            f"The recipe '{recipe.name}', of kind {recipe.kind!r}, has no "
            f"{unknown}. Leave the flags out, or pass another --recipe."
        )
    phases = getattr(recipe, "phases", ())
    fixed = sorted({key for phase in phases for key in phase} & {*changes})
    if fixed:
        raise ValueError(
            f"The phases of the recipe '{recipe.name}' set {fixed}, which a "
            "flag cannot override. Copy the recipe's file, and change it."
        )


def spread_budgets(name) -> tuple[float, ...]:
    """Three budgets between the smallest and the largest of a family."""
    family = find_family(name)
    low, high = (
        costs(family.plan(arch, classes=10)).flops
        for arch in (family.space.smallest, family.space.largest)
    )
    # Evenly apart as ratios, and 5 % more, which rounding cannot take away.
    quarters = (low * (high / low) ** (part / 4) for part in (1, 2, 3))
    return tuple(float(f"{1.05 * flops:.2g}") for flops in quarters)


def check_recipe(recipe, run) -> None:
    """Raises a `ValueError` for what is wrong, before anything is written.

    Args:
        recipe: `TrainingRecipe`.
        run: `Run`.
    """
    recipe.check(run.classes, load_teacher)
    if isinstance(recipe, Recipe):
        make_search(recipe)
        for flops in recipe.budgets:
            budget = Budget(flops=flops)
            budget.check_reachable(recipe.make_family(), run.classes)
    run.steps_per_epoch(recipe)
    run.batches(recipe, epoch=0, start_batch=0)


def next_command(folder) -> str:
    """What to do with a finished run of a conditional model.

    Args:
        folder: Path of the run.
    """
    if (folder / MODEL).is_file():
        rows = find_entry(folder).front.rows
        middle = short((rows[0].flops + rows[-1].flops) / 2)
        flops = f" --flops={middle}" if len(rows) > 1 else ""
        return f"keras-elastic load {folder}{flops} --export"
    return f'model = keras.saving.load_model("{folder}/model.keras")'


def is_mutual(recipe) -> bool:
    """Whether a recipe trains widths at resolutions, for a query table."""
    return recipe.sampler in ("mutual", "mutual_all")


def make_search(recipe) -> Search:
    """Returns how the children of a recipe are selected.

    Those of a mutual recipe from the whole query table, as in MutualNet (Yang
    et al., ECCV 2020), section 3.2 of the first version. Of other recipes,
    the networks of a front that a phase draws from are candidates, too.
    """
    if is_mutual(recipe):
        return QueryTableSearch(levels=recipe.table_levels, whole=True)
    return CoarseToFineSearch(
        mutants=recipe.mutants,
        seed=recipe.seed,
        band=recipe.band,
        also=_trained_of_fronts(recipe),
    )


def _trained_of_fronts(recipe) -> tuple[Architecture, ...]:
    """The architectures that phases draw from fronts."""
    family = recipe.make_family()
    drawn = (
        phase.make_sampler(load_archs(phase.front, family)).archs
        for phase in recipe.phase_recipes()
        if phase.front is not None
    )
    return tuple(dict.fromkeys(itertools.chain(*drawn)))
