"""Files of an earlier version load, and its runs go on as they would have.

`written_before/` was written by version 0.1.0 before the package's files were
moved: classes that were registered keep their names, checkpoints their keys,
recipes their fields.
"""

import functools
import pathlib
import shutil

import contracts
import dsnet_models
import keras
import numpy as np
import pytest
from training import processes

import keras_elastic as ke
from keras_elastic.training.training_recipe import recipe_from_json

SMALL = contracts.random_images(4, 12)
FOLDER = pathlib.Path(__file__).parent / "written_before"


@pytest.mark.parametrize(
    "name, load, images",
    [
        (
            "child.keras",
            # Keras warns that the optimizer's state was not saved.
            functools.partial(keras.models.load_model, compile=False),
            SMALL,
        ),
        (
            "basisnet.keras",
            keras.models.load_model,
            contracts.random_images(4, 10),
        ),
        ("dsnet.keras", keras.models.load_model, dsnet_models.make_images(4)),
        ("preset", ke.load, SMALL),
        ("entry", functools.partial(ke.load, params=1e9), SMALL),
    ],
)
def test_a_model_computes_what_it_did(name, load, images):
    found = load(FOLDER / name).predict(images, verbose=0)
    with np.load(FOLDER / "predictions.npz") as expected:
        expected = expected[name.removesuffix(".keras")]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_supernet_loads():
    supernet = keras.models.load_model(FOLDER / "supernet.keras")
    assert isinstance(supernet, ke.Supernet)
    assert supernet.count_params() == 2889


def test_an_entry_gives_its_supernet():
    supernet = ke.load_supernet(FOLDER / "entry")
    assert supernet.classes == 4


@pytest.mark.parametrize("path", sorted((FOLDER / "recipes").iterdir()))
def test_a_recipe_is_read(path):
    recipe = recipe_from_json(path.read_text("utf-8"))
    assert recipe.name == path.stem
    assert recipe_from_json(recipe.to_json()) == recipe


RUNS = ("supernet", "basisnet", "gates")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, resumed",
    [
        *((name, True) for name in RUNS),
        # What the second half of a run computes, the first half computes too.
        # Replicas train alike in `training/one_training_test.py`.
        *(
            pytest.param(name, resumed, marks=pytest.mark.exhaustive)
            for name, resumed in (
                ("two_replicas", True),
                *((name, False) for name in (*RUNS, "two_replicas")),
            )
        ),
    ],
)
def test_a_run_ends_with_the_same_weights(name, resumed, tmp_path):
    before = FOLDER / name
    if resumed:
        shutil.copy(before / "step-4.npz", tmp_path)
    processes.finish(processes.start("recorded_run.py", tmp_path, name))
    found = processes.weights_in(tmp_path / "final.npz")
    expected = processes.weights_in(before / "final.npz")
    # Another processor than that of then rounds otherwise, in eight steps.
    processes.assert_close(found, expected, most=1e-4)
