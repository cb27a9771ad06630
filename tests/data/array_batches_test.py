import keras
import numpy as np
import pytest

from keras_elastic.data.array_augmentation import AUGMENTATIONS
from keras_elastic.data.array_batches import evaluation_batches
from keras_elastic.data.array_batches import training_batches
from keras_elastic.data.image_dataset import ArraySplit

all_augmentations = pytest.mark.parametrize(
    "augmentation", sorted(AUGMENTATIONS)
)


def numbered_split(size=50, image_size=(8, 8)):
    """Noise whose labels number the images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [size, *image_size, 3], dtype="uint8")
    return ArraySplit(images, np.arange(size))


def train(split, **kwargs):
    arguments = {"batch_size": 8, "patch_size": 8, "seed": 3, "epoch": 2}
    return training_batches(split, **(arguments | kwargs))


def labels(batches):
    return [int(label) for _, batch in batches for label in batch]


def assert_equal_batches(first, second):
    for (images, numbers), (other_images, other_numbers) in zip(
        first, second, strict=True
    ):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(numbers, other_numbers)


def test_types():
    batches = train(numbered_split())
    assert len(batches) == 6
    for images, numbers in batches:
        assert (images.dtype, numbers.dtype) == (np.float32, np.int64)
        assert images.shape == (8, 8, 8, 3)


def test_every_image_appears_once_in_an_epoch():
    assert sorted(labels(train(numbered_split(48)))) == list(range(48))
    with_remainder = labels(train(numbered_split(50)))
    assert len(set(with_remainder)) == len(with_remainder) == 48


def test_images_keep_their_labels():
    split = numbered_split()
    for images, numbers in train(split):
        np.testing.assert_array_equal(images, split.images[numbers])


@all_augmentations
def test_epoch_resumes_bit_for_bit(augmentation):
    split = numbered_split()
    whole = list(train(split, augmentation=augmentation))
    assert_equal_batches(whole, train(split, augmentation=augmentation))
    for start in (1, 6):
        rest = train(split, augmentation=augmentation, start_batch=start)
        assert len(rest) == 6 - start
        assert_equal_batches(whole[start:], rest)


def test_global_seed_has_no_influence():
    split = numbered_split()
    keras.utils.set_random_seed(1)
    first = list(train(split, augmentation="crop_flip"))
    keras.utils.set_random_seed(2)
    assert_equal_batches(first, train(split, augmentation="crop_flip"))


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
    sizes = {"batch_size": 4, "patch_size": 16, "augmentation": "crop_flip"}
    patches = [
        image.tobytes()
        for epoch in range(4)
        for images, _ in train(split, epoch=epoch, **sizes)
        for image in images
    ]
    assert len(patches) == 48
    assert len(set(patches)) > 40


def test_evaluation_reads_everything_in_order():
    split = numbered_split(50)
    batches = evaluation_batches(split, batch_size=8, patch_size=8)
    assert len(batches) == 7
    assert [len(numbers) for _, numbers in batches] == [8] * 6 + [2]
    assert labels(batches) == list(range(50))
    images = np.concatenate([images for images, _ in batches])
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, split.images)


@pytest.mark.parametrize("count, sizes", [(1, [1]), (8, [8]), (13, [8, 5])])
def test_evaluation_of_the_first_images(count, sizes):
    batches = evaluation_batches(
        numbered_split(), batch_size=8, patch_size=8, count=count
    )
    assert [len(numbers) for _, numbers in batches] == sizes
    assert labels(batches) == list(range(count))


def test_keras_takes_the_batches():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(50)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    batches = train(numbered_split(), augmentation="shift")
    history = model.fit(batches, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


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
            "Received: augmentation='rand_augment'.*Others need TensorFlow",
        ),
    ],
)
def test_wrong_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        train(numbered_split(), **arguments)


@pytest.mark.parametrize("count", [0, 51])
def test_wrong_count(count):
    with pytest.raises(ValueError, match=f"`count` must.*count={count}"):
        evaluation_batches(
            numbered_split(), batch_size=8, patch_size=8, count=count
        )
