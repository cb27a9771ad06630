import pytest

from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.data import load_dataset
from keras_elastic.selection import Budget
from keras_elastic.training import Run
from keras_elastic.zoo import places
from keras_elastic.zoo import recipes


def test_a_recipe_of_the_zoo():
    recipe = zoo.read_recipe("bignas_digits", {})
    assert recipe.name == "bignas_digits"
    assert zoo.read_recipe(places.recipe_file("bignas_digits"), {}) == recipe


def test_another_family_has_its_own_name_changes_and_budgets():
    recipe = zoo.read_recipe("bignas_digits", {"family": "bignas_cifar10"})
    assert recipe.name == "bignas_cifar10_digits"
    assert recipe.family_changes == {}
    assert recipe.budgets == recipes.spread_budgets("bignas_cifar10")


def test_other_data_have_another_name():
    recipe = zoo.read_recipe("basisnet_cifar10", {"dataset": "a/photos"})
    assert recipe.name == "basisnet_cifar10_photos"


@pytest.mark.parametrize(
    "name", ["bignas_digits", "basisnet_cifar10", "ds_mobilenet_cifar10"]
)
def test_a_smoke_run_is_short(name):
    recipe = zoo.read_recipe(name, {}, smoke=True)
    assert (recipe.name, recipe.epochs) == (f"{name}_smoke", 2)


@pytest.mark.parametrize(
    "name,field",
    [
        ("bignas_digits", "num_bases"),
        ("basisnet_cifar10", "mutants"),
        ("ds_mobilenet_cifar10", "light_weight"),
    ],
)
def test_fields_of_another_kind_are_refused(name, field):
    with pytest.raises(ValueError, match=f"has no .'{field}'"):
        zoo.read_recipe(name, {field: 3})


def test_budgets_are_spread_over_the_range():
    for name in families.names():
        budgets = recipes.spread_budgets(name)
        assert list(budgets) == sorted(budgets)
        for flops in budgets:
            Budget(flops).check_reachable(families.get(name), 10)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"sampler": "mutual", "same_resolution": True}, "`same_resolution`"),
        ({"num_random": -1}, "`num_random`"),
        ({"mutants": -1}, "`mutants`"),
        ({"band": 3.0}, "`band`"),
        ({"clip_norm": -1.0}, "`clip_norm`"),
        ({"label_smoothing": 2.0}, "`label_smoothing`"),
        ({"steps_per_epoch": -1}, "`steps_per_epoch`"),
        ({"objective": "ensemble_bootstrapping"}, "`ema_momentum`"),
    ],
)
def test_what_is_wrong_shows_before_the_training(changes, words, tmp_path):
    run = Run(dataset=load_dataset("digits"), folder=tmp_path)
    with pytest.raises(ValueError, match=words):
        recipe = zoo.read_recipe("bignas_digits", changes)
        recipes.check_recipe(recipe, run)


def test_a_name_that_is_nearly_right():
    with pytest.raises(ValueError, match="Did you mean 'bignas_cifar10'?"):
        recipes.read_recipe("bignas_cifr10", {})


def test_the_next_command_fits_what_was_trained(tmp_path):
    # A CondConv net is no entry; it is one model.
    assert "keras.saving.load_model" in recipes.next_command(tmp_path)
