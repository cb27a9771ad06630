import pytest

from keras_elastic.data import prepared
from keras_elastic.data.tfds_names import find_folder
from keras_elastic.data.tfds_names import list_names


def add(data_dir, build, files=("dataset_info.json", "features.json")):
    folder = data_dir / build
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).write_text("{}")
    return folder


def test_newest_version_is_the_default(tmp_path):
    for version in ("2.0.0", "10.0.0", "9.1.0"):
        add(tmp_path, f"mini/{version}")
    assert find_folder("mini", tmp_path).name == "10.0.0"
    assert find_folder("mini:2.0.0", tmp_path).name == "2.0.0"
    assert find_folder("mini:9.*.*", tmp_path).name == "9.1.0"
    assert find_folder("mini:3.0.0", tmp_path) is None


def test_config_must_be_named_where_there_are_several(tmp_path):
    small = add(tmp_path, "mini/small/1.0.0")
    assert find_folder("mini", tmp_path) == small
    large = add(tmp_path, "mini/large/2.0.0")
    assert find_folder("mini", tmp_path) is None
    assert find_folder("mini/large:2.0.0", tmp_path) == large
    assert find_folder("mini/other", tmp_path) is None


@pytest.mark.parametrize("name", ["absent", "", "../mini", "/mini", "a b"])
def test_absent(tmp_path, name):
    add(tmp_path, "data/mini/1.0.0")
    assert find_folder(name, tmp_path / "data") is None


def test_names_are_listed_as_where_tensorflow_reads(tmp_path):
    add(tmp_path, "mini/2.0.0")
    add(tmp_path, "mini/1.0.0")
    add(tmp_path, "other/small/1.0.0")
    add(tmp_path, "half/1.0.0", files=["dataset_info.json"])
    (tmp_path / "unfinished" / "1.0.0").mkdir(parents=True)
    (tmp_path / "file.txt").write_text("")
    names = ["mini:1.0.0", "mini:2.0.0", "other/small:1.0.0"]
    assert list_names(tmp_path) == names
    assert prepared.list_prepared(str(tmp_path)) == names
