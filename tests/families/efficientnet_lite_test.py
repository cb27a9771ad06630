import dataclasses

import family_checks
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.models import build_child
from keras_elastic.spaces import costs

# Multiply-adds and parameters of 1000 classes: those of Lite0 to Lite2 are
# checked against the published files of weights, the others against the
# release's 8.2 and 13.0 M parameters.
NETWORKS = {
    "efficientnet_lite0": (224, 385_187_552, 4_652_008),
    "efficientnet_lite1": (240, 600_185_232, 5_416_680),
    "efficientnet_lite2": (260, 859_736_272, 6_092_072),
    "efficientnet_lite3": (280, 1_383_321_872, 8_197_096),
    "efficientnet_lite4": (300, 2_553_034_336, 13_006_568),
}
SPACE = families.get("bignas_lite").space
# The same space at a size for tests.
SMALL = families.get("bignas_lite", resolution=(32, 64))


@pytest.mark.parametrize("name", NETWORKS)
def test_published_networks(name):
    family, arch = families.network(name)
    found = costs(family.plan(arch, 1000))
    assert (arch.resolution, *found[:2]) == NETWORKS[name]


def test_blocks_of_lite0():
    family, arch = families.network("efficientnet_lite0")
    assert arch.depth == (1, 2, 2, 3, 3, 4, 1)
    child = build_child(family.plan(arch, 10))
    kinds = {type(layer) for layer in child.layers}
    # No squeeze-excite, and shortcuts only where nothing changes.
    assert keras.layers.Multiply not in kinds
    added = [x for x in child.layers if isinstance(x, keras.layers.Add)]
    assert len(added) == sum(arch.depth) - len(arch.depth)
    activations = {
        layer.activation
        for layer in child.layers
        if type(layer) is keras.layers.Activation and layer.name != "logits"
    }
    assert activations == {keras.activations.relu6}


def test_pixels_of_the_release():
    family, arch = families.network("efficientnet_lite0")
    child = build_child(family.plan(arch, 10))
    rescaling = keras.Model(
        child.inputs[0], child.get_layer("rescaling").output
    )
    pixels = np.array([0, 127, 255], "float32")
    images = np.broadcast_to(pixels[:, None, None, None], (3, 224, 224, 3))
    got = np.asarray(rescaling(images))[:, 0, 0, 0]
    np.testing.assert_allclose(got, (pixels - 127) / 128, atol=1e-6)


def test_lite0_is_the_largest_of_the_space():
    family, arch = families.network("efficientnet_lite0")
    largest = families.get("bignas_lite").plan(SPACE.largest, 1000)
    assert SPACE.largest == arch
    theirs = family.plan(arch, 1000)
    names = [
        [operation.name for b in plan.blocks for operation in b.every_operation]
        for plan in (largest, theirs)
    ]
    assert costs(largest) == costs(theirs)
    assert set(names[1]) <= set(names[0])


def test_the_budgets_are_within_reach():
    family = families.get("bignas_lite")
    low, high = (
        costs(family.plan(arch, 200)).flops
        for arch in (SPACE.smallest, SPACE.largest)
    )
    assert low < 25e6 and high > 380e6
    assert min(SPACE.resolution) == 64 and max(SPACE.resolution) == 224


@pytest.mark.exhaustive
def test_costs_of_children():
    archs = [SMALL.space.smallest, *family_checks.sample(SMALL, 1)]
    family_checks.check_costs_of_children(SMALL, archs)


def test_costs_of_many():
    family_checks.check_costs_of_many(families.get("bignas_lite"), 10_000)


@pytest.mark.exhaustive
def test_subnets():
    smallest = dataclasses.replace(SMALL.space.smallest, resolution=64)
    archs = [smallest, *family_checks.sample(SMALL, 1)]
    family_checks.check_subnets(SMALL, archs)


def test_json():
    family_checks.check_json(families.get("bignas_lite"))
