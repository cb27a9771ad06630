import json

import pytest

from keras_elastic.conditional import BasisNetRecipe
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.training import Recipe
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.training.training_recipe import recipe_from_json

SHARED = {
    "name": "one",
    "dataset": "digits",
    "patch_size": 8,
    "batch_size": 4,
    "epochs": 2,
    "learning_rate": 0.1,
}
RECIPES = [
    Recipe(**SHARED, family="bignas_digits", budgets=(1e6,)),
    BasisNetRecipe(**SHARED, resolution=16, budgets=(1e6, 2e6)),
    DSNetRecipe(**SHARED, family="ds_mobilenet_cifar10", budgets=(1e6,)),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.kind)
def test_json_keeps_the_kind(recipe):
    again = recipe_from_json(recipe.to_json())
    assert type(again) is type(recipe)
    assert again == recipe


def test_recipes_without_a_kind_are_of_supernets():
    values = json.loads(RECIPES[0].to_json())
    del values["kind"]
    assert recipe_from_json(json.dumps(values)) == RECIPES[0]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Received: kind='transformer'"):
        recipe_from_json('{"kind": "transformer"}')


def test_recipes_of_two_kinds_differ():
    [difference] = RECIPES[0].differences(RECIPES[1])
    assert "'basisnet' there, 'supernet' here" in difference


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.kind)
def test_a_file_holds_a_recipe_of_any_kind(tmp_path, recipe):
    path = tmp_path / "recipe.py"
    path.write_text(
        "from keras_elastic.training.training_recipe import recipe_from_json\n"
        f"recipe = recipe_from_json({recipe.to_json()!r})\n"
    )
    assert TrainingRecipe.from_file(path) == recipe
