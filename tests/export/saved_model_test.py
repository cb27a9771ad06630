"""The SavedModel answers as the model does.

Tests of `export/signatures.py`, too.
"""

import pathlib

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from served_child import CLASSES
from served_child import NAMES
from served_child import RESOLUTION
from served_child import build_model
from served_child import draw_images
from served_child import export
from served_child import load_signatures
from served_child import logits_of
from served_child import probabilities_of
from served_child import top_classes_of
from tensorflow.core.protobuf import saved_model_pb2

import keras_elastic.export


@pytest.fixture(scope="module")
def model():
    return build_model()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return export(model, tmp_path_factory.mktemp("served") / "child")


@pytest.fixture(scope="module")
def signatures(exported):
    yield from load_signatures(exported)


def crop_and_resize(images, resolution=RESOLUTION):
    """The image preparation, written a second time without Keras."""
    height, width = images.shape[1:3]
    size = min(height, width)
    row, column = (height - size) // 2, (width - size) // 2
    square = images[:, row : row + size, column : column + size]
    resized = tf.image.resize(
        square, (resolution, resolution), method="bicubic", antialias=True
    )
    return np.clip(resized, 0.0, 255.0)


def test_layout(exported):
    assert exported.name == "3"
    assert [path.name for path in exported.parent.iterdir()] == ["3"]
    assert (exported / "saved_model.pb").is_file()
    assert (exported / "variables" / "variables.index").is_file()


def test_permissions_are_the_usual_ones(exported, tmp_path):
    usual = tmp_path / "usual"
    usual.mkdir()
    assert exported.stat().st_mode == usual.stat().st_mode


def test_only_the_used_variables_are_stored(exported):
    stored = tf.train.list_variables(str(exported / "variables/variables"))
    shapes = [
        tuple(shape)
        for name, shape in stored
        if name.startswith("_all_variables")
    ]
    # The normalization is folded into the convolution.
    assert sorted(shapes) == [(3, 3, 3, 8), (7,), (8,), (8, 7)]


def test_the_model_is_stored_once(exported):
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((exported / "saved_model.pb").read_bytes())
    functions = proto.meta_graphs[0].graph_def.library.function
    operations = [
        node.op for function in functions for node in function.node_def
    ]
    assert operations.count("Conv2D") == 1


def test_signature_of_images(signatures):
    signature = signatures["serving_default"]
    _, inputs = signature.structured_input_signature
    assert list(inputs) == ["images"]
    assert inputs["images"].dtype == tf.uint8
    assert inputs["images"].shape.as_list() == [None, None, None, 3]
    outputs = {
        name: (spec.dtype, spec.shape.as_list())
        for name, spec in signature.structured_outputs.items()
    }
    assert outputs == {
        "probabilities": (tf.float32, [None, CLASSES]),
        "top_classes": (tf.string, [None, 3]),
        "top_probabilities": (tf.float32, [None, 3]),
    }


def test_signature_of_tensors(signatures):
    signature = signatures["serve_tensors"]
    _, inputs = signature.structured_input_signature
    assert list(inputs) == ["images"]
    assert inputs["images"].dtype == tf.float32
    assert inputs["images"].shape.as_list() == [None, RESOLUTION, RESOLUTION, 3]
    outputs = {
        name: (spec.dtype, spec.shape.as_list())
        for name, spec in signature.structured_outputs.items()
    }
    assert outputs == {
        "logits": (tf.float32, [None, CLASSES]),
        "probabilities": (tf.float32, [None, CLASSES]),
    }


def test_tensors_equal_the_model(signatures, model):
    images = draw_images(4, RESOLUTION, RESOLUTION).astype("float32")
    outputs = signatures["serve_tensors"](images=tf.constant(images))
    expected = logits_of(model, images)
    np.testing.assert_allclose(outputs["logits"], expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        outputs["probabilities"],
        probabilities_of(model, images),
        rtol=0,
        atol=1e-5,
    )


def test_an_image_of_the_models_size_is_not_changed(signatures, model):
    images = draw_images(4, RESOLUTION, RESOLUTION)
    outputs = signatures["serving_default"](images=tf.constant(images))
    expected = probabilities_of(model, images)
    # The classes must differ enough for a wrong preparation to show.
    assert np.ptp(expected, axis=1).min() > 0.1
    np.testing.assert_allclose(
        outputs["probabilities"], expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    "size",
    [
        (40, 40),
        (9, 9),
        (33, 20),
        (20, 33),
        (16, 40),
        (3, 50),
        (1, 1),
        (20, 10_000),
    ],
)
def test_other_sizes_are_cropped_and_resized(signatures, model, size):
    images = draw_images(2, *size)
    outputs = signatures["serving_default"](images=tf.constant(images))
    expected = probabilities_of(model, crop_and_resize(images))
    np.testing.assert_allclose(
        outputs["probabilities"], expected, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("axis", [1, 2])
def test_only_the_center_counts(signatures, axis):
    images = draw_images(1, RESOLUTION, RESOLUTION)
    padding = [(0, 0)] * 4
    padding[axis] = (10, 10)
    wide = np.pad(images, padding, constant_values=255)
    serve = signatures["serving_default"]
    np.testing.assert_allclose(
        serve(images=tf.constant(wide))["probabilities"],
        serve(images=tf.constant(images))["probabilities"],
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss, multi_label, independent",
    [
        (None, True, True),
        (keras.losses.BinaryCrossentropy(from_logits=True), None, True),
        (keras.losses.BinaryCrossentropy(from_logits=True), False, False),
    ],
)
def test_probabilities_of_several_labels(
    tmp_path, loss, multi_label, independent
):
    model = build_model()
    if loss is not None:
        model.compile(loss=loss)
    path = keras_elastic.export.saved_model(
        model, tmp_path, class_names=NAMES, top=2, multi_label=multi_label
    )
    loaded = tf.saved_model.load(str(path))
    images = draw_images(3, RESOLUTION, RESOLUTION)
    logits = logits_of(model, images)
    expected = (tf.nn.sigmoid if independent else tf.nn.softmax)(logits)
    outputs = loaded.signatures["serving_default"](images=tf.constant(images))
    np.testing.assert_allclose(
        outputs["probabilities"], expected, rtol=0, atol=1e-5
    )
    best = np.argsort(-logits, axis=1)[:, :2]
    assert outputs["top_classes"].numpy().tolist() == [
        [NAMES[index].encode() for index in row] for row in best
    ]


def test_top_classes_are_names_best_first(signatures, model):
    images = draw_images(5, RESOLUTION, RESOLUTION)
    outputs = signatures["serving_default"](images=tf.constant(images))
    probabilities = probabilities_of(model, images)
    order = np.argsort(-probabilities, axis=1)[:, :3]
    names = [
        [name.decode() for name in row]
        for row in outputs["top_classes"].numpy()
    ]
    assert names == [[NAMES[index] for index in row] for row in order]
    np.testing.assert_allclose(
        outputs["top_probabilities"],
        np.take_along_axis(probabilities, order, axis=1),
        rtol=0,
        atol=1e-5,
    )


def test_class_names_of_the_model_and_top_capped(tmp_path):
    model = build_model(classes=3)
    model.class_names = ("ant", "bee", "cat")
    path = keras_elastic.export.saved_model(model, tmp_path)
    assert path == tmp_path / "1"
    assert sorted(top_classes_of(path)) == ["ant", "bee", "cat"]


def test_class_names_default_to_indices(tmp_path):
    path = keras_elastic.export.saved_model(
        build_model(classes=3), str(tmp_path / "new" / "folder"), top=2
    )
    names = top_classes_of(path)
    assert len(names) == 2
    assert set(names) < {"0", "1", "2"}


def test_mixed_precision_serves_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model()
    finally:
        keras.config.set_dtype_policy("float32")
    path = keras_elastic.export.saved_model(model, tmp_path)
    loaded = tf.saved_model.load(str(path))
    outputs = loaded.signatures["serve_tensors"](
        images=tf.zeros((1, RESOLUTION, RESOLUTION, 3))
    )
    assert outputs["logits"].dtype == tf.float32


@pytest.mark.parametrize(
    ("signature", "images"),
    [
        ("serving_default", tf.zeros((0, 9, 5, 3), "uint8")),
        ("serve_tensors", tf.zeros((0, RESOLUTION, RESOLUTION, 3))),
        ("serve_bytes", tf.zeros((0,), "string")),
    ],
)
def test_no_images_have_no_answers(signatures, signature, images):
    outputs = signatures[signature](images=images)
    assert outputs["probabilities"].shape == (0, CLASSES)
    for name, values in outputs.items():
        assert len(values) == 0, name


def test_labels(exported):
    labels = (exported / "assets.extra/labels.txt").read_text("utf-8")
    assert labels == "\n".join(NAMES) + "\n"


def served_scores(model, folder, images):
    path = keras_elastic.export.saved_model(model, folder)
    serve = tf.saved_model.load(str(path)).signatures["serve_tensors"]
    return {k: v.numpy() for k, v in serve(images=tf.constant(images)).items()}


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_of_a_model_are_served_as_they_are(tmp_path, activation):
    child = build_model(classes=3)
    outputs = keras.layers.Activation(activation)(child.output)
    model = keras.Model(child.inputs, outputs, name="ended")
    size = model.input_shape[1]
    images = np.random.default_rng(0).uniform(0, 255, (4, size, size, 3))
    images = images.astype("float32")
    got = served_scores(model, tmp_path, images)
    np.testing.assert_allclose(
        got["probabilities"], model.predict(images, verbose=0), atol=1e-6
    )
    logits = child.predict(images, verbose=0)
    if activation == "softmax":
        # Up to a number for each image, which a softmax does not see.
        logits = logits - logits.mean(-1, keepdims=True)
        got["logits"] = got["logits"] - got["logits"].mean(-1, keepdims=True)
    np.testing.assert_allclose(got["logits"], logits, atol=1e-3)


def test_names_of_a_child_in_a_model(tmp_path):
    child = build_model(classes=3)
    child.class_names = ("ant", "bee", "cat")
    size = child.input_shape[1]
    outer = keras.Sequential([keras.Input((size, size, 3)), child])
    path = keras_elastic.export.saved_model(outer, tmp_path)
    labels = (path / "assets.extra/labels.txt").read_text("utf-8")
    assert labels.split() == ["ant", "bee", "cat"]


LOAD = """
import sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
assert "keras_elastic" not in sys.modules
image = tf.io.parse_tensor(tf.io.read_file(sys.argv[2]), tf.uint8)
outputs = loaded.signatures["serving_default"](images=image)
print([float(x) for x in outputs["probabilities"][0]])
"""


@pytest.mark.slow
def test_loads_with_tensorflow_alone(exported, model, tmp_path):
    images = draw_images(1, RESOLUTION, RESOLUTION)
    file = tmp_path / "image"
    file.write_bytes(tf.io.serialize_tensor(images).numpy())
    # A folder without this library in it.
    result = forked.run("-c", LOAD, exported, file, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    printed = [float(x) for x in result.stdout.strip("[]\n").split(",")]
    np.testing.assert_allclose(
        [printed], probabilities_of(model, images), rtol=0, atol=1e-5
    )


def saved_model_cli(*arguments):
    """What the tool that comes with TensorFlow prints."""
    tools = pathlib.Path(tf.__file__).parent / "python" / "tools"
    result = forked.run(tools / "saved_model_cli.py", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.exhaustive
def test_saved_model_cli_shows_the_signatures(exported):
    printed = saved_model_cli("show", "--dir", exported, "--all")
    for name in ("serving_default", "serve_bytes", "serve_tensors"):
        assert f"signature_def['{name}']" in printed
    assert "shape: (-1, -1, -1, 3)" in printed
    assert f"shape: (-1, {CLASSES})" in printed


@pytest.mark.slow
def test_saved_model_cli_runs_a_signature(exported, model, tmp_path):
    images = draw_images(3, RESOLUTION, RESOLUTION)
    np.save(tmp_path / "images.npy", images)
    saved_model_cli(
        "run",
        *("--dir", exported, "--tag_set", "serve"),
        *("--signature_def", "serving_default", "--outdir", tmp_path),
        *("--inputs", f"images={tmp_path / 'images.npy'}"),
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "probabilities.npy"),
        probabilities_of(model, images),
        rtol=0,
        atol=1e-5,
    )
