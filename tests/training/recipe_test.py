import pytest

from keras_elastic.training import Recipe

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


def test_survives_json():
    assert Recipe.from_json(RECIPE.to_json()) == RECIPE


def test_family_takes_the_changes():
    recipe = RECIPE.replace(family_changes={"resolution": (8, 12)})
    assert recipe.make_family().space.resolution == (8, 12)


def test_optimizer_follows_the_schedule():
    recipe = RECIPE.replace(warmup_epochs=1.0, decay_epochs=2.0)
    optimizer = recipe.make_optimizer(steps_per_epoch=10)
    schedule = optimizer.get_config()["learning_rate"]["config"]
    assert schedule["warmup_steps"] == 10
    assert schedule["decay_steps"] == 20.0
    assert optimizer.rho == optimizer.momentum == 0.9


def test_differences_name_the_fields():
    other = RECIPE.replace(seed=5, epochs=9)
    assert RECIPE.differences(RECIPE) == []
    assert RECIPE.differences(other) == [
        "`epochs` is 9 there and 2 here",
        "`seed` is 5 there and 0 here",
    ]


def test_all_wrong_numbers_are_named():
    with pytest.raises(ValueError, match="batch_size.*epochs"):
        RECIPE.replace(batch_size=0, epochs=-1)
    with pytest.raises(ValueError, match="budgets"):
        RECIPE.replace(budgets=(1e6, 0))


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
