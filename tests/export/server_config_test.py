"""The model config file names each model and where its versions lie."""

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format

from keras_elastic.export import serving_config

STRING, MESSAGE = 9, 11


@pytest.fixture(scope="module")
def server_config():
    """A class that reads the parts of `ModelServerConfig` that are used."""
    file = descriptor_pb2.FileDescriptorProto(
        name="server_config_test.proto",
        package="server_config_test",
        syntax="proto3",
    )
    model = file.message_type.add(name="ModelConfig")
    fields = ((1, "name"), (2, "base_path"), (4, "model_platform"))
    for number, name in fields:
        model.field.add(name=name, number=number, type=STRING, label=1)
    models = file.message_type.add(name="ModelConfigList")
    models.field.add(
        name="config",
        number=1,
        type=MESSAGE,
        label=3,
        type_name=".server_config_test.ModelConfig",
    )
    server = file.message_type.add(name="ModelServerConfig")
    server.field.add(
        name="model_config_list",
        number=1,
        type=MESSAGE,
        label=1,
        type_name=".server_config_test.ModelConfigList",
    )
    pool = descriptor_pool.Default()
    pool.Add(file)
    name = "server_config_test.ModelServerConfig"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def make_versions(*folders):
    for folder in folders:
        (folder / "1").mkdir(parents=True)


def test_names_and_absolute_paths(tmp_path, server_config, monkeypatch):
    make_versions(tmp_path / "digits", tmp_path / 'odd "name"\\gnü')
    monkeypatch.chdir(tmp_path)
    folders = {"digits": "digits", "gnü": tmp_path / 'odd "name"\\gnü'}
    path = serving_config(folders, tmp_path / "new" / "models.config")
    assert path == tmp_path / "new" / "models.config"
    config = text_format.Parse(path.read_text("utf-8"), server_config())
    assert [
        (model.name, model.base_path, model.model_platform)
        for model in config.model_config_list.config
    ] == [
        ("digits", str(tmp_path / "digits"), "tensorflow"),
        ("gnü", str(tmp_path / 'odd "name"\\gnü'), "tensorflow"),
    ]


def test_a_file_is_replaced(tmp_path):
    make_versions(tmp_path / "a", tmp_path / "b")
    serving_config({"a": tmp_path / "a"}, tmp_path / "config")
    serving_config({"b": tmp_path / "b"}, tmp_path / "config")
    assert '"a"' not in (tmp_path / "config").read_text()


@pytest.mark.parametrize("value", [{}, None, "served", ["served"]])
def test_refuses_no_models(tmp_path, value):
    with pytest.raises(ValueError, match="`folder_by_name` must.*Received: "):
        serving_config(value, tmp_path / "config")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a/b", 3])
def test_refuses_names_without_a_url(tmp_path, name):
    make_versions(tmp_path / "a")
    with pytest.raises(ValueError, match=f"URL, .*Received: {name!r}"):
        serving_config({name: tmp_path / "a"}, tmp_path / "config")
    assert not (tmp_path / "config").exists()


def test_refuses_a_folder_without_versions(tmp_path):
    make_versions(tmp_path / "good")
    folders = {"good": tmp_path / "good", "bad": tmp_path}
    with pytest.raises(ValueError, match="'bad' must hold a version.*export"):
        serving_config(folders, tmp_path / "config")
    assert not (tmp_path / "config").exists()
