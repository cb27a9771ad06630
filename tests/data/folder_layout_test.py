import collections

import pytest

from keras_elastic.data import folder_layout


def write_classes(folder, names=("cat", "dog"), suffix=".png"):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / f"1{suffix}").write_bytes(b"image")


@pytest.mark.parametrize(
    "train, test",
    [
        ("train", "test"),
        ("Training", "Testing"),
        ("TRAIN", "Validation"),
        ("training_set", "test_set"),
        ("seg_train", "seg_test"),
        ("train images", "val images"),
        ("trainset", "eval"),
        ("train", "dev"),
    ],
)
def test_names_of_parts(tmp_path, train, test):
    write_classes(tmp_path / train)
    write_classes(tmp_path / test)
    (tmp_path / "__MACOSX").mkdir()
    found = folder_layout.find_parts(tmp_path)
    assert found == {"train": tmp_path / train, "test": tmp_path / test}


def test_three_parts(tmp_path):
    for name in ("train", "valid", "test"):
        write_classes(tmp_path / name)
    found = folder_layout.find_parts(tmp_path)
    assert found["held_out"] == tmp_path / "valid"
    assert found["test"] == tmp_path / "test"


def test_a_part_that_was_unpacked_into_one_of_its_name(tmp_path):
    write_classes(tmp_path / "seg_train" / "seg_train")
    found = folder_layout.find_parts(tmp_path)
    assert found == {"train": tmp_path / "seg_train" / "seg_train"}


@pytest.mark.parametrize("name", ["trainer", "contest", "trams", "evaluators"])
def test_other_names_are_classes(tmp_path, name):
    write_classes(tmp_path / name)
    write_classes(tmp_path, ["cat"])
    assert folder_layout.find_parts(tmp_path) == {"train": tmp_path}


def test_two_folders_for_one_part(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "Training")
    with pytest.raises(ValueError, match="one folder for its 'train'"):
        folder_layout.find_parts(tmp_path)


def test_parts_are_not_taken_for_classes(tmp_path):
    write_classes(tmp_path, ["train", "test"])
    with pytest.raises(ValueError, match="must have a folder 'train' that"):
        folder_layout.find_parts(tmp_path)


def test_a_part_to_test_on_alone(tmp_path):
    write_classes(tmp_path / "test")
    write_classes(tmp_path)
    with pytest.raises(ValueError, match=r"Received: .*\['test'\]"):
        folder_layout.find_parts(tmp_path)


def test_what_lies_beside_the_parts_is_said(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path, ["pred"])
    with pytest.warns(UserWarning, match=r"\['pred'\], which are left out"):
        folder_layout.find_parts(tmp_path)


def test_files(tmp_path):
    for suffix in (".JPG", ".webp", ".jfif", ".tif", ".HEIC", ".txt"):
        for name in ("cat", "dog"):
            (tmp_path / name / "in").mkdir(parents=True, exist_ok=True)
            (tmp_path / name / "in" / f"1{suffix}").write_bytes(b"image")
    (tmp_path / "cat" / "._2.jpg").write_bytes(b"image")
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"image")
    (tmp_path / "cat" / "bare").write_bytes(b"\xff\xd8\xff\xe0 and so on")
    (tmp_path / "cat" / "text").write_text("no image")
    files, unread = folder_layout.files_of_classes(tmp_path)
    assert sorted(path.name for path in files["cat"]) == [
        "1.JPG",
        "1.jfif",
        "1.webp",
        "bare",
    ]
    assert unread == collections.Counter({".tif": 2, ".heic": 2})
    with pytest.warns(UserWarning, match="4 image files .*2 .tif, 2 .heic"):
        folder_layout.warn_unread(tmp_path, unread)


def test_links_are_followed_but_not_upwards(tmp_path):
    write_classes(tmp_path / "photos")
    write_classes(tmp_path / "others", ["more"])
    cat = tmp_path / "photos" / "cat"
    (cat / "more").symlink_to(tmp_path / "others" / "more")
    (cat / "again").symlink_to(cat)
    (cat / "up").symlink_to(tmp_path / "photos")
    (cat / "nowhere.png").symlink_to(tmp_path / "gone.png")
    files, _ = folder_layout.files_of_classes(tmp_path / "photos")
    assert sorted(files["cat"]) == [cat / "1.png", cat / "more" / "1.png"]


def test_a_class_of_other_images(tmp_path):
    write_classes(tmp_path, ["cat"])
    write_classes(tmp_path, ["dog"], ".tif")
    with pytest.raises(ValueError, match=r"holds none, but 1 \.tif"):
        folder_layout.files_of_classes(tmp_path)
