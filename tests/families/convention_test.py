import json

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.families.convention import DEVIATION
from keras_elastic.families.convention import MEAN
from keras_elastic.models import build_child
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

# One of every class of tables.
NAMES = (
    "mobilenet_v1",
    "mobilenet_v2",
    "autoslim_mobilenet_v2",
    "mobilenet_v3_small",
    "ofa_mobilenet_v3",
    "ofa_resnet50",
    "slimmable_resnet50",
    "attentivenas",
    "efficientnet_width",
    "vgg16_pooled",
)


def plans(name, **changes):
    """The largest plan by both conventions."""
    return [
        family.plan(family.space.largest, 10)
        for family in (
            families.get(name, **changes),
            families.get(name, convention="torch", **changes),
        )
    ]


def pairs(name):
    ours, theirs = plans(name)
    for block, other in zip(ours.blocks, theirs.blocks, strict=True):
        yield from zip(
            block.every_operation, other.every_operation, strict=True
        )


@pytest.mark.parametrize("name", NAMES)
def test_strided_windows_are_padded_on_both_sides(name):
    strided = (
        primitives.Convolution,
        primitives.DepthwiseConvolution,
        primitives.MaxPooling,
    )
    for ours, theirs in pairs(name):
        if not isinstance(ours, strided):
            continue
        window = getattr(ours, "kernel_size", None) or ours.pool_size
        if ours.strides > 1 and window > 1 and ours.padding == "same":
            assert theirs.padding == "symmetric"
        else:
            assert theirs.padding == ours.padding


@pytest.mark.parametrize("name", NAMES)
def test_normalizations_have_another_epsilon(name):
    found = {
        theirs.epsilon
        for _, theirs in pairs(name)
        if isinstance(theirs, primitives.Normalization)
    }
    assert found <= {1e-5}


def test_a_table_keeps_its_own_epsilon():
    family = families.get("ofa_proxyless", convention="torch")
    plan = family.plan(family.space.smallest, 10)
    norm = plan.blocks[0].operations[1]
    assert norm.epsilon == family.epsilon == 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_costs_are_the_same(name):
    assert len({costs(plan) for plan in plans(name)}) == 1


def test_pixels_are_normalized_by_channel():
    _, plan = plans("mobilenet_v1")
    pixels = np.array([0.0, 100.0, 255.0])
    expected = (pixels / 255 - np.array(MEAN)) / np.array(DEVIATION)
    found = pixels * np.array(plan.scale) + np.array(plan.offset)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_table_keeps_its_own_pixels():
    ours, theirs = plans("bignas_lite")
    assert (theirs.scale, theirs.offset) == (ours.scale, ours.offset)


def test_a_child_is_of_stock_layers():
    _, plan = plans("mobilenet_v1", width=(25,), resolution=(32,))
    child = build_child(plan)
    padding = child.get_layer("stem_conv_pad").padding
    assert padding == ((1, 1), (1, 1))
    assert child.get_layer("stem_norm").epsilon == 1e-5


def test_the_convention_goes_into_files():
    family = families.get("ofa_mobilenet_v3", convention="torch")
    text = json.dumps(families.serialize(family))
    assert families.deserialize(json.loads(text)) == family


def test_unknown_conventions():
    with pytest.raises(ValueError, match="`convention` must be"):
        families.get("mobilenet_v1", convention="caffe")
