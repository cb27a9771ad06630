"""The flatbuffer answers as the child does, on real images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic
from keras_elastic.export import litert

interpreter = pytest.importorskip("ai_edge_litert.interpreter")


@pytest.fixture(scope="module")
def digits():
    return keras_elastic.data.load_arrays("digits")


@pytest.fixture(scope="module")
def child():
    return keras_elastic.load("bignas_digits", flops=600e3)


@pytest.fixture(scope="module")
def images(digits, child):
    """Test images, as the child takes them."""
    size = child.input_shape[1]
    images = keras_elastic.layers.kernels.resize(
        digits.test.images.astype("float32"), size
    )
    return np.array(images)


@pytest.fixture(scope="module")
def expected(child, images):
    return child.predict(images, verbose=0)


@pytest.fixture(scope="module")
def whole(child, tmp_path_factory):
    """The file of the child in float32."""
    folder = tmp_path_factory.mktemp("whole")
    # In a folder that is not there yet.
    return litert(child, folder / "new" / "digits.tflite")


def logits_of(path, images):
    runner = interpreter.Interpreter(str(path)).get_signature_runner("classify")
    return np.concatenate(
        [runner(images=image[np.newaxis])["logits"] for image in images]
    )


def accuracy(logits, digits):
    return np.mean(logits.argmax(axis=1) == digits.test.labels)


def test_float32_equals_the_child(whole, images, expected):
    assert whole.parts[-2:] == ("new", "digits.tflite")
    assert [path.name for path in whole.parent.iterdir()] == ["digits.tflite"]
    np.testing.assert_allclose(
        logits_of(whole, images), expected, rtol=0, atol=1e-4
    )


def test_the_normalizations_are_folded(whole):
    lite = interpreter.Interpreter(str(whole))
    names = [op["op_name"] for op in lite._get_ops_details()]
    convolutions = [n for n in names if n.endswith("CONV_2D")]
    assert len(convolutions) > 5
    # One to scale the pixels, one for each swish and each squeeze-excite.
    logistics = names.count("LOGISTIC")
    assert names.count("MUL") <= 1 + logistics + names.count("MEAN")
    assert "VAR_HANDLE" not in names


def test_the_signature(child, whole):
    lite = interpreter.Interpreter(str(whole))
    assert lite.get_signature_list() == {
        "classify": {"inputs": ["images"], "outputs": ["logits"]}
    }
    size = child.input_shape[1]
    [images] = lite.get_input_details()
    assert images["shape"].tolist() == [1, size, size, 3]
    assert images["dtype"] == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["float16", "dynamic"])
def test_smaller_weights(
    child, whole, images, expected, digits, tmp_path, quantization
):
    path = litert(child, tmp_path / "small.tflite", quantization)
    assert path.stat().st_size < 0.75 * whole.stat().st_size
    logits = logits_of(path, images)
    # Rounded weights must show, or they were not rounded.
    difference = np.abs(logits - expected).max()
    assert 1e-5 < difference < {"float16": 0.05, "dynamic": 2.0}[quantization]
    assert accuracy(logits, digits) > accuracy(expected, digits) - 0.02


def test_full_integer(child, images, expected, digits, tmp_path):
    path = litert(
        child, tmp_path / "a.tflite", "int8", digits.train.images[:100]
    )
    lite = interpreter.Interpreter(str(path))
    [pixels] = lite.get_input_details()
    assert pixels["dtype"] == np.uint8
    assert pixels["quantization"] == (1.0, 0)
    assert lite.get_output_details()[0]["dtype"] == np.float32
    floats = [
        tensor["name"]
        for tensor in lite.get_tensor_details()
        if tensor["dtype"] == np.float32
    ]
    assert len(floats) == 1  # The logits.
    logits = logits_of(path, np.round(images).astype("uint8"))
    assert 1e-5 < np.abs(logits - expected).max()
    assert accuracy(logits, digits) > accuracy(expected, digits) - 0.03


@pytest.mark.slow
def test_calibration_images_as_batches_of_pairs(child, digits, tmp_path):
    images, labels = digits.train.images[:8], digits.train.labels[:8]
    batches = [(images[:4], labels[:4]), (images[4:], labels[4:])]
    one = litert(child, tmp_path / "a.tflite", "int8", batches)
    two = litert(child, tmp_path / "b.tflite", "int8", images)
    pixels = images[:1]
    size = child.input_shape[1]
    pixels = tf.cast(tf.image.resize(pixels, (size, size)), "uint8").numpy()
    np.testing.assert_array_equal(
        logits_of(one, pixels), logits_of(two, pixels)
    )


def test_a_file_is_replaced(child, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_text("old")
    litert(child, str(path), "float16")
    assert path.stat().st_size > 1000


# Refusals: each with words of the message, and nothing written.


def assert_refused(words, folder, model, name="a.tflite", **kwargs):
    with pytest.raises(ValueError) as error:
        litert(model, folder / name, **kwargs)
    message = str(error.value)
    assert "Received: " in message
    for word in words:
        assert word in message
    assert not list(folder.iterdir())


def test_refuses_an_uncalibrated_child(tmp_path):
    model = keras_elastic.load("bignas_digits", flops=600e3, weights=None)
    words = ("`model` must be calibrated", "keras_elastic.calibrate")
    assert_refused(words, tmp_path, model)


def test_refuses_what_is_no_model(tmp_path):
    assert_refused(("`model` must be a `keras.Model`",), tmp_path, "bignas")


@pytest.mark.parametrize("quantization", ["int4", "None", True])
def test_refuses_an_unknown_quantization(tmp_path, child, quantization):
    words = ("`quantization` must be one of", f"={quantization!r}", "'int8'")
    assert_refused(words, tmp_path, child, quantization=quantization)


def test_refuses_int8_without_images(tmp_path, child):
    words = ("`calibration_images` must be given", "'int8' and none")
    assert_refused(words, tmp_path, child, quantization="int8")


def test_refuses_images_that_it_would_not_use(tmp_path, child, digits):
    words = ("and for no other", "'dynamic' and some", "leave them out")
    assert_refused(
        words,
        tmp_path,
        child,
        quantization="dynamic",
        calibration_images=digits.train.images[:2],
    )


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "no images"),
        (np.zeros((0, 8, 8, 3)), "no images"),
        (np.zeros((2, 8, 8, 1)), "must be RGB"),
    ],
)
def test_refuses_other_calibration_images(tmp_path, child, images, words):
    assert_refused(
        (words,),
        tmp_path,
        child,
        quantization="int8",
        calibration_images=images,
    )


def test_refuses_another_suffix(tmp_path, child):
    words = ("'.tflite'", "a.bin", "a.tflite")
    assert_refused(words, tmp_path, child, name="a.bin")


def test_refuses_a_path_below_a_file(tmp_path, child):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ValueError, match="`path` must lie in a folder.*file"):
        litert(child, file / "a.tflite")


@keras.saving.register_keras_serializable(package="flatbuffer_test")
class Determinant(keras.layers.Layer):
    """An operation that LiteRT lacks."""

    def call(self, inputs):
        squares = inputs[..., 0]
        return tf.linalg.det(squares)[:, tf.newaxis] * tf.ones((1, 2))


def test_refuses_operations_that_litert_lacks(tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, Determinant()(inputs), name="odd")
    words = ("operations that LiteRT has", "model='odd'", "MatrixDeterminant")
    assert_refused(words, tmp_path, model)
