"""An exported child runs from C, by the loader that TensorFlow Serving uses."""

import pathlib
import shutil
import subprocess

import keras
import numpy as np
import prediction_logs
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_elastic.export
from keras_elastic.export import warmup

COMPILER = shutil.which("cc") or shutil.which("gcc")
SOURCE = pathlib.Path(__file__).with_name("serve.c")
RESOLUTION = 16

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
]


def build_model():
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization()
    inputs = keras.Input((RESOLUTION, RESOLUTION, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = norm(keras.layers.Conv2D(8, 3, strides=2, padding="same")(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    model = keras.Model(inputs, keras.layers.Dense(7)(x))
    norm.moving_mean.assign(np.linspace(-0.3, 0.4, 8))
    norm.moving_variance.assign(np.linspace(0.2, 1.5, 8))
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return keras_elastic.export.saved_model(build_model(), folder)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    target = tmp_path_factory.mktemp("program") / "serve"
    libraries = tf.sysconfig.get_lib()
    subprocess.run(
        [
            COMPILER,
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            # The library's headers are not ours to mend.
            f"-isystem{tf.sysconfig.get_include()}",
            str(SOURCE),
            f"-o{target}",
            f"-L{libraries}",
            "-l:libtensorflow_cc.so.2",
            "-l:libtensorflow_framework.so.2",
            f"-Wl,-rpath,{libraries}",
        ],
        check=True,
    )
    return target


def tensor_names(path, key="serving_default"):
    """The graph's own names for the input and the probabilities."""
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((path / "saved_model.pb").read_bytes())
    (meta_graph,) = proto.meta_graphs
    assert list(meta_graph.meta_info_def.tags) == ["serve"]
    signature = meta_graph.signature_def[key]
    return (
        signature.inputs["images"].name,
        signature.outputs["probabilities"].name,
    )


def serve(program, *arguments):
    return subprocess.run(
        [str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_c_equals_python(exported, program, tmp_path):
    size = (37, 52)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, size + (3,), dtype=np.uint8)
    file = tmp_path / "image.rgb"
    file.write_bytes(image.tobytes())

    result = serve(program, exported, *tensor_names(exported), file, *size)

    assert result.returncode == 0, result.stderr
    loaded = tf.saved_model.load(str(exported))
    expected = loaded.signatures["serving_default"](
        images=tf.constant(image[np.newaxis])
    )
    np.testing.assert_allclose(
        [[float(line) for line in result.stdout.split()]],
        expected["probabilities"],
        rtol=0,
        atol=1e-5,
    )


def test_c_replays_the_warm_up_requests(exported, program, tmp_path):
    """Each as the server would send it, before it lets users in."""
    loaded = tf.saved_model.load(str(exported))
    path = exported / "assets.extra" / warmup.FILE
    replayed = []
    for request in prediction_logs.requests(path):
        key = request.model_spec.signature_name
        images = prediction_logs.images_of(request)
        assert len(images) == 1
        is_file = images.dtype == object
        file = tmp_path / key
        file.write_bytes(images[0] if is_file else images.tobytes())
        size = () if is_file else images.shape[1:3]

        names = tensor_names(exported, key)
        result = serve(program, exported, *names, file, *size)

        assert result.returncode == 0, result.stderr
        expected = loaded.signatures[key](images=tf.constant(images))
        np.testing.assert_allclose(
            [[float(line) for line in result.stdout.split()]],
            expected["probabilities"],
            rtol=0,
            atol=1e-5,
        )
        replayed.append(key)
    assert set(replayed) == set(loaded.signatures)


@pytest.mark.parametrize("extension", ["png", "jpeg"])
def test_c_equals_python_on_files(exported, program, tmp_path, extension):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (37, 52, 3), dtype=np.uint8)
    encode = getattr(tf.io, f"encode_{extension}")
    file = tmp_path / f"image.{extension}"
    file.write_bytes(encode(image).numpy())

    names = tensor_names(exported, "serve_bytes")
    result = serve(program, exported, *names, file)

    assert result.returncode == 0, result.stderr
    loaded = tf.saved_model.load(str(exported))
    expected = loaded.signatures["serve_bytes"](
        images=tf.constant([file.read_bytes()])
    )
    np.testing.assert_allclose(
        [[float(line) for line in result.stdout.split()]],
        expected["probabilities"],
        rtol=0,
        atol=1e-5,
    )


def test_c_survives_bytes_that_are_no_image(exported, program, tmp_path):
    names = tensor_names(exported, "serve_bytes")
    for content in (b"", b"\x89PNG\r\n\x1a\n" + bytes(40)):
        file = tmp_path / "image.png"
        file.write_bytes(content)
        result = serve(program, exported, *names, file)
        # An error that was reported, and not the signal of a crash.
        assert result.returncode == 1
        assert "run: " in result.stderr


def test_c_reports_errors(exported, program, tmp_path):
    names = tensor_names(exported)
    file = tmp_path / "image.rgb"
    file.write_bytes(bytes(5))

    missing = serve(program, tmp_path / "none", *names, file, 1, 1)
    short = serve(program, exported, *names, file, 16, 16)

    assert missing.returncode == 1
    assert "load: " in missing.stderr
    assert short.returncode == 1
    assert "not height * width * 3 numbers" in short.stderr
