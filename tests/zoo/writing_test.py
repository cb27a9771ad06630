"""What a run remembers of its recipe and its data."""

import dataclasses
import json

import numpy as np
import pytest
from tiny_entry import RECIPE

from keras_elastic import files
from keras_elastic.data import load_arrays
from keras_elastic.zoo import writing


@pytest.fixture(scope="module")
def dataset():
    return load_arrays("digits", limit=200)


def renamed(dataset):
    names = ("none", *dataset.class_names[1:])
    return dataclasses.replace(dataset, class_names=names)


def relabeled(dataset):
    labels = np.roll(dataset.train.labels, 1)
    train = dataclasses.replace(dataset.train, labels=labels)
    return dataclasses.replace(dataset, train=train)


def smaller(dataset):
    return load_arrays("digits", limit=100)


def begin(folder, dataset):
    """As a run begins, or goes on."""
    writing.remember_data(folder, dataset)
    writing.remember_recipe(folder, RECIPE)


def test_a_run_goes_on_with_its_data(tmp_path, dataset):
    assert not writing.check_data(tmp_path, dataset)
    begin(tmp_path, dataset)
    begin(tmp_path, load_arrays("digits", limit=200))
    assert writing.check_data(tmp_path, dataset)


@pytest.mark.parametrize("change", [renamed, relabeled, smaller])
def test_a_run_does_not_go_on_with_other_data(tmp_path, dataset, change):
    begin(tmp_path, dataset)
    with pytest.raises(ValueError, match="begun on other data") as error:
        begin(tmp_path, change(dataset))
    assert "scores" not in str(error.value)
    assert writing.check_data(tmp_path, dataset)


def test_a_run_of_before_data_were_remembered_goes_on(tmp_path, dataset):
    writing.remember_recipe(tmp_path, RECIPE)
    begin(tmp_path, dataset)
    assert not writing.check_data(tmp_path, dataset)


def test_what_is_remembered_is_verified(tmp_path, dataset):
    begin(tmp_path, dataset)
    path = tmp_path / "data.json"
    path.write_text(path.read_text().replace("1", "2"))
    with pytest.raises(ValueError, match="data.json' is damaged"):
        writing.check_data(tmp_path, dataset)
    files.digest_file(path).unlink()
    path.write_text("{}")
    with pytest.raises(ValueError, match="must say what the data"):
        writing.check_data(tmp_path, dataset)


def test_a_recipe_that_was_changed(tmp_path):
    writing.remember_recipe(tmp_path, RECIPE)
    path = tmp_path / "recipe.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(ValueError, match="recipe.json' is damaged"):
        writing.remember_recipe(tmp_path, RECIPE)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"name": "a"}', '{"epochs": NaN}', '{"kind": []}']
)
def test_a_recipe_that_is_none(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError, match="recipe"):
        writing.remember_recipe(tmp_path, RECIPE)


def test_the_recipe_of_an_entry_changes_with_it_only(tmp_path, written):
    folder = tmp_path / "run"
    written.write(folder)
    before = (folder / "recipe.json").read_text()
    writing.remember_recipe(folder, RECIPE.replace(mutants=1))
    assert (folder / "recipe.json").read_text() == before
    assert json.loads(before)["mutants"] == RECIPE.mutants


def test_statistics_that_are_not_finite_are_no_entry(tmp_path, written):
    broken = [dict(values) for values in written.statistics]
    name = next(iter(broken[1]))
    broken[1][name] = np.full_like(broken[1][name], np.nan)
    with pytest.raises(ValueError, match=f"'1/{name}'"):
        dataclasses.replace(written, statistics=broken).write(tmp_path / "a")
    assert not (tmp_path / "a").exists()
