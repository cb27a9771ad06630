import forked
import numpy as np
import pytest

from keras_elastic.data import tfds_images
from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.fingerprint import differences
from keras_elastic.data.fingerprint import fingerprint
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.splits import Split

# Of a few images, none of a class may be held out.
pytestmark = pytest.mark.filterwarnings("ignore:Of . classes")


def test_digits():
    dataset = load_dataset("digits", limit=100)
    assert isinstance(dataset, ImageDataset)
    assert isinstance(dataset.train, Split)
    assert dataset.train.size == 90


@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_image_folder(tmp_path, write_images, as_type):
    write_images(tmp_path / "a", 10)
    write_images(tmp_path / "b", 10)
    dataset = load_dataset(as_type(tmp_path), limit=11)
    assert dataset.class_names == ("a", "b")
    assert dataset.train.size + dataset.held_out.size == 11


def test_image_folder_beside_a_data_dir(tmp_path, write_images, write_tfds):
    write_tfds(tmp_path / "tfds", "mini")
    write_images(tmp_path / "photos" / "a", 5)
    write_images(tmp_path / "photos" / "b", 5)
    dataset = load_dataset(tmp_path / "photos", tmp_path / "tfds")
    assert dataset.name == "photos"


def test_prepared_data_set(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini")
    dataset = load_dataset("mini", tmp_path, limit=20)
    assert dataset.name == "mini"
    assert (dataset.train.size, dataset.held_out.size) == (18, 2)


def test_prepared_data_set_wins_over_a_folder(
    tmp_path, write_tfds, monkeypatch
):
    write_tfds(tmp_path, "mini")
    monkeypatch.chdir(tmp_path)
    assert load_dataset("mini", ".").class_names == ("cat", "dog", "owl")


def test_registered_name_uses_the_default_directory(
    tmp_path, write_tfds, monkeypatch
):
    write_tfds(tmp_path, "mnist", version="0.0.7")
    builder = tfds_images.find_prepared("mnist", str(tmp_path))
    monkeypatch.setattr(tfds_images, "find_registered", lambda name: builder)
    assert load_dataset("mnist").train.size == 27


def test_unknown_name():
    with pytest.raises(
        ValueError,
        match="`name` must be one of: 'digits', an image folder, any TFDS "
        "name. Received: name='no_such_set'. Check",
    ):
        load_dataset("no_such_set")


@pytest.mark.parametrize("name", ["no_such_set", "/no/such/folder"])
def test_unknown_name_lists_the_data_dir(tmp_path, write_tfds, name):
    write_tfds(tmp_path, "mini")
    with pytest.raises(
        ValueError,
        match=r"'digits', mini:1.0.0 \(`data_dir`\), an image folder, any TFDS "
        f"name. Received: name='{name}'",
    ):
        load_dataset(name, tmp_path)


def test_data_dir_does_not_exist(tmp_path):
    with pytest.raises(
        ValueError, match="`data_dir` must be an existing.*Received: .*absent"
    ):
        load_dataset("digits", tmp_path / "absent")


def test_nothing_is_downloaded_into_a_given_directory(
    tmp_path, write_tfds, monkeypatch
):
    def refuse(name):
        raise AssertionError("TFDS must not be asked for a download")

    monkeypatch.setattr(tfds_images, "find_registered", refuse)
    with pytest.raises(
        ValueError,
        match="`data_dir` must hold the data set 'mnist'.*Received: .*which "
        "holds: no data set. Prepare it",
    ):
        load_dataset("mnist", tmp_path)
    write_tfds(tmp_path, "mini")
    with pytest.raises(ValueError, match="which holds: mini:1.0.0. Prepare"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_must_be_positive(limit):
    with pytest.raises(
        ValueError, match=f"`limit` must be.*Received: limit={limit}"
    ):
        load_dataset("digits", limit=limit)


def test_few_images_to_test_on(tmp_path, write_images, write_tfds):
    for name in ("cat", "dog"):
        write_images(tmp_path / "photos" / name, 30)
    write_tfds(tmp_path, splits={"train": [0, 1] * 9, "test": [0, 1, 2]})
    for name in (tmp_path / "photos", "mini", "digits"):
        whole = load_dataset(name, tmp_path)
        few = load_dataset(name, tmp_path, test_limit=2)
        assert (few.test.size, len(list(few.test.images))) == (2, 2)
        assert (few.train.size, few.held_out.size) == (
            whole.train.size,
            whole.held_out.size,
        )
        for one, other in zip(few.test.images, whole.test.images, strict=False):
            np.testing.assert_array_equal(*map(np.array, (one[0], other[0])))
        # Which are not those of a run that began with all.
        [change] = differences(fingerprint(whole), fingerprint(few))
        assert change.startswith("`test` has 2 images")


def test_a_limit_that_leaves_all_to_test_on():
    assert load_dataset("digits", test_limit=9999).test.size == 360


def test_corrupt_files_may_be_skipped(tmp_path, write_images):
    write_images(tmp_path / "a", 5)
    write_images(tmp_path / "b", 5)
    (tmp_path / "a" / "broken.png").write_text("not an image")
    with pytest.warns(UserWarning, match="1 image files.*a/broken.png"):
        dataset = load_dataset(tmp_path, skip_corrupt=True)
    assert dataset.skipped == ("a/broken.png",)


@pytest.mark.parametrize("name", ["digits", "mini", "no_such_set"])
def test_only_folders_can_skip_files(tmp_path, write_tfds, name):
    write_tfds(tmp_path, "mini")
    with pytest.raises(
        ValueError,
        match=f"`skip_corrupt` is for image folders.*Received: name='{name}'",
    ):
        load_dataset(name, tmp_path, skip_corrupt=True)


def test_limit_must_leave_two_images():
    with pytest.raises(ValueError, match="at least 2 images.*limit=1"):
        load_dataset("digits", limit=1)


@pytest.mark.slow
def test_tfds_is_imported_only_when_needed():
    program = (
        "import sys\n"
        "from keras_elastic.data import load_dataset\n"
        "load_dataset('digits')\n"
        "sys.exit('tensorflow_datasets' in sys.modules)"
    )
    assert forked.run("-c", program).returncode == 0
