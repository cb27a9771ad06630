import collections

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import augmentation
from keras_elastic.data import pipeline
from keras_elastic.data.augmentation import AUGMENTATIONS
from keras_elastic.data.pipeline import evaluation_batches
from keras_elastic.data.pipeline import training_batches
from keras_elastic.data.splits import Split


def numbered_split(size=50, image_size=8, decode=tf.identity):
    """Noise whose labels number the images."""
    values = np.random.default_rng(0).integers(
        0, 256, [size, image_size, image_size, 3]
    )
    records = tf.data.Dataset.from_tensor_slices(
        (values.astype("uint8"), np.arange(size, dtype="int64"))
    )
    return Split.from_records(records, size, decode)


def train(split, **kwargs):
    arguments = {"batch_size": 8, "patch_size": 8, "seed": 3, "epoch": 2}
    return training_batches(split, **(arguments | kwargs))


def read(batches):
    return list(batches.as_numpy_iterator())


def labels(batches):
    return [int(label) for _, batch in batches for label in batch]


def assert_equal_batches(first, second):
    assert len(first) == len(second)
    for (images, labels), (other_images, other_labels) in zip(
        first, second, strict=True
    ):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


def test_training_element_types():
    batches = train(numbered_split(), patch_size=6)
    assert batches.element_spec == (
        tf.TensorSpec([8, 6, 6, 3], tf.float32),
        tf.TensorSpec([8], tf.int64),
    )
    assert len(batches) == 6


def test_every_image_appears_once_in_an_epoch():
    split = numbered_split(48)
    assert sorted(labels(train(split))) == list(range(48))
    with_remainder = labels(train(numbered_split(50)))
    assert len(set(with_remainder)) == len(with_remainder) == 48


def test_images_keep_their_labels():
    split = numbered_split()
    originals = [image for image, _ in split.images.as_numpy_iterator()]
    for images, batch_labels in train(split).as_numpy_iterator():
        for image, label in zip(images, batch_labels, strict=True):
            np.testing.assert_array_equal(image, originals[label])


@pytest.mark.slow
@pytest.mark.parametrize(
    "augmentation",
    [
        # One that draws places, one that draws operations, and both.
        name
        if name in ("shift", "auto_augment_cifar", "rand_augment_erase")
        else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in sorted(AUGMENTATIONS)
    ],
)
def test_epoch_repeats_and_resumes_bit_for_bit(augmentation):
    split = numbered_split()
    batches = train(split, augmentation=augmentation)
    whole = read(batches)
    assert_equal_batches(whole, read(batches))
    rest = train(split, augmentation=augmentation, start_batch=1)
    assert_equal_batches(whole[1:], read(rest))


def joined(shards):
    """The batches of shards, each batch put together again."""
    return [
        tuple(np.concatenate(part) for part in zip(*parts, strict=True))
        for parts in zip(*shards, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("augmentation, start", [("none", 0), ("shift", 2)])
def test_shards_make_up_the_batches(augmentation, start):
    split = numbered_split()
    arguments = {"augmentation": augmentation, "start_batch": start}
    whole = read(train(split, **arguments))
    shards = [
        train(split, **arguments, shard_index=index, num_shards=2)
        for index in range(2)
    ]
    assert {len(shard) for shard in shards} == {6 - start}
    images, _ = shards[0].element_spec
    assert images.shape == (4, 8, 8, 3)
    assert_equal_batches(whole, joined(map(read, shards)))


def test_shards_of_images_of_several_sizes():
    images = tf.data.Dataset.range(8).map(
        lambda number: (
            tf.fill([number + 2, 5, 3], tf.cast(number, tf.uint8)),
            number,
        )
    )
    split = Split(images, 8)
    whole = labels(train(split, batch_size=8))
    second = train(split, batch_size=8, shard_index=1, num_shards=2)
    assert labels(second) == whole[4:]


def test_shard_decodes_its_own_images_only():
    decoded = []

    def count(image):
        decoded.append(image)
        return image

    def decode(record):
        image = tf.numpy_function(count, [record], tf.uint8)
        return tf.ensure_shape(image, [8, 8, 3])

    split = numbered_split(decode=decode)
    whole = labels(train(split))
    decoded.clear()
    third = train(split, shard_index=2, num_shards=4)
    assert labels(third) == [
        label for start in range(4, 48, 8) for label in whole[start : start + 2]
    ]
    assert len(decoded) == 6 * 2


@pytest.mark.parametrize(
    "shards, message",
    [
        ({"num_shards": 3}, "must divide `batch_size`.*num_shards=3, batch_s"),
        ({"num_shards": 0}, "`num_shards` must be.*num_shards=0"),
        ({"shard_index": 1}, "`shard_index` must.*shard_index=1, num_shards=1"),
        (
            {"shard_index": -1, "num_shards": 2},
            "`shard_index` must be.*shard_index=-1",
        ),
    ],
)
def test_shards_must_fit(shards, message):
    with pytest.raises(ValueError, match=message):
        train(numbered_split(), **shards)


def window_split(size=8):
    """Noise of which a window is decoded apart, a gray value higher."""
    whole = numbered_split(size, image_size=20)

    def decode_window(record, draw):
        crop = augmentation.cut(record, draw(tf.shape(record)))
        return tf.cast(tf.minimum(tf.cast(crop, tf.int32) + 1, 255), tf.uint8)

    return Split(whole.images, size, whole.records, whole.decode, decode_window)


def test_crops_read_the_window_only():
    plain = read(train(numbered_split(8, 20), augmentation="crop_flip"))
    windows = read(train(window_split(), augmentation="crop_flip"))
    difference = windows[0][0] - plain[0][0]
    assert difference.min() >= 0
    np.testing.assert_allclose(np.median(difference), 1, atol=0.1)


def test_other_augmentations_read_the_whole_image():
    assert_equal_batches(
        read(train(numbered_split(8, 20), augmentation="shift")),
        read(train(window_split(), augmentation="shift")),
    )


def test_global_seed_has_no_influence():
    split = numbered_split()
    tf.random.set_seed(1)
    first = read(train(split, augmentation="shift"))
    tf.random.set_seed(2)
    drawn = float(tf.random.uniform([]))
    tf.random.set_seed(2)
    second = read(train(split, augmentation="shift"))
    assert_equal_batches(first, second)
    # Nor do the batches disturb the global random numbers.
    assert float(tf.random.uniform([])) == drawn


def test_epochs_and_seeds_differ_in_order():
    split = numbered_split()
    orders = {
        tuple(labels(train(split, seed=seed, epoch=epoch)))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9
    assert tuple(range(48)) not in orders


def test_epochs_differ_in_augmentation():
    # One image only, so that nothing but the augmentation can differ.
    split = numbered_split(1, image_size=16)
    patches = {
        train(
            split,
            batch_size=1,
            patch_size=16,
            epoch=epoch,
            augmentation="shift",
        )
        .get_single_element()[0]
        .numpy()
        .tobytes()
        for epoch in range(12)
    }
    assert len(patches) > 6


def test_images_of_an_epoch_are_augmented_differently():
    image = np.random.default_rng(0).integers(0, 256, [16, 16, 3])
    records = tf.data.Dataset.from_tensors((image.astype("uint8"), 0))
    split = Split(records.repeat(24), 24)
    batches = train(split, batch_size=24, patch_size=16, augmentation="shift")
    images, _ = batches.get_single_element()
    assert len({patch.numpy().tobytes() for patch in images}) > 8


def test_what_is_skipped_is_not_decoded():
    decoded = collections.Counter()

    def count(image):
        decoded[image.tobytes()] += 1
        return image

    def decode(record):
        image = tf.numpy_function(count, [record], tf.uint8)
        return tf.ensure_shape(image, [8, 8, 3])

    split = numbered_split(decode=decode)
    # Two images are left over and decoded too: they only fall out of a batch.
    read(train(split, start_batch=5))
    assert sum(decoded.values()) == 50 - 5 * 8


def test_large_splits_are_shuffled_through_a_buffer(monkeypatch):
    monkeypatch.setattr(pipeline, "_SHUFFLE_BUFFER", 10)
    order = labels(train(numbered_split(48)))
    assert sorted(order) == list(range(48))
    assert order != list(range(48))
    # A buffer of ten cannot bring an image forward by ten places or more.
    assert all(label < place + 10 for place, label in enumerate(order))


def test_batches_are_shared_out_by_data_and_not_by_file():
    for batches in (
        train(numbered_split()),
        evaluation_batches(numbered_split(), batch_size=8, patch_size=8),
    ):
        policy = batches.options().experimental_distribute.auto_shard_policy
        assert policy == tf.data.experimental.AutoShardPolicy.DATA
        assert batches.options().deterministic


def test_batches_can_be_distributed():
    strategy = tf.distribute.OneDeviceStrategy("cpu:0")
    batches = train(numbered_split())
    distributed = strategy.experimental_distribute_dataset(batches)
    assert_equal_batches(
        read(batches),
        [(images.numpy(), numbers.numpy()) for images, numbers in distributed],
    )


def test_evaluation_reads_everything_in_order():
    split = numbered_split(50)
    batches = evaluation_batches(split, batch_size=8, patch_size=8)
    assert labels(batches) == list(range(50))
    assert [len(numbers) for _, numbers in batches] == [8] * 6 + [2]
    assert len(batches) == 7
    originals = [image for image, _ in split.images.as_numpy_iterator()]
    found = np.concatenate([images for images, _ in read(batches)])
    np.testing.assert_array_equal(found, np.stack(originals))


def test_evaluation_element_types():
    batches = evaluation_batches(numbered_split(), batch_size=8, patch_size=6)
    assert batches.element_spec == (
        tf.TensorSpec([None, 6, 6, 3], tf.float32),
        tf.TensorSpec([None], tf.int64),
    )


def test_evaluation_of_the_first_images():
    batches = evaluation_batches(
        numbered_split(), batch_size=8, patch_size=8, count=11
    )
    assert labels(batches) == list(range(11))


def test_evaluation_cuts_and_resizes():
    image = np.random.default_rng(0).integers(0, 256, [20, 30, 3])
    images = tf.data.Dataset.from_tensors(
        (image.astype("uint8"), tf.constant(0, tf.int64))
    )
    batches = evaluation_batches(Split(images, 1), batch_size=4, patch_size=8)
    found, _ = batches.get_single_element()
    expected = augmentation.center_patch(image[:, 5:25].astype("uint8"), 8)
    np.testing.assert_allclose(found[0], expected, atol=1e-3)


def test_images_of_several_sizes_make_a_batch():
    def generate():
        for number, size in enumerate([(9, 12), (8, 8), (30, 10)]):
            yield np.full([*size, 3], number, "uint8"), number

    images = tf.data.Dataset.from_generator(
        generate,
        output_signature=(
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([], tf.int64),
        ),
    )
    split = Split(images, 3)
    for name in ("none", "shift", "shift_flip", "crop_flip"):
        batches = train(split, batch_size=3, augmentation=name)
        images, numbers = batches.get_single_element()
        np.testing.assert_allclose(images[:, 4, 4, 0], numbers, atol=1e-4)
    batches = evaluation_batches(split, batch_size=3, patch_size=8)
    assert labels(batches) == [0, 1, 2]


@pytest.mark.parametrize("name", ["batch_size", "patch_size"])
@pytest.mark.parametrize("value", [0, -2])
def test_sizes_must_be_positive(name, value):
    split = numbered_split()
    message = f"`{name}` must be a positive .*Received: {name}={value}"
    with pytest.raises(ValueError, match=message):
        train(split, **{name: value})
    sizes = {"batch_size": 4, "patch_size": 8} | {name: value}
    with pytest.raises(ValueError, match=message):
        evaluation_batches(split, **sizes)


@pytest.mark.parametrize("name", ["seed", "epoch", "start_batch"])
def test_numbers_must_not_be_negative(name):
    with pytest.raises(
        ValueError, match=f"`{name}` must be .*Received: {name}=-1"
    ):
        train(numbered_split(), **{name: -1})


def test_batch_must_not_exceed_the_split():
    message = (
        "`batch_size` must not exceed.*Received: batch_size=51, but the split "
        "has 50 images. Pass at most 50"
    )
    with pytest.raises(ValueError, match=message):
        train(numbered_split(), batch_size=51)


def test_start_must_not_exceed_the_epoch():
    with pytest.raises(
        ValueError, match="`start_batch`.*start_batch=7, but the epoch has 6"
    ):
        train(numbered_split(), start_batch=7)


def test_unknown_augmentation():
    with pytest.raises(
        ValueError,
        match=r"`augmentation` must be one of \['auto_augment', .*'none', "
        r"'rand_augment', .*'shift_flip'\]. Received: augmentation='mixup'",
    ):
        train(numbered_split(), augmentation="mixup")


@pytest.mark.parametrize(
    "count, message",
    [
        (0, "`count` must be.*Received: count=0"),
        (51, "`count` must not exceed.*Received: count=51, .* 50 images"),
    ],
)
def test_count(count, message):
    with pytest.raises(ValueError, match=message):
        evaluation_batches(
            numbered_split(), batch_size=8, patch_size=8, count=count
        )
