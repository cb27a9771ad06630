"""The SavedModel answers as the model does, and is never half written.

Tests of `export/child_checks.py` and `export/signatures.py`, too.
"""

import io
import pathlib
import struct

import forked
import keras
import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_elastic.export

RESOLUTION = 16
CLASSES = 7
NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnü")


def build_model(resolution=RESOLUTION, classes=CLASSES, calibrated=True):
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization()
    inputs = keras.Input((resolution, resolution, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.ReLU()(norm(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(
        classes, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0)
    )(x)
    model = keras.Model(inputs, logits, name="child")
    if calibrated:
        norm.moving_mean.assign(np.linspace(-0.3, 0.4, 8))
        norm.moving_variance.assign(np.linspace(0.2, 1.5, 8))
    return model


def draw_images(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape + (3,), dtype=np.uint8)


def logits_of(model, pixels):
    return np.asarray(model(np.asarray(pixels, "float32"), training=False))


def probabilities_of(model, pixels):
    return tf.nn.softmax(logits_of(model, pixels)).numpy()


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


@pytest.fixture(scope="module")
def model():
    return build_model()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "child"
    return keras_elastic.export.saved_model(
        model, folder, version=3, class_names=NAMES, top=3
    )


@pytest.fixture(scope="module")
def signatures(exported):
    loaded = tf.saved_model.load(str(exported))
    # The signatures hold the loaded object's variables weakly.
    yield loaded.signatures
    del loaded


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


def top_classes_of(path):
    loaded = tf.saved_model.load(str(path))
    images = tf.constant(draw_images(1, RESOLUTION, RESOLUTION))
    outputs = loaded.signatures["serving_default"](images=images)
    return [name.decode() for name in outputs["top_classes"].numpy()[0]]


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


# Refusals: each with words of the message, and nothing written.


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


def encode(image, extension):
    return getattr(tf.io, f"encode_{extension}")(image).numpy()


def pillow(image, mode, extension):
    """The image in another mode, as a file and as RGB."""
    other = PIL.Image.fromarray(image).convert(mode)
    file = io.BytesIO()
    other.save(file, extension)
    return file.getvalue(), np.asarray(other.convert("RGB"))


def test_signature_of_bytes(signatures):
    signature = signatures["serve_bytes"]
    _, inputs = signature.structured_input_signature
    assert list(inputs) == ["images"]
    assert inputs["images"].dtype == tf.string
    assert inputs["images"].shape.as_list() == [None]
    expected = signatures["serving_default"].structured_outputs
    assert signature.structured_outputs.keys() == expected.keys()
    for name, spec in expected.items():
        assert signature.structured_outputs[name].dtype == spec.dtype
        assert signature.structured_outputs[name].shape == spec.shape


def test_bytes_of_all_sizes_in_one_batch(signatures):
    images = [draw_images(*size, seed=1) for size in [(16, 16), (40, 23)]]
    files = [encode(image, "png") for image in images]
    outputs = signatures["serve_bytes"](images=tf.constant(files))
    for number, image in enumerate(images):
        expected = signatures["serving_default"](
            images=tf.constant(image[np.newaxis])
        )
        for name in expected:
            actual = outputs[name][number : number + 1].numpy()
            if actual.dtype == object:
                assert (actual == expected[name].numpy()).all()
            else:
                np.testing.assert_allclose(actual, expected[name], atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_of_a_jpeg(signatures, model, channels):
    file = encode(draw_images(16, 16)[..., :channels], "jpeg")
    # The way that other decoders take, too.
    pixels = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy()
    pixels = pixels[np.newaxis]
    assert pixels.shape[-1] == channels
    pixels = np.broadcast_to(pixels, (1, 16, 16, 3))
    outputs = signatures["serve_bytes"](images=tf.constant([file]))
    np.testing.assert_allclose(
        outputs["probabilities"], probabilities_of(model, pixels), atol=1e-5
    )


@pytest.mark.parametrize(
    ("mode", "extension"),
    [
        ("L", "png"),
        ("LA", "png"),
        ("RGBA", "png"),
        ("P", "png"),
        ("1", "png"),
        ("L", "bmp"),
        ("RGB", "bmp"),
    ],
)
def test_bytes_become_rgb(signatures, model, mode, extension):
    file, pixels = pillow(draw_images(16, 16), mode, extension)
    outputs = signatures["serve_bytes"](images=tf.constant([file]))
    np.testing.assert_allclose(
        outputs["probabilities"],
        probabilities_of(model, pixels[np.newaxis]),
        rtol=0,
        atol=1e-5,
    )


def file_of(image, extension, **options):
    file = io.BytesIO()
    image.save(file, extension, **options)
    return file.getvalue()


def assert_seen_as(signatures, file, pixels, atol):
    """The answer to a file is that to an array."""
    outputs = signatures["serve_bytes"](images=tf.constant([file]))
    expected = signatures["serving_default"](
        images=tf.constant(pixels[np.newaxis])
    )
    np.testing.assert_allclose(
        outputs["probabilities"], expected["probabilities"], atol=atol
    )


def test_bytes_of_print_colors(signatures):
    # One color, for it is the colors that are compared, and not decoders.
    image = PIL.Image.new("RGB", (16, 16), (200, 40, 90))
    file = file_of(image.convert("CMYK"), "jpeg", quality=100)
    assert_seen_as(signatures, file, np.asarray(image), 1e-2)


def test_bytes_of_sixteen_bits_a_channel(signatures):
    pixels = draw_images(16, 16)
    file = tf.io.encode_png(pixels.astype("uint16") * 257).numpy()
    assert_seen_as(signatures, file, pixels, 1e-5)


def test_of_an_animation_the_first_image_counts(signatures):
    first, second = (PIL.Image.new("RGB", (16, 16), c) for c in ("red", "blue"))
    file = file_of(first, "gif", save_all=True, append_images=[second])
    assert_seen_as(signatures, file, np.asarray(first), 1e-5)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_noted_orientation_is_applied(signatures, orientation):
    image = PIL.Image.new("RGB", (12, 16), "red")
    image.paste("blue", (0, 0, 12, 8))
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    file = file_of(image, "jpeg", quality=100, exif=exif)
    upright = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(file)))
    assert_seen_as(signatures, file, np.asarray(upright), 1e-2)


@pytest.mark.parametrize("mode", ["P", "1"])
def test_bytes_of_a_bmp_with_a_palette(signatures, mode):
    image = PIL.Image.fromarray(draw_images(16, 16)).convert(mode)
    file = file_of(image, "bmp")
    assert_seen_as(signatures, file, np.asarray(image.convert("RGB")), 1e-5)


def test_bytes_of_a_webp(signatures):
    pixels = draw_images(16, 16)
    image = PIL.Image.fromarray(np.dstack([pixels, pixels[..., :1]]))
    file = file_of(image, "webp", lossless=True, exact=True)
    assert_seen_as(signatures, file, pixels, 1e-5)


def damaged_files():
    """Files that no client should get an answer for, by what is wrong."""
    image = draw_images(16, 16)
    png, jpeg = encode(image, "png"), encode(image, "jpeg")
    gif = file_of(PIL.Image.fromarray(image), "gif")
    bmp = file_of(PIL.Image.fromarray(image), "bmp")
    cut = {
        f"{name} cut at {where}": [file[:where]]
        for name, file in {"png": png, "jpeg": jpeg}.items()
        for where in (1, 3, 5, 17, len(file) // 2, len(file) - 20)
    }
    return {
        **cut,
        "jpeg without its end": [jpeg[:-2]],
        "gif cut": [gif[: len(gif) // 2]],
        "gif header cut": [gif[:7]],
        "bmp cut": [bmp[:-100]],
        "webp of several": [
            file_of(
                PIL.Image.fromarray(image),
                "webp",
                save_all=True,
                append_images=[PIL.Image.fromarray(image[::-1])],
            )
        ],
        "tiff": [file_of(PIL.Image.fromarray(image), "tiff")],
        "empty": [b""],
        "text": [b"no image"],
        "one of two": [png, b"no image"],
    }


@pytest.mark.parametrize("damage", damaged_files())
def test_malformed_bytes_fail_their_request_only(signatures, damage):
    serve = signatures["serve_bytes"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve(images=tf.constant(damaged_files()[damage]))
    whole = encode(draw_images(16, 16), "png")
    assert serve(images=tf.constant([whole]))["probabilities"].shape[0] == 1


def test_images_that_are_too_large_are_not_decoded(signatures):
    file = bytearray(encode(draw_images(16, 16), "png"))
    # Ten thousand pixels high, and one more wide.
    file[16:24] = struct.pack(">II", 10_001, 10_000)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="at most 100000000 pixels"
    ):
        signatures["serve_bytes"](images=tf.constant([bytes(file)]))


def test_a_wide_file(signatures):
    pixels = draw_images(20, 10_000)
    assert_seen_as(signatures, encode(pixels, "png"), pixels, 1e-5)


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


def test_refuses_a_regression(tmp_path):
    model = build_model(classes=3)
    model.compile("sgd", "mse")
    words = ("`model` must be a classifier", "regression", "model.export")
    assert_refused(words, tmp_path / "served", model)


def test_names_of_a_child_in_a_model(tmp_path):
    child = build_model(classes=3)
    child.class_names = ("ant", "bee", "cat")
    size = child.input_shape[1]
    outer = keras.Sequential([keras.Input((size, size, 3)), child])
    path = keras_elastic.export.saved_model(outer, tmp_path)
    labels = (path / "assets.extra/labels.txt").read_text("utf-8")
    assert labels.split() == ["ant", "bee", "cat"]


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
