"""Recipes as a run begins with them: by name, with changes, and checked."""

import dataclasses
import pathlib

from keras_elastic.models import DSNet
from keras_elastic.models.converting.named import find_family
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFine
from keras_elastic.spaces import costs
from keras_elastic.training import BasisNetRecipe
from keras_elastic.training import DSNetRecipe
from keras_elastic.training import Recipe
from keras_elastic.training import StepSettings
from keras_elastic.training import TrainingRecipe
from keras_elastic.zoo.evaluation import epoch_batches
from keras_elastic.zoo.fronts import load_archs
from keras_elastic.zoo.loading import load_teacher
from keras_elastic.zoo.places import recipe_file


def read_recipe(name, changes, *, smoke=False) -> TrainingRecipe:
    """Returns a recipe with changes.

    Args:
        name: Name of a recipe of the zoo, or path of a recipe file.
        changes: Dictionary of fields of the recipe to replace. With another
            data set or family the recipe has another name, too.
        smoke: Boolean. Whether to run through in a moment, for a test.

    Raises:
        ValueError: There is no such recipe, or it has no such fields.
    """
    path = pathlib.Path(name)
    if path.suffix != ".py":
        path = recipe_file(name)
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
    if smoke:
        changes.update(name=f"{changes.get('name', recipe.name)}_smoke")
        changes.update(_smoke_changes(recipe))
    return recipe.replace(**changes)


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


def _smoke_changes(recipe):
    """What makes a recipe run through in a moment."""
    changes = {"epochs": 2}
    if isinstance(recipe, Recipe):
        phases = [{**phase, "epochs": 1} for phase in recipe.phases]
        changes.update(mutants=2, phases=phases)
    if isinstance(recipe, DSNetRecipe):
        changes.update(gate_epochs=1, windows=recipe.windows[:1])
    return changes


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


def check_recipe(recipe, dataset) -> None:
    """Raises a `ValueError` for what is wrong, before anything is written.

    Args:
        recipe: `TrainingRecipe`.
        dataset: `ImageDataset`.
    """
    if isinstance(recipe, Recipe):
        recipe.check_resolutions()
        for phase in recipe.phase_recipes():
            _make_parts(phase)
        for flops in recipe.budgets:
            budget = Budget(flops=flops)
            budget.check_reachable(recipe.make_family(), dataset.num_classes)
    if isinstance(recipe, DSNetRecipe):
        DSNet.architectures(recipe.make_family())
    if isinstance(recipe, BasisNetRecipe):
        model = recipe.make_model(dataset.num_classes)
        teacher = recipe.teacher and load_teacher(recipe.teacher)
        recipe.make_task(model, 1, teacher)
    epoch_batches(recipe, dataset)(epoch=0, start_batch=0)


def _make_parts(recipe):
    """Makes what a training and a selection are made of, to see that it can.

    Each part checks its own numbers.
    """
    front = recipe.front
    recipe.make_sampler(front and load_archs(front, recipe.make_family()))
    recipe.make_optimizer(steps_per_epoch=1)
    StepSettings(**recipe.step_settings())
    make_search(recipe)


def make_search(recipe) -> CoarseToFine:
    """Returns how the children of a recipe are selected."""
    return CoarseToFine(
        mutants=recipe.mutants, seed=recipe.seed, band=recipe.band
    )
