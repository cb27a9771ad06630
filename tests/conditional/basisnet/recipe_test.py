"""Tests of `conditional/basisnet/network_recipe.py`, too."""

import json

import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic.conditional import BasisNetRecipe

RECIPE = BasisNetRecipe(
    name="one",
    dataset="digits",
    network="basisnet_mobilenet_v2",
    resolution=16,
    width=35,
    light_resolution=8,
    light_width=35,
    num_bases=3,
    first_basis_block=16,
    patch_size=8,
    batch_size=4,
    epochs=2,
    learning_rate=0.1,
    preheat_epochs=1.5,
    preheat_decay_epochs=2.0,
    basis_dropout=0.25,
    light_weight=0.5,
)


@pytest.fixture(scope="module")
def model():
    return RECIPE.make_model(classes=5)


def test_the_model_is_the_variant(model):
    assert model.num_bases == 3
    assert tuple(model.basis_blocks) == (16, 17)
    assert (model.specialist.resolution, model.light.resolution) == (16, 8)
    assert model.output_shape == (None, 5)


def test_what_is_none_is_published():
    options = RECIPE.replace(num_bases=None, width=None).options()
    assert "num_bases" not in options and "width" not in options
    assert options["resolution"] == 16


def test_the_task_counts_in_steps(model):
    task = RECIPE.make_task(model, steps_per_epoch=10)
    assert (task.preheat_steps, task.decay_steps) == (15, 20)
    assert (task.basis_dropout, task.light_weight) == (0.25, 0.5)
    assert [task.epsilon(step) for step in (14, 25, 35)] == [1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"budgets": (0.0,)}, "positive budgets"),
        ({"tolerance": -0.1}, "`tolerance`"),
        ({"preheat_epochs": -1.0}, "`preheat_epochs`"),
        ({"epochs": 0}, "needs positive.*epochs"),
        ({"optimizer": "adam"}, "`optimizer`.*must be one of"),
    ],
)
def test_wrong_values(changes, message):
    with pytest.raises(ValueError, match=message):
        RECIPE.replace(**changes)


def test_a_network_that_does_not_exist():
    with pytest.raises(ValueError, match="Received: name='basisnet_vgg'"):
        RECIPE.replace(network="basisnet_vgg").make_model(classes=2)


def test_any_two_networks_of_the_families():
    digits = {"family": "bignas_digits"}
    plans = RECIPE.replace(
        network="plans",
        light=digits,
        specialist=digits,
        first_basis_block=7,
        last_basis_block=8,
    )
    assert tuple(plans.make_model(classes=5).basis_blocks) == (7, 8)
    with pytest.raises(ValueError, match="needs .'light'"):
        plans.replace(light=None).make_model(classes=5)
    with pytest.raises(ValueError, match="with a 'family'.*'name'"):
        plans.replace(light={"name": "bignas"}).make_model(classes=5)


DIGITS = ke.zoo.find_entry("bignas_digits")


def of_digits(**changes):
    child = {"entry": "bignas_digits", "genes": genes(DIGITS.family.space)}
    return RECIPE.replace(
        **{
            "network": "children",
            "light": child,
            "specialist": child,
            "first_basis_block": 2,
            "last_basis_block": 3,
            **changes,
        }
    )


def genes(space):
    return json.loads(space.smallest.to_json())


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_children_begin_with_their_weights(noise):
    """Without noise the specialist is the child, whatever is mixed."""
    model = of_digits(noise=noise).make_model(classes=10)
    child = DIGITS.child(DIGITS.family.space.smallest)
    images = np.random.default_rng(0).uniform(
        0, 255, (8, *child.input_shape[1:])
    )
    _, coefficients = model.preview(images)
    actual = model.specialize(images, coefficients)
    expected = child(images)
    difference = np.abs(np.subtract(actual, expected)).max()
    assert (difference < 1e-4 * np.abs(expected).max()) == (noise == 0)


def test_children_that_do_not_fit():
    with pytest.raises(ValueError, match="as many classes"):
        of_digits().make_model(classes=5)
    with pytest.raises(ValueError, match="'entry' and 'genes'"):
        of_digits(light={"family": "bignas_digits"}).make_model(classes=10)
    with pytest.raises(ValueError, match="`noise`"):
        of_digits(noise=-1)
