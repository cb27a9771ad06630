import json

import command_runs
import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.export import interchange
from keras_elastic.zoo import hub

NAME = "bignas_digits"


def export(capsys, folder, *more):
    status, out, err = command_runs.run(
        capsys, "load", NAME, "--flops=3e5", f"--export={folder}", *more
    )
    # TensorFlow's converter is talkative.
    assert status == 0 and "error:" not in err
    assert "Wrote" in out and "Next: " in out
    return out


@pytest.fixture(scope="module")
def model():
    return ke.load(NAME, flops=3e5)


def test_load_says_what_it_chose(capsys):
    status, out, _ = command_runs.run(capsys, "load", NAME, "--flops=3e5")
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
    status, _, err = command_runs.run(
        capsys, "load", NAME, f"--export={tmp_path}", "--format=onnx"
    )
    assert status == 1 and "keras-elastic[onnx]" in err
    assert not list(tmp_path.iterdir())


def test_an_address_on_a_hub_is_pulled_once(capsys, tmp_path, monkeypatch):
    export(capsys, tmp_path, "--format=preset")
    address, asked, pulled = "hf://user/name", [], hub.pulled

    def pull(name):
        asked.append(str(name))
        return tmp_path / NAME if name == address else pulled(name)

    monkeypatch.setattr(hub, "pulled", pull)
    status, out, _ = command_runs.run(capsys, "load", address)
    assert status == 0 and f"{NAME}: " in out
    assert asked.count(address) == 1


def test_a_preset_is_exported_again(capsys, tmp_path):
    export(capsys, tmp_path, "--format=preset")
    status, out, _ = command_runs.run(
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
        (["load", NAME, "--format=keras"], "--export"),
        (["load", NAME, "--quantization=int8"], "is of --format=litert"),
        (["load", NAME, "--dataset=digits"], "is of --quantization=int8"),
    ],
)
def test_wrong_input_is_said_in_a_line(capsys, arguments, words):
    status, out, err = command_runs.run(capsys, *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("error: ") and words in err


def test_an_export_to_a_file(capsys, tmp_path):
    path = tmp_path / "file"
    path.touch()
    status, _, err = command_runs.run(capsys, "load", NAME, f"--export={path}")
    assert status == 1
    assert "must be a folder" in err


def test_an_export_without_a_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = command_runs.run(
        capsys, "load", NAME, "--flops=3e5", "--format=keras", "--export"
    )
    assert status == 0
    assert f"served/{NAME}/{NAME}.keras" in out
    assert (tmp_path / "served" / NAME / f"{NAME}.keras").is_file()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--latency_ms=8"], "given together"),
        (["--latency_table=phone.json"], "given together"),
        (["--latency_ms=nan", "--latency_table=a"], "--latency_ms must be"),
        (["--latency_ms=8", "--latency_table=absent.json"], "absent.json"),
    ],
)
def test_wrong_latencies(capsys, arguments, words):
    status, out, err = command_runs.run(capsys, "load", NAME, *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("error: ") and words in err
