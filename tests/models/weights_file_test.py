"""Tests of `models/extraction.py`, too."""

import dataclasses

import contracts
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.families.resnet import OnceForAllResNetD
from keras_elastic.families.resnet import SlimmableResNet
from keras_elastic.models import Supernet
from keras_elastic.models.extraction import extract_child
from keras_elastic.models.weights_file import read_weights

layers = keras.layers
CLASSES = 4


def once_for_all():
    family = families.get("ofa_mobilenet_v3", kernel_transform=True)
    return dataclasses.replace(family, stages=family.stages[:2])


def resnet():
    return SlimmableResNet(
        name="tiny_resnet",
        resolution=(8,),
        width=(50, 100),
        stem=16,
        channels=(32, 64),
        depth=(1, 2),
        total_strides=2,
    )


def resnet_d():
    return OnceForAllResNetD(
        name="tiny_resnet_d",
        resolution=(8, 12),
        width=(50, 100),
        expand_ratio=(25, 50, 100),
        more_blocks=(0, 1),
        stem=16,
        channels=(16, 32),
        depth=(1, 1),
        total_strides=2,
    )


def graph():
    inputs = keras.Input((16, 16, 3))
    features = layers.Conv2D(16, 3, 2)(layers.ZeroPadding2D(1)(inputs))
    features = layers.BatchNormalization()(features)
    features = layers.ReLU()(features)
    inside = layers.Conv2D(32, 3, padding="same")(features)
    inside = layers.BatchNormalization(scale=False)(inside)
    inside = layers.ReLU()(inside)
    inside = layers.Conv2D(16, 3, padding="same")(inside)
    features = layers.Add()([features, layers.BatchNormalization()(inside)])
    features = layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, layers.Dense(CLASSES)(features))
    return keras_elastic.elastic(model).family


def narrow(name, **changes):
    return lambda: families.get(name, **changes)


FAMILIES = {
    # Those of entries.
    "bignas_lite": narrow("bignas_lite"),
    "bignas_cifar10": narrow("bignas_cifar10"),
    "bignas_digits": narrow("bignas_digits"),
    "ds_mobilenet_cifar10": narrow("ds_mobilenet_cifar10"),
    # Others of each kind.
    "mobilenet_v1": narrow("mobilenet_v1", width=(25, 30)),
    "mobilenet_v2": narrow("mobilenet_v2", width=(25, 30)),
    "mobilenet_v3": narrow("mobilenet_v3_small", width=(35, 50)),
    "efficientnet": narrow("efficientnet_width", width=(25, 30)),
    "once_for_all": once_for_all,
    "resnet": resnet,
    "resnet_d": resnet_d,
    "vgg": narrow("vgg16_pooled", width=(25, 30), resolution=(32,)),
    "graph": graph,
}


@pytest.fixture(params=[*FAMILIES, "attentive"])
def family(request, attentive_family):
    if request.param == "attentive":
        return attentive_family
    return FAMILIES[request.param]()


def write(supernet, folder):
    path = folder / "supernet.weights.h5"
    supernet.save_weights(path)
    return path


def check_equal(got, expected):
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == "float32"
        np.testing.assert_array_equal(one, other)


def test_children_are_those_of_the_supernet(family, tmp_path):
    supernet = Supernet(family, CLASSES)
    contracts.randomize(supernet)
    weights = read_weights(write(supernet, tmp_path), family, CLASSES)
    read = 0
    for name, values in weights.items():
        check_equal(values, getattr(supernet, name).get_weights())
        read += len(values)
    assert read == len(supernet.weights)
    space, rng = family.space, np.random.default_rng(0)
    for arch in (space.smallest, space.sample(rng)):
        child = extract_child(family, arch, weights.__getitem__, CLASSES)
        check_equal(child.get_weights(), supernet.child(arch).get_weights())


def test_a_file_of_another_family(attentive_family, tmp_path):
    path = write(Supernet("bignas_digits", CLASSES), tmp_path)
    with pytest.raises(ValueError, match="'tiny_attentive'.*weights.h5"):
        read_weights(path, attentive_family, CLASSES)


def test_a_file_of_fewer_layers(tmp_path):
    family = families.get("mobilenet_v1", width=(25,))
    path = write(Supernet(family, CLASSES), tmp_path)
    with pytest.raises(ValueError, match="without .*stage"):
        read_weights(path, families.get("bignas_digits"), CLASSES)
