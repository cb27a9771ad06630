"""Files for other runtimes answer as the child does."""

import keras
import numpy as np
import pytest
import tiny_child

from keras_elastic.export import interchange as module
from keras_elastic.export.interchange import FORMATS
from keras_elastic.export.interchange import interchange


@pytest.fixture(scope="module")
def child():
    return tiny_child.build()


@pytest.fixture(scope="module")
def images():
    return tiny_child.draw_images(5)


def run_onnx(path, images):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path))
    assert [i.name for i in session.get_inputs()] == ["images"]
    [logits] = session.run(None, {"images": images})
    return logits


def run_openvino(path, images):
    openvino = pytest.importorskip("openvino")
    compiled = openvino.Core().compile_model(
        str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    [logits] = compiled({"images": images}).values()
    return logits


RUN = {"onnx": run_onnx, "openvino": run_openvino}


@pytest.mark.slow
@pytest.mark.parametrize("policy", [None, "mixed_float16"])
@pytest.mark.parametrize("format", FORMATS)
def test_the_runtime_agrees(child, images, tmp_path, format, policy):
    suffix, packages, _ = FORMATS[format]
    for package in packages:
        pytest.importorskip(package)
    if policy is not None:
        child = tiny_child.of_policy(child, policy)
    path = interchange(child, tmp_path / f"tiny{suffix}", format)
    expected = child.predict(images, verbose=0)
    atol = 1e-4 if policy is None else 1e-2
    for count in (5, 1):
        logits = RUN[format](path, images[:count])
        np.testing.assert_allclose(logits, expected[:count], atol=atol)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {path.name} | ({"tiny.bin"} & names)


@pytest.mark.parametrize("format", FORMATS)
def test_refuses_another_suffix(child, tmp_path, format):
    with pytest.raises(ValueError, match=FORMATS[format][0]):
        interchange(child, tmp_path / "tiny.bin", format)
    assert not list(tmp_path.iterdir())


def test_refuses_an_uncalibrated_child(child, tmp_path):
    with pytest.raises(ValueError, match="calibrated"):
        interchange(
            keras.models.clone_model(child), tmp_path / "a.onnx", "onnx"
        )


def test_refuses_an_unknown_format(child, tmp_path):
    with pytest.raises(ValueError, match="`format`"):
        interchange(child, tmp_path / "a.onnx", "torch")


@pytest.mark.parametrize("format", FORMATS)
def test_says_what_is_missing(child, tmp_path, monkeypatch, format):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    suffix, _, _ = FORMATS[format]
    with pytest.raises(ImportError, match=rf"keras-elastic\[{format}\]"):
        interchange(child, tmp_path / f"a{suffix}", format)
    assert not list(tmp_path.iterdir())
