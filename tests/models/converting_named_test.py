"""Families of models by name: what stands behind `elastic:`.

Tests of `models/converting/named.py`, too.
"""

import os

import contracts
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.models.converting import named

layers = keras.layers


def make_model(units=3):
    inputs = keras.Input((16, 16, 3))
    features = layers.Conv2D(16, 3, 2, "same", name="first")(inputs)
    features = layers.BatchNormalization(name="norm")(features)
    features = layers.ReLU(name="relu")(features)
    features = layers.Conv2D(24, 3, padding="same", name="second")(features)
    features = layers.GlobalAveragePooling2D(name="pool")(features)
    outputs = layers.Dense(units, name="classes")(features)
    model = keras.Model(inputs, outputs, name="whatever")
    contracts.randomize(model)
    return model


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.keras"
    make_model().save(path)
    return path


@pytest.fixture
def offline(monkeypatch):
    """A network of keras.applications without one."""

    def build(weights, classifier_activation):
        assert classifier_activation is None
        if weights is not None:
            raise Exception("URL fetch failure")
        return make_model(1000)

    build.__module__ = keras.applications.MobileNet.__module__
    monkeypatch.setattr(keras.applications, "MobileNet", build)
    named._read_family.cache_clear()
    yield "keras.applications:MobileNet"
    named._read_family.cache_clear()


def test_a_registered_family():
    family = named.find_family("bignas_digits", resolution=(8,))
    assert family == families.get("bignas_digits", resolution=(8,))


def test_the_family_of_a_file(file):
    family = named.find_family(f"elastic:{file}")
    assert family == keras_elastic.elastic(file, name="mine").family
    # A recipe asks again and again.
    assert named.find_family(f"elastic:{file}") is family


def test_arguments_of_elastic(file):
    family = named.find_family(f"elastic:{file}", width=[1.0], hidden=[1.0])
    expected = keras_elastic.elastic(
        file, name="mine", width=(1.0,), hidden=(1.0,)
    )
    assert family == expected.family
    with pytest.raises(ValueError, match="arguments of .*'stem'"):
        named.find_family(f"elastic:{file}", stem=3)


def test_a_file_that_was_written_anew(file):
    before = named.find_family(f"elastic:{file}")
    inputs = keras.Input((16, 16, 3))
    features = layers.Conv2D(40, 3, name="only")(inputs)
    features = layers.GlobalAveragePooling2D()(features)
    keras.Model(inputs, layers.Dense(3)(features)).save(file)
    os.utime(file, (1, 1))
    assert named.find_family(f"elastic:{file}") != before


def test_a_supernet_with_weights(file):
    supernet = named.load_elastic(str(file))
    images = contracts.random_images(2, 16)
    expected = make_model()(images, training=False)
    got = supernet(
        images, supernet.space.largest, statistics=supernet.initial_statistics
    )
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "name, words",
    [
        ("elastic:absent.keras", "exists.*'absent.keras'"),
        ("elastic:setup.cfg", ".keras file.*'setup.cfg'"),
        ("elastic:keras.applications:resnet", "NAME of .*'ResNet50'"),
        ("elastic:", ".keras file"),
        ("elastik:model.keras", "must be one of"),
    ],
)
def test_unknown_names(name, words):
    with pytest.raises(ValueError, match=words):
        named.find_family(name)


def test_a_network_of_keras_applications(offline):
    family = named.find_family(f"elastic:{offline}")
    assert family.name == "mobilenet"
    assert (family.scale, family.offset) == (1 / 127.5, -1.0)


def test_weights_that_cannot_be_downloaded(offline):
    words = "keras.applications:MobileNet'.*cannot download.*URL.*'random'"
    with pytest.raises(ValueError, match=words):
        named.load_elastic(offline)


@pytest.mark.parametrize(
    "name", ["MobileNetV2", "ResNet50", "DenseNet121", "EfficientNetB0"]
)
def test_pixels_are_those_of_the_network(name):
    build = getattr(keras.applications, name)
    pixels = named.pixels_of(build)
    images = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3))
    module = named.sys.modules[build.__module__]
    expected = module.preprocess_input(images.copy())
    if pixels["channel_order"] == "bgr":
        images = images[..., ::-1]
    got = images * pixels["scale"] + pixels["offset"]
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.slow
def test_names_of_weights_are_the_same_each_time():
    source = "keras.applications:MobileNetV3Small"
    one, other = (
        named._read_family.__wrapped__(source, "{}", None) for _ in range(2)
    )
    assert names_of_weights(one) == names_of_weights(other)


def names_of_weights(family):
    plan = family.plan(family.space.largest, 10)
    return [
        operation.name
        for block in plan.blocks
        for operation in block.every_operation
        if hasattr(operation, "use_bias") or hasattr(operation, "zero_gamma")
    ]
