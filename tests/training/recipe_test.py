import dataclasses
import inspect
import json

import pytest

from keras_elastic import zoo
from keras_elastic.training import Recipe
from keras_elastic.training.ingredients import NAMES
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.training.training_recipe import recipe_from_json
from keras_elastic.zoo import places

RECIPE = Recipe(
    name="mine",
    family="bignas_digits",
    dataset="digits",
    patch_size=8,
    batch_size=64,
    epochs=2,
    learning_rate=0.1,
    budgets=(1e6, 2e6),
)
IN_PHASES = RECIPE.replace(
    keep_largest={"width": 2},
    phases=(
        {"name": "first", "keep_largest": {"depth": 1}},
        {"name": "second", "epochs": 9, "sort_channels": True},
    ),
)


# JSON


@pytest.mark.parametrize("recipe", [RECIPE, IN_PHASES])
def test_survives_json(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_tuples_survive_json():
    recipe = RECIPE.replace(training_resolutions=(8, 10))
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.training_resolutions == (8, 10)


def test_what_an_older_file_lacks_is_the_default():
    values = json.loads(RECIPE.to_json())
    required = {
        field.name
        for field in dataclasses.fields(Recipe)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    }
    old = {key: value for key, value in values.items() if key in required}
    assert len(old) < len(values)
    assert Recipe.from_json(json.dumps(old)) == RECIPE


def test_recipes_of_trained_entries_load():
    names = [
        name for name in zoo.entry_names() if zoo.find_entry(name).is_trained
    ]
    assert names
    for name in names:
        assert zoo.find_entry(name).recipe.name == name


def test_differences_name_the_fields():
    other = RECIPE.replace(seed=5, epochs=9)
    assert RECIPE.differences(RECIPE) == []
    assert RECIPE.differences(other) == [
        "`epochs` is 9 there and 2 here",
        "`seed` is 5 there and 0 here",
    ]


def test_tuples_and_lists_do_not_differ():
    changed = RECIPE.replace(family_changes={"resolution": (8, 12)})
    assert changed.differences(Recipe.from_json(changed.to_json())) == []


# What it makes


def test_family_takes_the_changes():
    recipe = RECIPE.replace(family_changes={"resolution": (8, 12)})
    assert recipe.make_family().space.resolution == (8, 12)


def test_what_initial_weights_are_called():
    assert RECIPE.initial_name is None
    assert RECIPE.replace(initial="a_run").initial_name == "a_run"
    assert RECIPE.replace(initial="random").initial_name is None
    elastic = RECIPE.replace(family="elastic:model.keras")
    assert elastic.initial_name == "model.keras"
    assert elastic.replace(initial="a.keras").initial_name == "a.keras"
    assert elastic.replace(initial="random").initial_name is None


def test_optimizer_follows_the_schedule():
    recipe = RECIPE.replace(warmup_epochs=1.0, decay_epochs=2.0)
    optimizer = recipe.make_optimizer(steps_per_epoch=10)
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert schedule["warmup_steps"] == 10
    assert schedule["decay_steps"] == 20.0
    assert optimizer.rho == optimizer.momentum == 0.9


def test_every_field_is_documented():
    documented = "".join(
        inspect.getdoc(table).split("Raises:")[0]
        for table in (Recipe, Recipe.__base__)
    )
    for field in dataclasses.fields(Recipe):
        assert f"\n    {field.name}: " in documented


# Phases


def test_a_recipe_without_phases_is_one():
    assert RECIPE.phase_recipes() == [RECIPE]


def test_phases_change_the_recipe():
    first, second = IN_PHASES.phase_recipes()
    assert (first.name, second.name) == ("first", "second")
    assert (first.epochs, second.epochs) == (2, 9)
    assert first.keep_largest == {"depth": 1}
    assert second.keep_largest == {"width": 2}
    assert (first.sort_channels, second.sort_channels) == (False, True)
    assert first.phases == second.phases == ()


@pytest.mark.parametrize(
    "phase, named",
    [
        ({"name": "one", "epoch": 3}, r"\['epoch'\] are unknown"),
        ({"epochs": 3}, "must have a `name`"),
        ({"name": "one", "phases": ()}, "must have a `name`"),
        ({"name": "one", "sampler": "all"}, "`sampler` of the recipe 'one'"),
        ({"name": "one", "epochs": 0}, "'one' needs positive.*epochs"),
    ],
)
def test_a_wrong_phase_is_refused(phase, named):
    with pytest.raises(ValueError, match=named):
        RECIPE.replace(phases=({"name": "right"}, phase))


# Wrong values


def test_all_wrong_numbers_are_named():
    with pytest.raises(ValueError, match="batch_size.*epochs"):
        RECIPE.replace(batch_size=0, epochs=-1)
    with pytest.raises(ValueError, match="budgets"):
        RECIPE.replace(budgets=(1e6, 0))
    with pytest.raises(ValueError, match="budgets"):
        RECIPE.replace(budgets=())


@pytest.mark.parametrize("field", NAMES)
def test_unknown_names_are_refused_with_the_list(field):
    with pytest.raises(ValueError) as error:
        RECIPE.replace(**{field: "best"})
    message = str(error.value)
    assert f"`{field}` of the recipe 'mine' must be one of" in message
    assert f"{field}='best'" in message
    assert all(repr(name) in message for name in NAMES[field])


@pytest.mark.parametrize("field", NAMES)
def test_all_known_names_are_taken(field):
    for name in NAMES[field]:
        assert getattr(RECIPE.replace(**{field: name}), field) == name


def test_a_resolution_above_the_patch_is_refused():
    largest = max(RECIPE.make_family().space.resolution)
    RECIPE.replace(patch_size=largest).check_resolutions()
    small = RECIPE.replace(patch_size=largest - 1)
    with pytest.raises(ValueError, match="`patch_size`, or `upscale=True`"):
        small.check_resolutions()
    small.replace(upscale=True).check_resolutions()


def test_training_resolutions_must_be_the_familys():
    resolutions = RECIPE.make_family().space.resolution
    recipe = RECIPE.replace(patch_size=64, training_resolutions=resolutions[:1])
    recipe.check_resolutions()
    wrong = recipe.replace(training_resolutions=(resolutions[0], 63))
    with pytest.raises(ValueError, match=r"`training_resolutions`.*63\)"):
        wrong.check_resolutions()


# Files


def test_a_file_holds_a_recipe(tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text(
        "from keras_elastic.training import Recipe\n"
        f"recipe = Recipe.from_json({RECIPE.to_json()!r})\n"
    )
    assert Recipe.from_file(path) == RECIPE


def test_a_file_without_a_recipe_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        Recipe.from_file(tmp_path / "none.py")
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(ValueError, match="must assign a `Recipe`"):
        Recipe.from_file(empty)


FILES = sorted(
    path
    for pattern in ("*/recipe.py", "recipes/*.py")
    for path in places.zoo_folder().glob(pattern)
)


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_recipes_of_the_zoo(path):
    recipe = TrainingRecipe.from_file(path)
    assert places.recipe_file(recipe.name) == path
    assert recipe_from_json(recipe.to_json()).differences(recipe) == []
    recipe.make_optimizer(steps_per_epoch=10)
    if not isinstance(recipe, Recipe):
        return
    recipe.check_resolutions()
    for phase in recipe.phase_recipes():
        phase.make_sampler()
        phase.make_objective()
        phase.make_optimizer(steps_per_epoch=10)
    phases = recipe.phase_recipes()
    assert recipe.epochs == sum(phase.epochs for phase in phases)


# Steps


def test_an_epoch_is_all_batches_unless_it_is_said():
    assert RECIPE.count_steps(5) == 5
    assert RECIPE.replace(steps_per_epoch=3).count_steps(5) == 3


@pytest.mark.parametrize("steps", [6, 0, -1])
def test_more_steps_than_batches_are_refused(steps):
    with pytest.raises(ValueError, match="`steps_per_epoch`.*must be"):
        RECIPE.replace(steps_per_epoch=steps).count_steps(5)


def test_steps_of_a_phase_are_checked_too():
    recipe = RECIPE.replace(phases=({"name": "one", "steps_per_epoch": 9},))
    with pytest.raises(ValueError, match="of the recipe 'one'.*Received: 9"):
        recipe.count_steps(5)


def test_what_only_selects_is_no_difference():
    other = RECIPE.replace(mutants=1, band=0.5, selection_images=9)
    assert RECIPE.differences(other) == []
    assert RECIPE.differences(RECIPE.replace(steps_per_epoch=2)) != []
