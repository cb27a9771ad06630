"""The folders of the zoo: entries, and recipes with a card of their results."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.zoo import places

FOLDERS = {path.parent for path in places.zoo_folder().glob("*/recipe.py")}
ENTRIES = {path.parent for path in places.zoo_folder().glob("*/model.json")}
SUPERNETS = sorted(
    path for path in ENTRIES if zoo.find_entry(path.name).kind == "supernet"
)
TRAINED = [p.name for p in SUPERNETS if zoo.find_entry(p.name).is_trained]


@pytest.fixture(params=SUPERNETS, ids=lambda path: path.name)
def zoo_entry(request):
    """The folder of an entry that is a supernet."""
    return request.param


@pytest.mark.parametrize(
    "folder", sorted(FOLDERS | ENTRIES), ids=lambda path: path.name
)
def test_every_folder_has_a_card(folder):
    card = (folder / "README.md").read_text("utf-8")
    assert folder.name in card
    assert len(card.split()) > 50


def test_every_entry_has_a_recipe_of_a_known_family(zoo_entry):
    recipe = ke.training.Recipe.from_file(zoo_entry / "recipe.py")
    assert recipe.name == zoo_entry.name
    assert recipe.family in families.names()
    family = recipe.make_family()
    assert family == zoo.find_entry(zoo_entry.name).family
    for flops in recipe.budgets:
        ke.selection.Budget(flops=flops).check_reachable(family, 10)


def test_every_entry_opens(zoo_entry):
    entry = zoo.find_entry(zoo_entry.name)
    assert entry.name == zoo_entry.name
    assert entry.classes == len(entry.class_names) > 1
    assert entry.family.space.size > 1


@pytest.mark.parametrize(
    "folder",
    sorted(ENTRIES - set(SUPERNETS)),
    ids=lambda path: path.name,
)
def test_a_conditional_entry_loads_for_a_mean_budget(folder):
    entry = zoo.find_entry(folder.name)
    assert entry.recipe.name == entry.name == folder.name
    cheap, dear = entry.front.rows[0], entry.front.rows[-1]
    assert cheap.flops < dear.flops
    assert cheap.held_out_top1 < dear.held_out_top1
    model = ke.load(entry.name, flops=cheap.flops)
    images = np.zeros((2, *model.input_shape[1:]), "float32")
    assert model(images).shape == (2, entry.classes)
    assert tuple(model.class_names) == entry.class_names


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_entry_is_whole(name):
    entry = zoo.find_entry(name)
    # Each of these checks the digest of its file.
    entry.supernet()
    assert entry.front.rows
    with np.load(entry.folder / "statistics.npz") as arrays:
        rows = {int(key.split("/")[0]) for key in arrays.files}
    assert rows == set(range(len(entry.front.rows)))


@pytest.mark.parametrize("name", TRAINED)
def test_the_front_of_a_trained_entry(name):
    rows = zoo.find_entry(name).front.rows
    lines = (places.zoo_folder() / name / "front.csv").read_text().splitlines()
    # Reading leaves out what is beaten: there is nothing to leave out.
    assert len(rows) == len(lines) - 1
    assert all(row.test_top1 is not None for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_entry_is_as_accurate_as_it_says(name):
    entry = zoo.find_entry(name)
    if entry.recipe.dataset != "digits":
        pytest.skip("No library carries the data set.")
    test = ke.data.load_dataset("digits").test
    for row in (entry.front.rows[0], entry.front.rows[-1]):
        model = ke.load(name, flops=row.flops)
        accuracy = accuracy_on(test, model, entry.recipe.patch_size)
        # Give or take an image that two programs round differently.
        assert accuracy == pytest.approx(row.test_top1, abs=1.5 / test.size)


def accuracy_on(split, model, patch_size):
    size = model.input_shape[1]
    batches = ke.data.evaluation_batches(
        split, batch_size=256, patch_size=patch_size
    )
    resized = batches.map(lambda images, labels: (resize(images, size), labels))
    return model.evaluate(resized, verbose=0)[1]


def resize(images, size):
    resized = tf.image.resize(images, (size, size), "bicubic", antialias=True)
    return tf.clip_by_value(resized, 0, 255)


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_entry_tells_its_recipe(name):
    recipe = ke.training.Recipe.from_file(places.recipe_file(name))
    assert zoo.find_entry(name).recipe.differences(recipe) == []


@pytest.mark.exhaustive
def test_bignas_without_weights_is_within_its_budget():
    model = ke.load("bignas", flops=400e6, weights=None)
    family = zoo.find_entry("bignas").family
    assert model.input_shape[1] in family.space.resolution
    flops = count_multiply_adds(model)
    assert 300e6 < flops <= 400e6


def count_multiply_adds(model):
    """Counts what the model's layers do, without the library's arithmetic."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            pixels = np.prod(layer.output.shape[1:3])
            total += pixels * np.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Conv2D):
            pixels = np.prod(layer.output.shape[1:3])
            total += pixels * np.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Dense):
            total += np.prod(layer.kernel.shape)
    return int(total)
