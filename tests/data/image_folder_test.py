import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.image_files import naming_corrupt_files
from keras_elastic.data.image_folder import load_image_folder
from keras_elastic.data.pipeline import training_batches

# Of a few images, none of a class may be held out.
pytestmark = pytest.mark.filterwarnings("ignore:Of .* classes")


def values(split):
    """The numbers of the images of a split, in its order."""
    return [int(path.stem) for path in split.source.paths]


def all_values(dataset):
    splits = [dataset.train, dataset.held_out, dataset.test]
    assert all(len(values(split)) == split.size > 0 for split in splits)
    return sorted(sum((values(split) for split in splits), []))


def labels_by_value(split):
    """The labels of images, by the gray values that number them too."""
    pairs = {int(image[0, 0, 0]): int(label) for image, label in split.images}
    assert [*pairs] == values(split)
    return pairs


@pytest.fixture
def flat(tmp_path, write_images):
    write_images(tmp_path / "dog", 20)
    write_images(tmp_path / "cat", 20, first=100)
    return tmp_path


def test_flat_layout_is_a_partition(flat):
    dataset = load_image_folder(flat)
    assert all_values(dataset) == [*range(20), *range(100, 120)]
    assert dataset.class_names == ("cat", "dog")
    assert dataset.name == flat.name


def test_labels_follow_the_class_folders(flat):
    dataset = load_image_folder(flat)
    for split in (dataset.train, dataset.held_out, dataset.test):
        for value, label in labels_by_value(split).items():
            assert label == (0 if value >= 100 else 1)


def test_order_mixes_classes_and_is_fixed(flat):
    order = values(load_image_folder(flat).train)
    assert order == values(load_image_folder(flat).train)
    assert order != sorted(order)
    assert {value >= 100 for value in order[:10]} == {True, False}


def sides(dataset):
    """The side of each image, by its gray value."""
    return {
        value: name
        for name in ("train", "held_out", "test")
        for value in values(getattr(dataset, name))
    }


def test_a_file_never_changes_sides(flat, write_images):
    before = load_image_folder(flat)
    write_images(flat / "cat", 30, first=200)
    more = load_image_folder(flat)
    sides_before, sides_more = sides(before), sides(more)
    order = values(before.train)
    more_order = values(more.train)
    for value in (3, 11, 104):
        file = next(flat.rglob(f"{value}.png"))
        file.write_bytes(file.read_bytes()[:40])
    with pytest.warns(UserWarning, match="3 image files"):
        skipped = load_image_folder(flat, skip_corrupt=True)
    for value in (3, 11, 104):
        next(flat.rglob(f"{value}.png")).unlink()
    fewer = load_image_folder(flat)
    assert sides_before.items() <= sides_more.items()
    assert sides(skipped).items() <= sides_more.items()
    assert sides(fewer) == sides(skipped)
    # Nor is one reordered.
    assert [value for value in more_order if value in order] == order


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_class_is_trained_and_tested(tmp_path, write_images, count):
    for number in range(20):
        write_images(tmp_path / f"{number}", count, first=10 * number)
    dataset = load_image_folder(tmp_path)
    assert {*labels_by_value(dataset.train).values()} == {*range(20)}
    tested = {*labels_by_value(dataset.test).values()}
    # One image of two may be needed to be held out.
    assert len(tested) >= 19


def test_classes_without_images_on_a_side_are_named(tmp_path, write_images):
    for number in range(6):
        write_images(tmp_path / f"c{number}", 2, first=10 * number)
    write_images(tmp_path / "single", 1, first=99)
    with pytest.warns(UserWarning, match=r"none to test on \(.*'single'"):
        load_image_folder(tmp_path)


@pytest.mark.parametrize("test_name", ["test", "val", "validation"])
def test_layout_with_a_test_folder(tmp_path, write_images, test_name):
    write_images(tmp_path / "train" / "a", 10)
    write_images(tmp_path / "train" / "b", 10, first=50)
    write_images(tmp_path / test_name / "b", 2, first=100)
    write_images(tmp_path / test_name / "a", 3, first=200)
    dataset = load_image_folder(tmp_path)
    assert dataset.class_names == ("a", "b")
    assert sorted(labels_by_value(dataset.test).items()) == [
        (100, 1),
        (101, 1),
        (200, 0),
        (201, 0),
        (202, 0),
    ]
    found = sorted(values(dataset.train) + values(dataset.held_out))
    assert found == [*range(10), *range(50, 60)]


def test_layout_with_a_train_folder_only(tmp_path, write_images):
    write_images(tmp_path / "train" / "a", 10)
    write_images(tmp_path / "train" / "b", 10, first=50)
    dataset = load_image_folder(tmp_path)
    assert all_values(dataset) == [*range(10), *range(50, 60)]


def test_test_folder_without_classes_is_passed_over(tmp_path, write_images):
    write_images(tmp_path / "train" / "a", 10)
    write_images(tmp_path / "train" / "b", 10, first=50)
    write_images(tmp_path / "test", 5, first=150)
    write_images(tmp_path / "val" / "a", 1, first=100)
    write_images(tmp_path / "val" / "b", 1, first=101)
    assert sorted(values(load_image_folder(tmp_path).test)) == [100, 101]


def test_train_may_be_a_class(tmp_path, write_images):
    write_images(tmp_path / "train", 5)
    write_images(tmp_path / "tram", 5, first=50)
    assert load_image_folder(tmp_path).class_names == ("train", "tram")


def test_single_image_class_is_not_tested(tmp_path, write_images):
    write_images(tmp_path / "a", 4)
    write_images(tmp_path / "b", 1, first=50)
    dataset = load_image_folder(tmp_path)
    found = values(dataset.train) + values(dataset.held_out)
    assert 50 in found
    assert dataset.test.size == 1


def test_limit(flat):
    dataset = load_image_folder(flat, limit=10)
    assert dataset.train.size + dataset.held_out.size == 10
    assert values(dataset.test) == values(load_image_folder(flat).test)


def test_nested_and_upper_case_files_count(tmp_path, write_images):
    write_images(tmp_path / "a" / "images", 3)
    write_images(tmp_path / "b", 3, first=50)
    first = tmp_path / "b" / "50.png"
    first.rename(tmp_path / "b" / "50.PNG")
    (tmp_path / "b" / "._51.png").write_text("not an image")
    (tmp_path / "b" / "notes.txt").write_text("not an image")
    (tmp_path / ".cache").mkdir()
    dataset = load_image_folder(tmp_path)
    assert all_values(dataset) == [0, 1, 2, 50, 51, 52]


def test_gray_becomes_rgb_and_alpha_is_dropped(tmp_path, write_images):
    write_images(tmp_path / "train" / "gray", 2, channels=1, size=(3, 5))
    write_images(tmp_path / "train" / "alpha", 2, first=50, channels=4)
    dataset = load_image_folder(tmp_path)
    for split in (dataset.train, dataset.held_out, dataset.test):
        for image, label in split.images:
            assert image.shape == ((4, 4, 3) if int(label) == 0 else (3, 5, 3))
            assert image.dtype == tf.uint8
            assert len(np.unique(image)) == 1


def test_jpeg_and_gif_are_read(tmp_path, write_images):
    write_images(tmp_path / "a", 2)
    (tmp_path / "b").mkdir()
    gray = tf.fill([4, 4, 3], tf.constant(77, tf.uint8))
    jpeg = tf.io.encode_jpeg(gray).numpy()
    (tmp_path / "b" / "1.jpeg").write_bytes(jpeg)
    # One pixel, the smallest GIF there is.
    gif = bytes.fromhex(
        "47494638396101000100800000ffffff00000021f90400000000002c00000000010001"
        "0000020144003b"
    )
    (tmp_path / "b" / "2.gif").write_bytes(gif)
    dataset = load_image_folder(tmp_path)
    shapes = [
        tuple(image.shape)
        for split in (dataset.train, dataset.held_out, dataset.test)
        for image, label in split.images
        if int(label) == 1
    ]
    assert sorted(shapes) == [(1, 1, 3), (4, 4, 3)]


@pytest.fixture
def with_corrupt(flat):
    """A folder with three files that cannot be decoded, each in its way."""
    (flat / "cat" / "text.png").write_text("not an image")
    (flat / "cat" / "empty.jpg").write_bytes(b"")
    whole = (flat / "dog" / "3.png").read_bytes()
    (flat / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    return flat


def test_images_are_decoded_when_read(with_corrupt):
    dataset = load_image_folder(with_corrupt)
    assert dataset.skipped == ()
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"BMP, GIF, JPEG, PNG or WebP. Received: .*(text|empty|cut)\.",
    ):
        for split in (dataset.train, dataset.held_out, dataset.test):
            list(split.images)


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_training_on_a_corrupt_file_names_it(
    tmp_path, write_images, augmentation
):
    write_images(tmp_path / "a", 3)
    write_images(tmp_path / "b", 3, first=50)
    image = np.random.default_rng(0).integers(0, 256, [20, 20, 3], "uint8")
    jpeg = tf.io.encode_jpeg(image).numpy()
    for name in ("a", "b"):
        for number in range(5):
            path = tmp_path / name / f"cut{number}.jpg"
            path.write_bytes(jpeg[: len(jpeg) // 2])
    batches = training_batches(
        load_image_folder(tmp_path).train,
        batch_size=7,
        patch_size=8,
        seed=0,
        epoch=0,
        augmentation=augmentation,
    )
    with pytest.raises(
        ValueError,
        match=r"Received: '.*/cut\d.jpg', which .*`skip_corrupt=True`",
    ):
        with naming_corrupt_files():
            list(batches)


def test_corrupt_files_are_skipped(with_corrupt):
    with pytest.warns(
        UserWarning,
        match="3 image files of .* left out: cat/empty.jpg, cat/text.png, dog/",
    ):
        dataset = load_image_folder(with_corrupt, skip_corrupt=True)
    assert dataset.skipped == ("cat/empty.jpg", "cat/text.png", "dog/cut.png")
    assert all_values(dataset) == [*range(20), *range(100, 120)]


def test_skipping_changes_nothing_else(flat):
    plain = load_image_folder(flat)
    dataset = load_image_folder(flat, skip_corrupt=True)
    assert dataset.skipped == ()
    assert values(dataset.train) == values(plain.train)
    names = ["0.png", "7.png", "12.png"]
    for name in names:
        (flat / "dog" / name).unlink()
    left = load_image_folder(flat)
    for name in names:
        (flat / "dog" / name).write_text("not an image")
    with pytest.warns(UserWarning, match="3 image files"):
        skipped = load_image_folder(flat, skip_corrupt=True)
    for split in ("train", "held_out", "test"):
        assert values(getattr(skipped, split)) == values(getattr(left, split))


def test_corrupt_test_images_are_skipped(tmp_path, write_images):
    for folder in ("train", "val"):
        write_images(tmp_path / folder / "a", 3)
        write_images(tmp_path / folder / "b", 3, first=50)
    (tmp_path / "val" / "a" / "2.png").write_text("not an image")
    with pytest.warns(UserWarning, match="1 image files"):
        dataset = load_image_folder(tmp_path, skip_corrupt=True)
    assert dataset.skipped == ("val/a/2.png",)
    assert sorted(values(dataset.test)) == [0, 1, 50, 51, 52]


def test_class_of_corrupt_files_only(tmp_path, write_images):
    write_images(tmp_path / "a", 3)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").write_text("not an image")
    with pytest.raises(
        ValueError, match="that can be decoded. Received: the class 'b'"
    ):
        load_image_folder(tmp_path, skip_corrupt=True)


@pytest.mark.parametrize("encode", [tf.io.encode_jpeg, tf.io.encode_png])
def test_window_is_a_part_of_the_image(tmp_path, encode):
    image = np.random.default_rng(0).integers(0, 256, [40, 30, 3], "uint8")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            path = tmp_path / name / f"{number}.img.jpg"
            path.write_bytes(encode(image).numpy())
    split = load_image_folder(tmp_path).train
    shapes = []

    def draw(shape):
        shapes.append(shape)
        return tf.constant([3, 5, 20, 10])

    path, _ = next(iter(split.records))
    whole = split.decode(path)
    found = split.decode_window(path, draw)
    np.testing.assert_array_equal(found, whole[3:23, 5:15])
    assert shapes


def test_images_without_class_folders(tmp_path, write_images):
    write_images(tmp_path, 3)
    with pytest.raises(
        ValueError,
        match=r"whose names are the labels. Received: .*folders \[\] and 3 "
        "images outside of them. Put",
    ):
        load_image_folder(tmp_path)


def test_empty_folder(tmp_path):
    with pytest.raises(
        ValueError, match=r"at least 2 class folders.*Received:.*folders \[\]"
    ):
        load_image_folder(tmp_path)


def test_one_class(tmp_path, write_images):
    write_images(tmp_path / "a", 3)
    with pytest.raises(
        ValueError, match=r"at least 2 class folders.*Received:.*\['a'\]"
    ):
        load_image_folder(tmp_path)


def test_class_without_images(tmp_path, write_images):
    write_images(tmp_path / "a", 3)
    (tmp_path / "b").mkdir()
    with pytest.raises(
        ValueError, match="Every class folder must hold images.*Received: .*b'"
    ):
        load_image_folder(tmp_path)


def test_unknown_test_class(tmp_path, write_images):
    write_images(tmp_path / "train" / "a", 3)
    write_images(tmp_path / "train" / "b", 3)
    write_images(tmp_path / "test" / "a", 3)
    write_images(tmp_path / "test" / "c", 3)
    with pytest.raises(ValueError, match=r"Received: .*classes \['c'\]"):
        load_image_folder(tmp_path)


def test_nothing_to_test_on(tmp_path, write_images):
    write_images(tmp_path / "a", 1)
    write_images(tmp_path / "b", 1)
    with pytest.raises(ValueError, match="left to test on.*Received:"):
        load_image_folder(tmp_path)


def test_limit_must_be_positive(flat):
    with pytest.raises(ValueError, match="`limit` must be.*limit=0"):
        load_image_folder(flat, limit=0)
