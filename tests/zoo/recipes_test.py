import pytest

from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.data import load_dataset
from keras_elastic.selection import Budget
from keras_elastic.selection import QueryTableSearch
from keras_elastic.selection.searches.query_table import configurations
from keras_elastic.spaces import costs
from keras_elastic.training import Run
from keras_elastic.training.training_recipe import TrainingRecipe
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


@pytest.mark.parametrize("name", ["bignas", "ds_mobilenet_cifar10"])
def test_a_smoke_run_reads_few_images(name):
    recipe = zoo.read_recipe(name, {"batch_size": 128}, smoke=True)
    assert recipe.limit <= 1000 and recipe.test_limit <= 1000
    # Nine tenths are trained on: whole batches, of every phase.
    phases = getattr(recipe, "phase_recipes", lambda: [recipe])()
    for phase in phases:
        assert 2 <= phase.count_steps(recipe.limit * 9 // 10 // 128) <= 3


def test_a_smoke_run_keeps_smaller_limits():
    changes = {"limit": 150, "test_limit": 20}
    recipe = zoo.read_recipe("bignas_digits", changes, smoke=True)
    assert (recipe.limit, recipe.test_limit) == (150, 20)


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
        ({"sampler": "fair", "num_random": 2}, "`num_random`.*`fair`"),
        ({"label_weight": 0.0}, "`label_weight`"),
        ({"evaluation_crop": 1.5}, "`evaluation_crop`"),
        ({"drop_path": 1.0}, "`drop_path`"),
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


def test_a_mutual_recipe_selects_from_the_whole_query_table():
    recipe = zoo.read_recipe("mutualnet_mobilenet_v1_imagenet", {})
    assert recipes.is_mutual(recipe)
    search = recipes.make_search(recipe)
    assert search == QueryTableSearch(levels=16, whole=True)
    family = recipe.make_family()
    archs = configurations(family.space, search.levels)
    assert len(archs) == 64 < family.space.size
    assert family.plan(archs[0], 1000).resize == "bilinear"
    assert not recipes.is_mutual(zoo.read_recipe("bignas_digits", {}))


def test_what_a_phase_draws_from_a_front_is_selected_from():
    changes = {"drawn_from": "bignas_digits", "training_resolutions": (12,)}
    recipe = zoo.read_recipe("bignas_digits", changes)
    also = recipes.make_search(recipe).also
    front = [row.arch for row in zoo.find_entry("bignas_digits").front.rows]
    assert set(also) == {arch for arch in front if arch.resolution == 12}
    assert 0 < len(also) < len(front)
    assert not recipes.make_search(zoo.read_recipe("bignas_digits", {})).also


@pytest.mark.parametrize(
    "name, flops, rows",
    [
        ("us_mobilenet_v1_imagenet", 568.74e6, 76),
        ("mutualnet_mobilenet_v1_imagenet", 568.74e6, 64),
        ("mutualnet_mobilenet_v2_imagenet", 300.77e6, 28),
        ("mutualnet_mobilenet_v1_wide_imagenet", 4.521e9, 84),
        ("mutualnet_vgg16_imagenet", 15.37e9, 64),
    ],
)
def test_recipes_of_mutualnet_and_what_it_is_measured_by(name, flops, rows):
    recipe = zoo.read_recipe(name, {})
    family = recipe.make_family()
    recipe.check(1000, None)
    largest = family.plan(family.space.largest, 1000)
    assert costs(largest).flops == pytest.approx(flops, rel=1e-3)
    assert len(configurations(family.space, recipe.table_levels)) == rows
    for budget in recipe.budgets:
        Budget(budget).check_reachable(family, 1000)


def test_recipes_for_imagenet_crop_what_they_evaluate_on():
    found = [
        TrainingRecipe.from_file(path)
        for path in places.recipe_file("bignas_imagenet").parent.glob("*.py")
    ]
    of_imagenet = [r for r in found if r.dataset == "imagenet2012"]
    assert len(of_imagenet) > 10
    assert {r.evaluation_crop for r in of_imagenet} == {0.875}
    assert "zero_gamma" in str(
        [r.family_changes for r in found if r.name.startswith("us_")]
    )


def test_a_name_that_is_nearly_right():
    with pytest.raises(ValueError, match="Did you mean 'bignas_cifar10'?"):
        recipes.read_recipe("bignas_cifr10", {})


def test_the_next_command_fits_what_was_trained(tmp_path):
    # A CondConv net is no entry; it is one model.
    assert "keras.saving.load_model" in recipes.next_command(tmp_path)
