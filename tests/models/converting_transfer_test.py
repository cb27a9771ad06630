"""Networks by name with the weights of models of the same architecture.

Tests of `models/converting/transfer.py`.
"""

import contracts
import keras
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic.models.converting import transfer
from keras_elastic.models.converting.named import pixels_of


def application(name, size, classes=7, **options):
    """A network of keras.applications with random weights and statistics."""
    build = getattr(keras.applications, transfer.APPLICATIONS[name])
    model = build(
        input_shape=(size, size, 3),
        weights=None,
        classes=classes,
        classifier_activation=None,
        **options,
    )
    contracts.randomize(model)
    return model


def prepared(name, images):
    """What `preprocess_input` makes of images."""
    pixels = pixels_of(getattr(keras.applications, transfer.APPLICATIONS[name]))
    images = images.astype("float64")
    if pixels["channel_order"] == "bgr":
        images = images[..., ::-1]
    return (images * pixels["scale"] + pixels["offset"]).astype("float32")


def run(model, images):
    return np.asarray(model(images, training=False))


def check_equal(name, model, size, tolerance=1e-4):
    images = contracts.random_images(3, size)
    network = ke.build(name, weights=model)
    assert network.name == name
    assert network.input_shape == (None, size, size, 3)
    expected = run(model, prepared(name, images))
    logits = run(network, images)
    largest = np.abs(expected).max()
    assert largest > 0
    np.testing.assert_allclose(
        logits / largest, expected / largest, rtol=0, atol=tolerance
    )
    return network


@pytest.fixture(scope="module")
def mobilenet():
    return application("mobilenet_v1", 32)


def test_a_network_of_keras_applications(mobilenet):
    network = check_equal("mobilenet_v1", mobilenet, 32)
    # Every weight has its place, and every place its weight.
    assert network.count_params() == mobilenet.count_params()
    alike = ke.build("mobilenet_v1", classes=7, resolution=32)
    assert [layer.name for layer in network.layers] == [
        layer.name for layer in alike.layers
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, size",
    [
        # As the small one, with more blocks, and with fewer kinds of layers.
        pytest.param("mobilenet_v3_large", 64, marks=pytest.mark.exhaustive),
        pytest.param("mobilenet_v2", 64, marks=pytest.mark.exhaustive),
        ("mobilenet_v3_small", 64),
        ("efficientnet_b0", 64),
        pytest.param("resnet50", 64, marks=pytest.mark.exhaustive),
        pytest.param("vgg16", 224, marks=pytest.mark.exhaustive),
    ],
)
def test_all_networks_of_keras_applications(name, size):
    model = application(name, size)
    network = check_equal(name, model, size)
    own = ("normalization", "rescaling")
    known = sum(
        layer.count_params()
        for layer in model.layers
        if not layer.name.startswith(own)
    )
    assert network.count_params() == known


def test_a_file_and_another_resolution(mobilenet, tmp_path):
    mobilenet.save(tmp_path / "mine.keras")
    network = ke.build(
        "mobilenet_v1", weights=tmp_path / "mine.keras", resolution=40
    )
    assert network.input_shape == (None, 40, 40, 3)
    expected = ke.build("mobilenet_v1", weights=mobilenet).get_weights()
    for ours, theirs in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_pixels_of_ones_own(mobilenet):
    network = ke.build("mobilenet_v1", weights=mobilenet, scale=1 / 255)
    images = contracts.random_images(2, 32)
    np.testing.assert_allclose(
        run(network, images),
        run(mobilenet, images / 255),
        atol=1e-4,
    )


def test_a_network_of_this_package_reads_pixels_itself(mobilenet):
    network = ke.build("mobilenet_v1", weights=mobilenet)
    network.class_names = tuple("abcdefg")
    again = ke.build("mobilenet_v1", weights=network)
    images = contracts.random_images(2, 32)
    np.testing.assert_allclose(
        run(again, images),
        run(network, images),
        rtol=0,
        atol=1e-5,
    )
    assert again.class_names == network.class_names


@pytest.mark.exhaustive
def test_shortcuts_that_pool_and_project():
    model = ke.build("attentivenas_a0", classes=3, resolution=64)
    contracts.randomize(model)
    network = ke.build("attentivenas_a0", weights=model)
    images = contracts.random_images(2, 64)
    np.testing.assert_allclose(
        run(network, images), run(model, images), rtol=0, atol=1e-4
    )
    assert network.count_params() == model.count_params()


def narrow():
    return keras.applications.MobileNet(
        input_shape=(32, 32, 3),
        alpha=0.5,
        weights=None,
        classes=7,
        classifier_activation=None,
    )


def other():
    inputs = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(32, 3, 2, "same", use_bias=False)(inputs)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.ReLU(6.0)(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(7)(features))


def strided(mobilenet):
    """Another network of the same weights: one block does not stride."""
    config = mobilenet.get_config()
    for layer in config["layers"]:
        if layer["config"]["name"] == "conv_dw_12":
            layer["config"]["strides"] = (1, 1)
        if layer["config"]["name"] == "conv_pad_12":
            layer["config"]["padding"] = ((1, 1), (1, 1))
    return keras.Model.from_config(config)


@pytest.mark.parametrize(
    "make, words",
    [
        (narrow, "architecture of 'mobilenet_v1'.*filters=32.*filters=16"),
        (other, "architecture of 'mobilenet_v1'"),
    ],
)
def test_other_architectures(make, words):
    with pytest.raises(ValueError, match=words):
        ke.build("mobilenet_v1", weights=make())


def test_another_stride(mobilenet):
    with pytest.raises(ValueError, match="strides of 2 in 'block12'"):
        ke.build("mobilenet_v1", weights=strided(mobilenet))


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("mobilenet_v1", {"classes": 3}, "`classes` must be .*7"),
        ("mobilenet_v1", {"alpha": 3}, "have variants"),
        ("mobilenet_v9", {}, "`name` must be"),
        ("mobilenet_v2", {}, "architecture of 'mobilenet_v2'"),
        ("mobilenet_v1", {"scale": "1"}, "`scale` must be"),
    ],
)
def test_wrong_arguments(mobilenet, name, options, words):
    with pytest.raises(ValueError, match=words):
        ke.build(name, weights=mobilenet, **options)


def test_a_softmax_and_an_absent_file(tmp_path):
    softmax = keras.applications.MobileNet(
        input_shape=(32, 32, 3), weights=None, classes=7
    )
    with pytest.raises(ValueError, match="`weights` must be.*must return log"):
        ke.build("mobilenet_v1", weights=softmax)
    with pytest.raises(ValueError, match="`weights` must be.*absent.keras"):
        ke.build("mobilenet_v1", weights=tmp_path / "absent.keras")
