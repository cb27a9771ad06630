"""The same pipeline for every backend, and a machine without TensorFlow."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_elastic import data
from keras_elastic.data import packed

ROOT = pathlib.Path(__file__).parents[2]
EVERYWHERE = {
    "AUGMENTATIONS",
    "ArraySplit",
    "ImageDataset",
    "evaluation_batches",
    "load_arrays",
    "load_dataset",
    "naming_corrupt_files",
    "packed",
    "steps_per_epoch",
    "training_batches",
}
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs torch"
)
# As if these libraries were not installed.
BLOCK = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "tensorflow_datasets"]))
"""
TRAIN = """
import runpy
runpy.run_path("train.py", run_name="__main__")
"""
# A space so small that it is trained in seconds.
RECIPE = """
from keras_elastic.families.efficientnet import Stage
from keras_elastic.training import Recipe

recipe = Recipe(
    name="small",
    family="bignas_digits",
    family_changes={
        "resolution": (8, 10),
        "stages": (
            Stage((8, 12), (1,), expand_ratio=(1,)),
            Stage((12, 16), (1, 2), (3, 5), (2,), strides=2),
        ),
    },
    dataset="digits",
    augmentation="shift",
    patch_size=8,
    upscale=True,
    batch_size=32,
    epochs=1,
    learning_rate=0.03,
    budgets=(150e3,),
    limit=80,
    calibration_images=32,
    selection_images=4,
    mutants=1,
)
"""


def run(code, *arguments):
    """What code prints in a new process with the torch backend."""
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def test_public_names():
    assert set(data.__all__) == {*EVERYWHERE, "Split", "center_patch"}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def photos(tmp_path):
    """A folder of noise in files of two sizes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(24):
            noise = rng.integers(0, 256, (12 + number % 2, 10, 3), "uint8")
            image = Image.fromarray(noise)
            image.save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


SAVE_BATCHES = """
import sys
import numpy as np
from keras_elastic import data

def save(folder, path):
    dataset = data.load_dataset(folder)
    arrays = {}
    for augmentation in ("crop_flip", "rand_augment_erase"):
        batches = data.training_batches(
            dataset.train,
            batch_size=8,
            patch_size=9,
            seed=1,
            epoch=2,
            augmentation=augmentation,
            start_batch=2,
        )
        for images, labels in batches:
            arrays[augmentation] = np.array(images)
            arrays["labels of " + augmentation] = np.array(labels)
    [(images, _)] = data.evaluation_batches(
        dataset.test, batch_size=50, patch_size=7
    )
    np.savez(path, **arrays, test=np.array(images))
"""


@needs_torch
@pytest.mark.slow
def test_torch_gets_the_images_that_tensorflow_gets(photos, tmp_path):
    run(f"{SAVE_BATCHES}\nsave(*sys.argv[1:])", photos, tmp_path / "found.npz")
    namespace = {}
    exec(SAVE_BATCHES, namespace)
    namespace["save"](photos, tmp_path / "expected.npz")
    found = np.load(tmp_path / "found.npz")
    expected = np.load(tmp_path / "expected.npz")
    assert set(found) == set(expected)
    assert len(found.files) == 2 * 2 + 1
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@needs_torch
@pytest.mark.exhaustive
def test_torch_trains_from_image_files(recipe, photos, tmp_path):
    (photos / "cat" / "broken.png").write_text("not an image")
    printed = run(
        TRAIN,
        "--backend=torch",
        f"--recipe={recipe}",
        f"--dataset={photos}",
        "--batch_size=16",
        "--skip_corrupt",
        f"--run_dir={tmp_path / 'run'}",
    )
    assert "photos: 34 images to train on" in printed
    assert (tmp_path / "run" / "front.csv").is_file()


DESCRIBE = """
import json
from keras_elastic import data

dataset = data.load_dataset(sys.argv.pop(1), limit=50)
batches = data.training_batches(
    dataset.train,
    batch_size=9,
    patch_size=8,
    seed=0,
    epoch=1,
    augmentation="shift_flip",
)
with data.naming_corrupt_files():
    images, labels = next(iter(batches))
[(test, _)] = data.evaluation_batches(
    dataset.test, batch_size=400, patch_size=8
)
print(json.dumps({
    "names": sorted(data.__all__),
    "augmentations": sorted(data.AUGMENTATIONS),
    "steps": data.steps_per_epoch(dataset.train, 9),
    "shape": images.shape,
    "sum": float(test.sum()),
}))
"""


@needs_torch
@pytest.mark.slow
def test_torch_trains_from_a_packed_set_without_tensorflow(recipe, tmp_path):
    digits = data.load_arrays("digits")
    path = packed.save(digits, tmp_path / "packed" / "scans.npz")
    printed = run(
        BLOCK + DESCRIBE + TRAIN,
        path,
        "--backend=torch",
        f"--recipe={recipe}",
        "--dataset=scans",
        f"--data_dir={path.parent}",
        f"--run_dir={tmp_path / 'run'}",
    )
    described, _, printed = printed.partition("\n")
    assert json.loads(described) == {
        "names": sorted(EVERYWHERE),
        "augmentations": ["crop_flip", "none", "shift", "shift_flip"],
        "steps": 5,
        "shape": [9, 8, 8, 3],
        "sum": float(digits.test.images.sum()),
    }
    assert "digits: 72 images to train on, 8 held out" in printed
    assert (tmp_path / "run" / "front.csv").is_file()
