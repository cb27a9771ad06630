"""A SavedModel is refused before it is written, and never half written.

Tests of `export/child_checks.py`.
"""

import keras
import pytest
import tensorflow as tf
from served_child import build_model
from served_child import top_classes_of

import keras_elastic.export


@pytest.fixture(scope="module")
def model():
    return build_model()


def test_a_version_beside_another(model, tmp_path, monkeypatch, capsys):
    """It is not to be seen while it is written, and nothing is printed."""
    (tmp_path / "1").mkdir()
    archive_type = type(keras.export.ExportArchive())
    write_out, seen = archive_type.write_out, []

    def watch(self, *args, **kwargs):
        write_out(self, *args, **kwargs)
        seen.extend(path.name for path in tmp_path.iterdir())

    monkeypatch.setattr(archive_type, "write_out", watch)
    keras_elastic.export.saved_model(model, tmp_path, version=2)
    assert len(seen) == 2 and "1" in seen
    assert min(seen).startswith(".")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    assert capsys.readouterr().out == ""


def assert_refused(words, folder, model, **kwargs):
    with pytest.raises(ValueError) as error:
        keras_elastic.export.saved_model(model, folder, **kwargs)
    message = str(error.value)
    assert "Received: " in message
    for word in words:
        assert word in message
    assert not folder.exists()


def test_refuses_what_is_not_a_keras_model(tmp_path):
    layer = keras.layers.Dense(3)
    words = ("`model` must be a `keras.Model`", "Dense", "keras_elastic.load")
    assert_refused(words, tmp_path / "served", layer)


def test_refuses_a_model_without_inputs(tmp_path):
    model = keras.Sequential([keras.layers.Dense(3)])
    words = ("(None, n, n, 3)", "input shapes []", "keras.Input")
    assert_refused(words, tmp_path / "served", model)


@pytest.mark.parametrize(
    "shape",
    [
        (None, 16, 8, 3),
        (None, 16, 16, 1),
        (None, None, None, 3),
        (4, 16, 16, 3),
        (None, 16, 3),
    ],
)
def test_refuses_other_inputs(tmp_path, shape):
    inputs = keras.Input(batch_shape=shape)
    outputs = keras.layers.Dense(5)(
        keras.ops.mean(inputs, axis=tuple(range(1, len(shape) - 1)))
    )
    model = keras.Model(inputs, outputs)
    words = ("(None, n, n, 3)", str(shape), "keras.Input")
    assert_refused(words, tmp_path / "served", model)


def test_refuses_two_inputs(tmp_path):
    inputs = [keras.Input((16, 16, 3)), keras.Input((16, 16, 3))]
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(5)(x))
    words = ("(None, n, n, 3)", str([(None, 16, 16, 3)] * 2), "keras.Input")
    assert_refused(words, tmp_path / "served", model)


def test_refuses_feature_maps(tmp_path):
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    words = ("(None, classes)", "(None, 14, 14, 4)", "keras.layers.Dense")
    assert_refused(words, tmp_path / "served", model)


def test_refuses_two_outputs(tmp_path):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    heads = [keras.layers.Dense(4)(x), keras.layers.Dense(5)(x)]
    words = ("(None, classes)", "[(None, 4), (None, 5)]", "keras.layers.Dense")
    assert_refused(words, tmp_path / "served", keras.Model(inputs, heads))


def test_refuses_an_uncalibrated_model(tmp_path):
    words = (
        "`model` must be calibrated",
        "model='child'",
        "`keras_elastic.calibrate(model, images)`",
    )
    assert_refused(words, tmp_path / "served", build_model(calibrated=False))


@pytest.mark.parametrize(
    ("class_names", "received"),
    [
        (("ant", "bee"), "2 names, ['ant', 'bee']"),
        ([str(i) for i in range(8)], "8 names, ['0', '1', '2', ...]"),
        (range(7), "7 names, [0, 1, 2, ...]"),
        ("abcdefg", "1 names, ['abcdefg']"),
    ],
)
def test_refuses_wrong_class_names(tmp_path, model, class_names, received):
    words = ("`class_names` must be 7 strings", received, "order of the logits")
    assert_refused(words, tmp_path / "served", model, class_names=class_names)


def test_refuses_wrong_class_names_of_the_model(tmp_path):
    model = build_model()
    model.class_names = ("ant", "bee")
    words = ("`class_names` must be 7 strings", "2 names")
    assert_refused(words, tmp_path / "served", model)


@pytest.mark.parametrize("name", ["version", "top"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, None])
def test_refuses_what_is_not_a_positive_integer(tmp_path, model, name, value):
    words = (f"`{name}` must be a positive", f"{name}={value!r}", "1 or more")
    assert_refused(words, tmp_path / "served", model, **{name: value})


def test_refuses_an_existing_version(tmp_path, model):
    for name in ("2", "11", "notes"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"has \[2, 11\]. Pass version=12,"):
        keras_elastic.export.saved_model(model, tmp_path, version=2)
    assert not list((tmp_path / "2").iterdir())
    assert len(list(tmp_path.iterdir())) == 3


def fail_after_some_files(self, filepath, **kwargs):
    tf.io.gfile.makedirs(filepath)
    tf.io.write_file(filepath + "/saved_model.pb", "half")
    raise OSError("disk full")


def test_nothing_is_left_after_a_failure(tmp_path, model, monkeypatch):
    archive_type = type(keras.export.ExportArchive())
    monkeypatch.setattr(archive_type, "write_out", fail_after_some_files)
    with pytest.raises(OSError, match="disk full"):
        keras_elastic.export.saved_model(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_refuses_a_regression(tmp_path):
    model = build_model(classes=3)
    model.compile("sgd", "mse")
    words = ("`model` must be a classifier", "regression", "model.export")
    assert_refused(words, tmp_path / "served", model)


def test_overwriting_replaces_the_version_whole(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "of_the_first").touch()
    other = build_model(classes=3)
    path = keras_elastic.export.saved_model(other, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert not (path / "of_the_first").exists()
    assert len(top_classes_of(path)) == 3


def test_the_version_stays_if_overwriting_fails(tmp_path, model, monkeypatch):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "of_the_first").touch()
    archive_type = type(keras.export.ExportArchive())
    monkeypatch.setattr(archive_type, "write_out", fail_after_some_files)
    with pytest.raises(OSError, match="disk full"):
        keras_elastic.export.saved_model(model, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert (tmp_path / "1" / "of_the_first").exists()
