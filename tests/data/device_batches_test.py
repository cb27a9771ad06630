import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_elastic.data.array_splits import ArraySplit
from keras_elastic.data.device_batches import array_batches
from keras_elastic.data.device_batches import evaluation_arrays

AUGMENTATIONS = ("none", "shift", "shift_flip", "crop_flip")
all_augmentations = pytest.mark.parametrize("augmentation", AUGMENTATIONS)


def numbered_split(size=50, image_size=(8, 8)):
    """Noise whose labels number the images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [size, *image_size, 3], dtype="uint8")
    return ArraySplit(images, np.arange(size))


def train(split, **kwargs):
    arguments = {"batch_size": 8, "patch_size": 8, "seed": 3, "epoch": 2}
    return array_batches(split, **(arguments | kwargs))


def read(batches):
    return [
        (ops.convert_to_numpy(images), ops.convert_to_numpy(labels))
        for images, labels in batches
    ]


def labels(batches):
    return [int(label) for _, batch in read(batches) for label in batch]


def assert_equal_batches(first, second):
    assert len(first) == len(second)
    for (images, numbers), (other_images, other_numbers) in zip(
        first, second, strict=True
    ):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(numbers, other_numbers)


@all_augmentations
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (30, 20)])
def test_shape_type_and_range(augmentation, size):
    split = numbered_split(20, size)
    batches = train(split, augmentation=augmentation, patch_size=6)
    assert len(batches) == 2
    for images, numbers in batches:
        assert ops.is_tensor(images) and ops.is_tensor(numbers)
        assert tuple(images.shape) == (8, 6, 6, 3)
        assert ops.dtype(images) == "float32"
        assert ops.dtype(numbers) == "int64"
        assert ops.min(images) >= 0 and ops.max(images) <= 255


def test_every_image_appears_once_in_an_epoch():
    assert sorted(labels(train(numbered_split(48)))) == list(range(48))
    with_remainder = labels(train(numbered_split(50)))
    assert len(set(with_remainder)) == len(with_remainder) == 48


@pytest.mark.parametrize("augmentation", ["none", "shift"])
def test_images_keep_their_labels(augmentation):
    split = numbered_split(image_size=(16, 16))
    batches = train(split, patch_size=16, augmentation=augmentation)
    for images, numbers in read(batches):
        # Shifts are by two pixels: the middle shows one of 25 places.
        for image, number in zip(images, numbers, strict=True):
            middles = [
                split.images[number, top : top + 8, left : left + 8]
                for top in range(2, 7)
                for left in range(2, 7)
            ]
            middle = image[4:12, 4:12]
            assert any(np.array_equal(middle, other) for other in middles)


@all_augmentations
def test_epoch_repeats_bit_for_bit(augmentation):
    split = numbered_split()
    batches = train(split, augmentation=augmentation)
    once = read(batches)
    assert_equal_batches(once, read(batches))
    assert_equal_batches(once, read(train(split, augmentation=augmentation)))


@all_augmentations
@pytest.mark.parametrize("start", [1, 4, 6])
def test_epoch_resumes_bit_for_bit(augmentation, start):
    split = numbered_split()
    whole = read(train(split, augmentation=augmentation))
    rest = train(split, augmentation=augmentation, start_batch=start)
    assert len(rest) == 6 - start
    assert_equal_batches(whole[start:], read(rest))


def test_global_seed_has_no_influence():
    split = numbered_split()
    keras.utils.set_random_seed(1)
    first = read(train(split, augmentation="crop_flip"))
    keras.utils.set_random_seed(2)
    assert_equal_batches(first, read(train(split, augmentation="crop_flip")))


def test_epochs_and_seeds_differ_in_order():
    split = numbered_split()
    orders = {
        tuple(labels(train(split, seed=seed, epoch=epoch)))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9
    assert tuple(range(48)) not in orders


def test_batches_epochs_and_images_differ_in_augmentation():
    one = numbered_split(1, (16, 16))
    split = ArraySplit(np.repeat(one.images, 12, axis=0), np.zeros(12, "int64"))
    patches = [
        image.tobytes()
        for epoch in range(4)
        for images, _ in read(
            train(
                split,
                batch_size=4,
                patch_size=16,
                epoch=epoch,
                augmentation="crop_flip",
            )
        )
        for image in images
    ]
    assert len(patches) == 48
    assert len(set(patches)) > 40


def test_evaluation_reads_everything_in_order():
    split = numbered_split(50)
    batches = evaluation_arrays(split, batch_size=8, patch_size=8)
    assert len(batches) == 7
    found = read(batches)
    assert [len(numbers) for _, numbers in found] == [8] * 6 + [2]
    assert labels(batches) == list(range(50))
    images = np.concatenate([images for images, _ in found])
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, split.images)


def test_evaluation_takes_central_squares():
    split = numbered_split(3, (8, 12))
    [(images, _)] = read(evaluation_arrays(split, batch_size=9, patch_size=8))
    np.testing.assert_allclose(images, split.images[:, :, 2:10], atol=1e-3)


@pytest.mark.parametrize("count, sizes", [(1, [1]), (8, [8]), (13, [8, 5])])
def test_evaluation_of_the_first_images(count, sizes):
    batches = evaluation_arrays(
        numbered_split(), batch_size=8, patch_size=8, count=count
    )
    assert [len(numbers) for _, numbers in read(batches)] == sizes
    assert labels(batches) == list(range(count))


@pytest.mark.parametrize(
    "arguments, match",
    [
        ({"batch_size": 0}, "`batch_size` must be.*batch_size=0"),
        ({"patch_size": 0}, "`patch_size` must be.*patch_size=0"),
        ({"seed": -1}, "`seed` must be.*seed=-1"),
        ({"epoch": -1}, "`epoch` must be.*epoch=-1"),
        ({"start_batch": -1}, "`start_batch` must be.*start_batch=-1"),
        ({"batch_size": 51}, "`batch_size` must not exceed.*50 images"),
        ({"start_batch": 7}, "`start_batch` must not exceed.*6 batches"),
        (
            {"augmentation": "rand_augment"},
            "`augmentation` must be one of .*'crop_flip'.*'shift_flip'.*"
            "Received: augmentation='rand_augment'.*TensorFlow backend",
        ),
    ],
)
def test_wrong_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        train(numbered_split(), **arguments)


@pytest.mark.parametrize("count", [0, 51])
def test_wrong_count(count):
    with pytest.raises(ValueError, match=f"`count` must.*count={count}"):
        evaluation_arrays(
            numbered_split(), batch_size=8, patch_size=8, count=count
        )


SAVE_BATCHES = """
import sys
import numpy as np
from keras import ops
from keras_elastic import data

dataset = data.load_arrays("digits")
arrays = {}
for name in ("none", "shift", "shift_flip", "crop_flip"):
    batches = data.array_batches(
        dataset.train,
        batch_size=64,
        patch_size=12,
        seed=1,
        epoch=2,
        augmentation=name,
    )
    for images, labels in list(batches)[:2]:
        arrays[name] = ops.convert_to_numpy(images)
        arrays[f"labels of {name}"] = ops.convert_to_numpy(labels)
batches = data.evaluation_arrays(dataset.test, batch_size=50, patch_size=7)
arrays["test"] = ops.convert_to_numpy(next(iter(batches))[0])
np.savez(sys.argv[1], **arrays)
print(*{"tensorflow", "tensorflow_datasets"} & set(sys.modules))
"""


def save_batches(backend, file):
    """Makes batches in a new process; returns them, and what it imported."""
    run = subprocess.run(
        [sys.executable, "-c", SAVE_BATCHES, str(file)],
        cwd=pathlib.Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return np.load(file), run.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_make_the_same_batches(tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    found, imported = save_batches(backend, tmp_path / "found.npz")
    expected, _ = save_batches("tensorflow", tmp_path / "expected.npz")
    assert imported == []
    assert len(found) == 9
    assert set(found) == set(expected)
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-3)
