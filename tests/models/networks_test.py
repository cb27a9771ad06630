import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.spaces import costs


def trainable(model):
    return sum(np.prod(v.shape) for v in model.trainable_variables)


@pytest.mark.slow
@pytest.mark.parametrize("name", families.network_names())
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
