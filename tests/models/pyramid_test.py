"""The feature maps that a pyramid names are those that detectors read.

Tests of `models/trunk.py`, too.
"""

import contracts
import keras
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic import families
from keras_elastic.models import build_child

# Layers by stride, as one reads them off the tables of the papers: the last
# block of each resolution, before the convolution of the head.
PUBLISHED = {
    "mobilenet_v1": {
        2: "block1_pointwise_activation",
        4: "block3_pointwise_activation",
        8: "block5_pointwise_activation",
        16: "block11_pointwise_activation",
        32: "block13_pointwise_activation",
    },
    "mobilenet_v2": {
        2: "stage1_block1_project_norm",
        4: "stage2_block2_add",
        8: "stage3_block3_add",
        16: "stage5_block3_add",
        32: "stage7_block1_project_norm",
    },
    "mobilenet_v3_small": {
        2: "stem_activation",
        4: "block1_project_norm",
        8: "block3_add",
        16: "block8_add",
        32: "block11_add",
    },
    "mobilenet_v3_large": {
        2: "block1_add",
        4: "block3_add",
        8: "block6_add",
        16: "block12_add",
        32: "block15_add",
    },
    "efficientnet_b0": {
        2: "stage1_block1_project_norm",
        4: "stage2_block2_add",
        8: "stage3_block2_add",
        16: "stage5_block3_add",
        32: "stage7_block1_project_norm",
    },
    "attentivenas_a0": {
        2: "stage1_block1_add",
        4: "stage2_block3_add",
        8: "stage3_block3_add",
        16: "stage5_block3_add",
        32: "stage7_block1_add",
    },
    "bignas_650m": {
        2: "stage1_block1_add",
        4: "stage2_block2_add",
        8: "stage3_block2_add",
        16: "stage5_block4_add",
        32: "stage7_block1_add",
    },
    "resnet50": {
        2: "stem_conv_activation",
        4: "stage1_block3_after",
        8: "stage2_block4_after",
        16: "stage3_block6_after",
        32: "stage4_block3_after",
    },
}
# One of each kind of block.
BUILT = ("attentivenas_a0", "mobilenet_v1", "resnet50")
# The smallest network of a space, at its smallest resolution.
SMALLEST = {
    "ofa_mobilenet_v3": {
        2: "first_add",
        4: "stage1_block2_add",
        8: "stage2_block2_add",
        16: "stage4_block2_add",
        32: "stage5_block2_add",
    },
    "ofa_proxyless": {
        2: "first_project_norm",
        4: "stage1_block2_add",
        8: "stage2_block2_add",
        16: "stage4_block2_add",
        32: "stage6_block1_project_norm",
    },
    "ofa_resnet50": {
        2: "stem_last_conv_activation",
        4: "stage1_block2_after",
        8: "stage2_block2_after",
        16: "stage3_block4_after",
        32: "stage4_block2_after",
    },
    "ds_mobilenet_cifar10": {
        2: "stage1_block1_pointwise_activation",
        4: "stage3_block3_pointwise_activation",
        8: "stage4_block2_pointwise_activation",
    },
    "vgg16": {
        1: "stage1_activation2",
        2: "stage2_activation2",
        4: "stage3_activation3",
        8: "stage4_activation3",
        16: "stage5_activation3",
        32: "stage5_pool",
    },
    "bignas_digits": {
        1: "stage1_block1_add",
        2: "stage2_block1_add",
        4: "stage3_block1_add",
    },
}


def smallest(name):
    family = families.get(name)
    return build_child(family.plan(family.space.smallest, 5), name=name)


def make(name):
    return ke.build(name, 5) if name in PUBLISHED else smallest(name)


def check_layers(model, expected):
    pyramid = ke.feature_pyramid(model)
    assert set(pyramid.output) == {f"stride_{s}" for s in expected}
    for strides, layer in expected.items():
        features = pyramid.output[f"stride_{strides}"]
        assert features is model.get_layer(layer).output
        size = -(-model.input_shape[1] // strides)
        assert features.shape[1:3] == (size, size)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[] if name in BUILT else pytest.mark.exhaustive
        )
        for name in sorted(PUBLISHED)
    ],
)
def test_maps_of_published_networks(name):
    check_layers(make(name), PUBLISHED[name])


@pytest.mark.parametrize(
    "name",
    [
        # As the other space of this kind.
        pytest.param(name, marks=pytest.mark.exhaustive)
        if name == "ofa_proxyless"
        else name
        for name in sorted(SMALLEST)
    ],
)
def test_maps_of_small_networks(name):
    check_layers(make(name), SMALLEST[name])


@pytest.fixture(scope="module")
def child():
    model = smallest("bignas_digits")
    contracts.randomize(model)
    return model


@pytest.fixture(scope="module")
def images():
    return contracts.random_images(3, 8).astype("float32")


def test_features_are_those_inside_the_child(child, images):
    pyramid = ke.feature_pyramid(child)
    found = pyramid.predict(images, verbose=0)
    for strides, layer in SMALLEST["bignas_digits"].items():
        inner = keras.Model(child.inputs, child.get_layer(layer).output)
        np.testing.assert_allclose(
            found[f"stride_{strides}"], inner.predict(images, verbose=0)
        )
        assert np.ptp(found[f"stride_{strides}"]) > 0


def test_maps_that_are_asked_for(child):
    pyramid = ke.feature_pyramid(child, strides=[2, 4])
    assert sorted(pyramid.output) == ["stride_2", "stride_4"]
    assert list(ke.feature_pyramid(child, 2).output) == ["stride_2"]


def test_what_no_map_needs_is_left_out(child):
    names = [layer.name for layer in ke.feature_pyramid(child).layers]
    assert not any(name.startswith("head") for name in names)
    names = [layer.name for layer in ke.feature_pyramid(child, 1).layers]
    assert not any(name.startswith("stage2") for name in names)


def test_weights_are_the_childs_own(images):
    child = smallest("bignas_digits")
    pyramid = ke.feature_pyramid(child, 2)
    before = pyramid.predict(images, verbose=0)["stride_2"]
    kernel = child.get_layer("stem_conv").kernel
    kernel.assign(kernel * -2)
    after = pyramid.predict(images, verbose=0)["stride_2"]
    assert not np.allclose(before, after)


def test_a_size_that_is_rounded_up():
    # 10, 5 and 3 pixels: the last is not a fourth of the first.
    family = families.get("bignas_digits")
    arch = family.space.smallest
    plan = family.plan(type(arch)(10, *list(vars(arch).values())[1:]), 5)
    output = ke.feature_pyramid(build_child(plan)).output
    assert {n: f.shape[1] for n, f in output.items()} == {
        "stride_1": 10,
        "stride_2": 5,
        "stride_4": 3,
    }


@pytest.mark.slow
def test_a_pyramid_of_a_saved_child(child, images, tmp_path):
    child.save(tmp_path / "child.keras")
    again = keras.saving.load_model(tmp_path / "child.keras")
    expected, found = (
        ke.feature_pyramid(model).predict(images, verbose=0)
        for model in (child, again)
    )
    assert expected.keys() == found.keys()
    for name, features in expected.items():
        np.testing.assert_array_equal(found[name], features)


@pytest.mark.slow
def test_a_pyramid_is_saved_as_any_keras_model(child, images, tmp_path):
    pyramid = ke.feature_pyramid(child)
    pyramid.save(tmp_path / "pyramid.keras")
    again = keras.saving.load_model(tmp_path / "pyramid.keras")
    expected = pyramid.predict(images, verbose=0)
    for name, features in again.predict(images, verbose=0).items():
        np.testing.assert_array_equal(features, expected[name])


def test_a_detector_trains_the_child(images):
    child = smallest("bignas_digits")
    pyramid = ke.feature_pyramid(child, (2, 4))
    boxes = [
        keras.layers.Conv2D(4, 1, name=f"boxes_{name}")(features)
        for name, features in sorted(pyramid.output.items())
    ]
    detector = keras.Model(pyramid.inputs, boxes)
    # To trace the gradient takes longer than the step.
    detector.compile("sgd", loss=["mse", "mse"], run_eagerly=True)
    before = child.get_layer("stem_conv").get_weights()[0]
    detector.fit(images, [np.ones((3, 4, 4, 4)), np.ones((3, 2, 2, 4))])
    assert not np.array_equal(
        child.get_layer("stem_conv").get_weights()[0], before
    )


@pytest.mark.parametrize("strides", [(2, 3), (32,), (), 64])
def test_strides_that_are_not_there(child, strides):
    expected = r"that 'bignas_digits' has, \(1, 2, 4\)\. Received: strides="
    with pytest.raises(ValueError, match=expected):
        ke.feature_pyramid(child, strides)


def test_a_model_that_is_not_functional():
    model = keras.Sequential([keras.layers.Dense(3)])
    for refused in (model, "bignas"):
        with pytest.raises(
            ValueError, match="`model` must be a .*`keras.Model`"
        ):
            ke.feature_pyramid(refused)


def test_a_model_without_a_convolution():
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match="which has no convolution"):
        ke.feature_pyramid(keras.Model(inputs, outputs))


def test_a_layer_that_is_used_twice():
    inputs = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(3, 3, padding="same", name="twice")
    model = keras.Model(inputs, layer(layer(inputs)))
    with pytest.raises(ValueError, match="layer 'twice' is used twice"):
        ke.feature_pyramid(model)
