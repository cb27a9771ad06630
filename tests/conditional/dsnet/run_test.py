"""How a run of a DS-Net divides its images; the rest needs whole runs.

Those are in `train_conditional_test.py`.
"""

import numpy as np
import pytest
from conditional.dsnet.recipe_test import RECIPE

from keras_elastic import data
from keras_elastic.conditional.dsnet.run import DSNetTraining
from keras_elastic.conditional.dsnet.run import divide_run
from keras_elastic.training import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    dataset = data.load_arrays("digits", limit=200)
    return Run(dataset=dataset, folder=tmp_path_factory.mktemp("run"))


def test_both_learn_from_all_images(run):
    assert divide_run(run, RECIPE) == (run, run)


def test_gates_have_images_that_the_supernet_does_not_see(run):
    recipe = RECIPE.replace(gate_images=50)
    training = DSNetTraining(recipe, run)
    seen, kept = (
        {image.tobytes() for image in part.dataset.train.images}
        for part in (training.phases.run, training.gate_run)
    )
    assert len(kept) == 50
    assert not seen & kept
    whole = run.dataset.train.images
    assert seen | kept == {image.tobytes() for image in whole}
    # Those that select and report are the same.
    held_out = training.gate_run.dataset.held_out.images
    np.testing.assert_array_equal(held_out, run.dataset.held_out.images)


def test_an_epoch_of_the_gates_is_all_their_images(run):
    recipe = RECIPE.replace(gate_images=50)
    _, of_gates = divide_run(run, recipe)
    assert of_gates.steps_per_epoch(recipe.gate_recipe()) == 50 // 4
    # What tells how long a run will take asks the run of all images.
    assert run.steps_per_epoch(recipe.gate_recipe()) == 50 // 4


@pytest.mark.parametrize("count", [180, 1000])
def test_images_are_left_to_the_supernet(count, run):
    with pytest.raises(ValueError, match="`gate_images`.*180.*Received"):
        DSNetTraining(RECIPE.replace(gate_images=count), run)


@pytest.mark.parametrize("count", [1, 3, -1, 2.5])
def test_gates_need_a_batch_of_images(count):
    with pytest.raises(ValueError, match="gate_images"):
        RECIPE.replace(gate_images=count)


def test_what_counts_steps_says_so_too(run):
    """It comes before the training is made."""
    recipe = RECIPE.replace(gate_images=1000)
    for part in (recipe, recipe.gate_recipe()):
        with pytest.raises(ValueError, match="`gate_images`.*1000.*Lower"):
            run.steps_per_epoch(part)
