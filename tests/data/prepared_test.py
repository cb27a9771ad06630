import json

import pytest

from keras_elastic.data import prepared


def version_of(builder):
    return str(builder.version)


def test_data_set_without_code_is_found(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini")
    builder = prepared.find_prepared("mini", str(tmp_path))
    assert builder.info.splits["train"].num_examples == 30


def test_files_win_over_the_code_of_another_version(tmp_path, write_tfds):
    write_tfds(tmp_path, "mnist", version="0.0.7")
    assert prepared.is_registered("mnist")
    builder = prepared.find_prepared("mnist", str(tmp_path))
    assert version_of(builder) == "0.0.7"


def test_newest_version_is_the_default(tmp_path, write_tfds):
    for version in ("2.0.0", "10.0.0", "9.1.0"):
        write_tfds(tmp_path, "mini", version=version)
    find = prepared.find_prepared
    assert version_of(find("mini", str(tmp_path))) == "10.0.0"
    assert version_of(find("mini:2.0.0", str(tmp_path))) == "2.0.0"
    assert version_of(find("mini:9.*.*", str(tmp_path))) == "9.1.0"
    assert find("mini:3.0.0", str(tmp_path)) is None


def test_config_must_be_named_where_there_are_several(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini", config="small")
    find = prepared.find_prepared
    assert find("mini", str(tmp_path)).info.config_name == "small"
    write_tfds(tmp_path, "mini", config="large", version="2.0.0")
    assert find("mini", str(tmp_path)) is None
    builder = find("mini/large:2.0.0", str(tmp_path))
    assert builder.info.config_name == "large"
    assert find("mini/other", str(tmp_path)) is None


@pytest.mark.parametrize("name", ["absent", "", "../mini", "/mini", "a b"])
def test_absent(tmp_path, write_tfds, name):
    write_tfds(tmp_path / "data", "mini")
    assert prepared.find_prepared(name, str(tmp_path / "data")) is None


def test_list_prepared(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini", version="2.0.0")
    write_tfds(tmp_path, "mini", version="1.0.0")
    write_tfds(tmp_path, "other", config="small")
    (tmp_path / "unfinished" / "1.0.0").mkdir(parents=True)
    (tmp_path / "file.txt").write_text("")
    assert prepared.list_prepared(str(tmp_path)) == [
        "mini:1.0.0",
        "mini:2.0.0",
        "other/small:1.0.0",
    ]


def test_unknown_name_is_not_registered():
    assert not prepared.is_registered("no_such_set")
    assert prepared.find_registered("no_such_set") is None
    assert prepared.find_registered("/no/such/folder") is None
    assert prepared.is_registered("imagenet_resized/64x64:0.1.0")


class FakeBuilder:
    def __init__(self, is_prepared, error=None):
        self.prepared = is_prepared
        self.error = error
        self.downloads = 0

    def is_prepared(self):
        return self.prepared

    def download_and_prepare(self):
        self.downloads += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize("is_prepared, downloads", [(True, 0), (False, 1)])
def test_only_missing_data_is_downloaded(monkeypatch, is_prepared, downloads):
    import tensorflow_datasets as tfds

    fake = FakeBuilder(is_prepared)
    monkeypatch.setattr(tfds, "builder", lambda name: fake)
    assert prepared.find_registered("mnist") is fake
    assert fake.downloads == downloads


@pytest.mark.parametrize("kind", [ConnectionError, AssertionError])
def test_a_failed_download_is_explained(monkeypatch, kind):
    import tensorflow_datasets as tfds

    fake = FakeBuilder(False, kind("No route to host."))
    monkeypatch.setattr(tfds, "builder", lambda name: fake)
    with pytest.raises(ValueError, match="'mnist'.*No route.*\n.*`data_dir`"):
        prepared.find_registered("mnist")


def test_written_info_is_what_tfds_reads(tmp_path, write_tfds):
    folder = write_tfds(tmp_path, "mini")
    info = json.loads((folder / "dataset_info.json").read_text())
    builder = prepared.find_prepared("mini", str(tmp_path))
    assert builder.info.name == info["name"] == "mini"
