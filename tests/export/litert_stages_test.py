"""Models that decide on the way, joined from the signatures of one file.

Tests of `export/stages.py`, `conditional/basisnet/phone.py` and
`conditional/dsnet/phone.py`.
"""

import basisnet_tiny
import dsnet_models
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic.export.stages import Stage
from keras_elastic.export.stages import examples_of

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

# Largest difference of a logit, as a part of the largest logit.
TOLERANCES = {None: 1e-4, "float16": 2e-2, "dynamic": 0.1, "int8": 0.25}


quantizations = pytest.mark.parametrize(
    "quantization",
    [
        # The page on these models writes such files.
        pytest.param(None, marks=pytest.mark.exhaustive),
        pytest.param("int8", marks=pytest.mark.slow),
        # As of any child, for which `litert_test.py` has tests.
        pytest.param("float16", marks=pytest.mark.exhaustive),
        pytest.param("dynamic", marks=pytest.mark.exhaustive),
    ],
)


@pytest.fixture(scope="module")
def basisnet():
    return basisnet_tiny.make(exit_threshold=0.5)


@pytest.fixture(scope="module")
def dsnet():
    images = dsnet_models.make_images(64)
    return dsnet_models.make(dsnet_models.MOBILENET, images, (2, 4))


def runners(model, path, quantization, images):
    calibration = images if quantization == "int8" else None
    ke.export.litert(model, path, quantization, calibration)
    file = interpreter.Interpreter(str(path))
    return {n: file.get_signature_runner(n) for n in file.get_signature_list()}


def check(got, want, quantization):
    scale = max(np.abs(want).max(), 1.0) if quantization else 1.0
    error = np.abs(np.concatenate(got) - want).max()
    assert error <= TOLERANCES[quantization] * scale


@quantizations
def test_the_stages_of_a_basisnet(basisnet, tmp_path, quantization):
    images = basisnet_tiny.images(8)
    run = runners(basisnet, tmp_path / "b.tflite", quantization, images)
    light, coefficients = map(np.asarray, basisnet.preview(images))
    first = [run["first"](images=image[None]) for image in images]
    check([o["logits"] for o in first], light, quantization)
    exits = np.exp(light).max(-1) / np.exp(light).sum(-1)
    got = np.concatenate([o["confidence"] for o in first])
    np.testing.assert_allclose(
        got, exits, atol=TOLERANCES[quantization] if quantization else 1e-4
    )
    second = [
        run["second"](images=image[None], coefficients=o["coefficients"])
        for image, o in zip(images, first, strict=True)
    ]
    want = np.asarray(basisnet.specialize(images, coefficients))
    check([o["logits"] for o in second], want, quantization)


@quantizations
def test_the_gate_and_the_widths_of_a_dsnet(dsnet, tmp_path, quantization):
    images = dsnet_models.make_images(64)[:8]
    run = runners(dsnet, tmp_path / "d.tflite", quantization, images)
    assert set(run) == {"gate", "width_0", "width_1", "width_2"}
    want, chosen = map(np.asarray, dsnet.route(images))
    got, widths = [], []
    for image in images:
        seen = run["gate"](images=image[None])
        # In integers an image may be on the other side of a tie.
        seen.pop("width") if quantization else widths.append(seen.pop("width"))
        width = chosen[len(got), 0]
        got.append(run[f"width_{width}"](**seen)["logits"])
    if not quantization:
        np.testing.assert_array_equal(np.concatenate(widths), chosen[:, 0])
    check(got, want, quantization)


@pytest.mark.slow
def test_two_gates(tmp_path):
    images = dsnet_models.make_images(8)
    # Two of the three widths: each way is a signature.
    model = dsnet_models.make(dsnet_models.RESNET, images, (50, 100))
    run = runners(model, tmp_path / "d.tflite", None, images)
    assert len(run) == 1 + 2 + 4
    want = np.asarray(model(images))
    got = []
    for image in images:
        seen = run["gate"](images=image[None])
        first = seen.pop("width")[0]
        seen = run[f"part_1_way_{first}"](**seen)
        way = 2 * first + seen.pop("width")[0]
        got.append(run[f"part_2_way_{way}"](**seen)["logits"])
    check(got, want, None)


@pytest.mark.exhaustive
def test_half_precision_is_written_in_float32(tmp_path):
    model = basisnet_tiny.make(dtype="mixed_float16")
    images = basisnet_tiny.images(2)
    run = runners(model, tmp_path / "b.tflite", None, images)
    light, _ = model.preview(images)
    got = [run["first"](images=image[None])["logits"] for image in images]
    np.testing.assert_allclose(np.concatenate(got), light, atol=0.05)


def test_examples_follow_their_sources():
    stages = (
        Stage("a", lambda images: {"x": images + 1}, {"images": (1,)}),
        Stage("b", lambda x: {"x": 2 * x}, {"x": (1,)}, "a"),
        Stage("c", lambda x, images: {}, {"x": (1,), "images": (1,)}, "b"),
    )
    assert list(examples_of(stages, [1, 2])) == [
        ("a", {"images": 1}),
        ("b", {"x": 2}),
        ("c", {"x": 4, "images": 1}),
        ("a", {"images": 2}),
        ("b", {"x": 3}),
        ("c", {"x": 6, "images": 2}),
    ]
