"""The kinds of recipes, and recipes of any kind in files."""

import json

from keras_elastic.training.basisnet_recipe import BasisNetRecipe
from keras_elastic.training.dsnet_recipe import DSNetRecipe
from keras_elastic.training.recipe import Recipe
from keras_elastic.training.training_recipe import TrainingRecipe

KINDS = {kind.kind: kind for kind in (Recipe, BasisNetRecipe, DSNetRecipe)}


def recipe_from_json(text: str) -> TrainingRecipe:
    """Makes a recipe of any kind from what its `to_json` returned.

    Raises:
        ValueError: The kind is unknown.
    """
    kind = json.loads(text).get("kind", Recipe.kind)
    if kind not in KINDS:
        raise ValueError(
            f"A recipe must be of one of the kinds {sorted(KINDS)}. "
            f"Received: kind={kind!r}."
        )
    return KINDS[kind].from_json(text)
