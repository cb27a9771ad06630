import dataclasses

import contracts
import family_checks
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families
from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.families.vgg import VGG16
from keras_elastic.models import Supernet
from keras_elastic.models import build_child
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

FLATTEN = families.get("vgg16")
POOLED = families.get("vgg16_pooled")

# With the last pooling alone, 14 pixels give the map of 7 pixels.
SMALL = VGG16(
    name="small",
    resolution=(14,),
    width=(7, 10, 15),
    total_strides=2,
)
SMALL_POOLED = VGG16(
    name="small_pooled",
    resolution=(16, 20),
    width=(7, 10, 15),
    head="pooled",
    normalize=True,
    total_strides=8,
)
SMALL_FAMILIES = pytest.mark.parametrize(
    "family", [SMALL, SMALL_POOLED], ids=lambda f: f.name
)


def arch_of(percent, resolution=224):
    return Architecture(resolution, (percent,), (), (), ())


def costs_of(family, percent, resolution=224):
    return costs(family.plan(arch_of(percent, resolution), classes=1000))


# Published figures


def test_published_network():
    found = costs_of(FLATTEN, 100)
    # Printed: 138 M parameters and 15.5 G.
    assert found[:2] == (15_470_264_320, 138_357_544)
    assert families.network("vgg16") == (FLATTEN, arch_of(100))


def test_published_network_by_formula():
    flops = params = 0
    channels, size = 3, 224
    for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            flops += 9 * channels * filters * size**2
            params += 9 * channels * filters + filters
            channels = filters
        size //= 2
    for inputs, units in ((512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)):
        flops += inputs * units
        params += inputs * units + units
    assert costs_of(FLATTEN, 100)[:2] == (flops, params)


@pytest.mark.exhaustive
def test_published_network_as_it_is_built():
    model = keras_elastic.build("vgg16")
    contracts.check_stock(model)
    assert contracts.count_flops(model) == 15_470_264_320
    assert contracts.count_params(model) == 138_357_544


@pytest.mark.exhaustive
def test_it_computes_what_the_network_of_keras_does():
    """So does what is built with its weights, for which CI has a test."""
    model = keras_elastic.build("vgg16")
    theirs = keras.applications.VGG16(weights=None, classifier_activation=None)
    family_checks.check_same_function(theirs, model)


def flattening_network(units, classes):
    """A narrow VGG-16 for images of 14 pixels, as it is usually written."""
    layers = keras.layers
    outputs = inputs = keras.Input((14, 14, 3))
    for filters, depth in ((8, 2), (16, 2), (24, 3), (48, 3), (48, 3)):
        for _ in range(depth):
            outputs = layers.Conv2D(
                filters, 3, padding="same", activation="relu"
            )(outputs)
    outputs = layers.Flatten()(layers.MaxPooling2D()(outputs))
    for _ in range(2):
        outputs = layers.Dense(units, activation="relu")(outputs)
    return keras.Model(inputs, layers.Dense(classes)(outputs))


def test_the_first_hidden_layer_is_a_dense_layer_of_the_flat_map():
    # 10 percent: 6.4, 12.8, 25.6, 51.2 filters and 409.6 units.
    plan = SMALL.plan(arch_of(10, 14), classes=10)
    theirs = flattening_network(units=408, classes=10)
    family_checks.check_same_function(theirs, build_child(plan))


# Contracts


@SMALL_FAMILIES
def test_costs_of_random_children(family):
    archs = family_checks.sample(family, 3)
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.exhaustive
@pytest.mark.parametrize("family", [FLATTEN, POOLED], ids=lambda f: f.name)
def test_costs_of_more_children(family):
    family = dataclasses.replace(family, width=(10, 25, 35, 50))
    archs = family_checks.sample(family, 8)
    family_checks.check_costs_of_children(family, archs)


@pytest.mark.parametrize(
    "family",
    [FLATTEN, POOLED, SMALL, SMALL_POOLED],
    ids=lambda f: f.name,
)
def test_costs_of_many(family):
    family_checks.check_costs_of_many(family)


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [SMALL, pytest.param(SMALL_POOLED, marks=pytest.mark.exhaustive)],
    ids=lambda f: f.name,
)
def test_subnets_and_children(family, tmp_path):
    space = family.space
    archs = [space.smallest, arch_of(10, family.resolution[0])]
    pair = family_checks.check_subnets(family, archs)
    child = pair.sliced.child(archs[0])
    contracts.check_child(child, family.plan(archs[0], 10), tmp_path)


def test_without_normalization_there_is_nothing_to_calibrate():
    supernet = Supernet(SMALL, classes=3)
    arch = SMALL.space.smallest
    images = contracts.random_images(2, 14)
    statistics = SubnetCalibrator(supernet).measure(arch, images)
    assert statistics == {}
    child = supernet.child(arch, statistics)
    assert keras_elastic.is_calibrated(child)
    np.testing.assert_allclose(
        child(images, training=False), supernet(images, arch), atol=1e-5
    )
    with pytest.raises(ValueError, match="none to calibrate"):
        keras_elastic.calibrate(child, images)


def test_with_normalization_a_child_is_calibrated():
    child = Supernet(SMALL_POOLED, classes=3).child(arch_of(7, 16))
    assert not keras_elastic.is_calibrated(child)
    keras_elastic.calibrate(child, contracts.random_images(8, 16))
    assert keras_elastic.is_calibrated(child)


@pytest.mark.parametrize(
    "family",
    [FLATTEN, POOLED, SMALL, SMALL_POOLED],
    ids=lambda f: f.name,
)
def test_json(family):
    family_checks.check_json(family)


# Structure


def operations_of(family, percent=100, resolution=224):
    plan = family.plan(arch_of(percent, resolution), 10)
    return [
        operation
        for block in plan.blocks
        for operation in block.every_operation
    ]


def of_kind(kind, operations):
    return [o for o in operations if isinstance(o, kind)]


def test_every_width_is_rounded():
    operations = operations_of(FLATTEN, percent=35)
    filters = [o.filters for o in of_kind(primitives.Convolution, operations)]
    # 22.4, 44.8, 89.6, 179.2, 179.2 filters and 1433.6 units.
    convolutions = [24] * 2 + [48] * 2 + [88] * 3 + [176] * 6
    assert filters == [*convolutions, 1432]
    dense = of_kind(primitives.Dense, operations)
    assert [o.units for o in dense] == [1432, 10]


def test_published_head_reads_seven_by_seven_pixels():
    operations = operations_of(FLATTEN)
    hidden = of_kind(primitives.Convolution, operations)[-1]
    assert (hidden.size, hidden.kernel_size) == (7, 7)
    assert hidden.padding == "valid"
    assert primitives.out_size(hidden) == 1


def test_pooled_head_has_two_hidden_dense_layers():
    operations = operations_of(POOLED, resolution=128)
    dense = of_kind(primitives.Dense, operations)
    assert [o.units for o in dense] == [4096, 4096, 10]
    assert dense[0].in_channels == 512


@pytest.mark.parametrize("family", [FLATTEN, POOLED], ids=lambda f: f.name)
def test_both_hidden_layers_are_dropped(family):
    dropouts = of_kind(primitives.Dropout, operations_of(family))
    assert [(o.channels, o.rate) for o in dropouts] == [(4096, 0.5)] * 2


@pytest.mark.parametrize("normalize", [False, True])
def test_a_normalization_takes_the_place_of_the_bias(normalize):
    family = dataclasses.replace(POOLED, normalize=normalize)
    operations = operations_of(family)
    convolutions = of_kind(primitives.Convolution, operations)
    assert len(convolutions) == 13
    assert {o.use_bias for o in convolutions} == {not normalize}
    normalizations = of_kind(primitives.Normalization, operations)
    assert len(normalizations) == 13 * normalize
    difference = costs_of(family, 100).params - costs_of(POOLED, 100).params
    assert difference == normalize * sum(o.filters for o in convolutions)


@pytest.mark.parametrize(
    "total_strides, poolings, last",
    [(None, 5, 1), (16, 4, 2), (8, 3, 4), (1, 0, 32)],
)
def test_total_strides(total_strides, poolings, last):
    family = dataclasses.replace(
        POOLED, resolution=(32,), total_strides=total_strides
    )
    plan = family.plan(arch_of(100, 32), 10)
    assert plan.blocks[4].out_size == last
    operations = operations_of(family, resolution=32)
    assert len(of_kind(primitives.MaxPooling, operations)) == poolings


# The table


def test_lists_become_tuples():
    assert VGG16("a", [224], [25]) == VGG16("a", (224,), (25,))
    assert hash(VGG16("a", [224], [25]))


@pytest.mark.parametrize(
    "changes, sizes",
    [
        ({"resolution": (192, 224)}, r"\[6, 7\]"),
        ({"resolution": (32,), "total_strides": 8}, r"\[4\]"),
    ],
)
def test_the_published_head_needs_its_resolution(changes, sizes):
    with pytest.raises(ValueError, match=f"gives {sizes}.*head='pooled'"):
        families.get("vgg16", **changes)


def test_the_published_head_at_another_resolution_and_strides():
    family = families.get("vgg16", resolution=(56,), total_strides=8)
    assert costs_of(family, 100, 56).params == costs_of(FLATTEN, 100).params


def test_an_unknown_head_lists_the_known():
    with pytest.raises(ValueError, match="'flatten', 'pooled'.*'dense'"):
        dataclasses.replace(POOLED, head="dense")


def test_impossible_strides_are_refused():
    with pytest.raises(ValueError, match="total_strides=5"):
        dataclasses.replace(POOLED, total_strides=5)


def test_a_width_between_two_choices_is_named():
    with pytest.raises(ValueError) as error:
        FLATTEN.space.validate(arch_of(53))
    message = "`width[0]` (percent of all layers) must be one of (25, 30"
    assert message in str(error.value)
    assert "is 53, between 50 and 55" in str(error.value)
