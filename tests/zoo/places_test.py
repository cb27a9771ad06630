import pytest

from keras_elastic import zoo
from keras_elastic.zoo import places


def test_entry_names():
    names = zoo.entry_names()
    assert "bignas_digits" in names
    assert names == tuple(sorted(names))
    for name in names:
        assert (places.zoo_folder() / name / "model.json").is_file()
        assert zoo.find_entry(name).folder == places.zoo_folder() / name


def test_recipe_file():
    path = places.recipe_file("bignas_digits")
    assert path == places.zoo_folder() / "bignas_digits" / "recipe.py"
    assert path.is_file()


@pytest.mark.parametrize("name", ["resnet50", "", "../zoo"])
def test_an_unknown_recipe_lists_what_there_is(name):
    with pytest.raises(ValueError, match=f"Received: {name!r}") as error:
        places.recipe_file(name)
    for known in ("bignas", "bignas_digits"):
        assert repr(known) in str(error.value)


def test_recipes_without_an_entry_are_found_too():
    folder = places.zoo_folder() / "recipes"
    for path in folder.glob("[!_]*.py"):
        assert places.recipe_file(path.stem) == path
