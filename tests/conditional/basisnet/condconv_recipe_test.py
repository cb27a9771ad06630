import math

import basisnet_tiny
import numpy as np
import pytest

from keras_elastic.conditional import CondConvNet
from keras_elastic.conditional import CondConvRecipe
from keras_elastic.conditional.basisnet.condconv_recipe import CondConvTask
from keras_elastic.training.training_recipe import recipe_from_json
from keras_elastic.zoo import read_recipe

RECIPE = CondConvRecipe(
    name="one",
    dataset="digits",
    resolution=16,
    width=35,
    num_bases=2,
    first_basis_block=15,
    patch_size=8,
    batch_size=4,
    epochs=2,
    learning_rate=0.1,
)


def test_the_model_is_the_variant():
    model = RECIPE.make_model(classes=5)
    assert (model.num_bases, tuple(model.basis_blocks)) == (2, (15,))
    assert model.output_shape == (None, 5)
    assert model.input_shape == (None, 16, 16, 3)
    assert list(model.dropouts.values())[0][0] == 0.25


def test_a_recipe_survives_json():
    assert recipe_from_json(RECIPE.to_json()) == RECIPE
    assert RECIPE.options().keys().isdisjoint({"last_basis_block"})


def test_the_recipe_of_the_zoo():
    recipe = read_recipe("condconv_mobilenet_v3_large", {})
    assert recipe.network == "condconv_mobilenet_v3_large"
    assert recipe.options()["num_bases"] == 16


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"network": "basisnet_mobilenet_v3"}, "`network`.*'condconv_'"),
        ({"network": "condconv_vgg"}, "`network`.*'condconv_vgg'"),
        ({"first_basis_block": 16}, "`network`.*`basis_blocks`"),
    ],
)
def test_wrong_networks(changes, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        RECIPE.replace(**changes).check(5, None)


@pytest.mark.parametrize(
    "changes, message",
    [({"dropout": 1.5}, "`dropout`"), ({"width": 0}, "`width`")],
)
def test_wrong_values(changes, message):
    with pytest.raises(ValueError, match=message):
        RECIPE.replace(**changes)


# The task


def batch_of(model, images):
    labels = np.arange(len(images)) % model.classes
    masks = {
        name: np.ones((len(images), features), "float32")
        for name, (_, features) in model.dropouts.items()
    }
    return {
        "images": images,
        "targets": np.eye(model.classes, dtype="float32")[labels],
        "labels": labels,
        "masks": masks,
    }


def test_it_learns_labels_or_a_teacher():
    model = CondConvNet(basisnet_tiny.plans()[1], 2, (3, 5))
    batch = batch_of(model, basisnet_tiny.images(6))
    loss, metrics = CondConvTask(model).loss(batch)
    logits = np.asarray(model.run(batch["images"], True, batch["masks"]))
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(chances[np.arange(6), batch["labels"]])
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    hits = logits.argmax(-1) == batch["labels"]
    np.testing.assert_array_equal(metrics["accuracy"], hits)
    # A teacher without an opinion: the mean of all classes.
    task = CondConvTask(model, lambda images: np.zeros((6, model.classes)))
    taught, _ = task.loss(batch)
    np.testing.assert_allclose(taught, -np.log(chances).mean(-1), rtol=1e-4)
    assert task.chance() == math.log(model.classes)
