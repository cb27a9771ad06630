"""Tests of `models/statistics.py`, too."""

import dataclasses

import contracts
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.calibration import is_calibrated
from keras_elastic.models import Supernet
from keras_elastic.models import build_child
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as plan_module

FULL_SIZE = ["bignas", "attentivenas"]


def extracted(pair, arch):
    return pair.sliced.child(arch), pair.sliced.family.plan(
        arch, pair.sliced.classes
    )


@pytest.mark.parametrize("index", [0, 1])
def test_contract(pair, index, tmp_path):
    space = pair.space
    archs = [space.largest, *contracts.sample(space, 1)]
    child, plan = extracted(pair, archs[index])
    contracts.check_child(child, plan, tmp_path)


@pytest.mark.parametrize("name", ["bignas_digits", "bignas_cifar10"])
def test_costs_of_random_children(name):
    family = families.get(name)
    for arch in contracts.sample(family.space, 2, seed=4):
        plan = family.plan(arch, classes=10)
        check_costs(build_child(plan), plan)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FULL_SIZE)
def test_costs_at_full_size(name):
    family = families.get(name)
    plan = family.plan(contracts.sample(family.space, 1)[0], classes=1000)
    child = build_child(plan)
    contracts.check_stock(child)
    check_costs(child, plan)


def check_costs(child, plan):
    assert contracts.count_params(child) == costs(plan).params
    assert contracts.count_flops(child) == costs(plan).flops


def test_options_of_primitives():
    builder = PlanBuilder(resolution=9)
    with builder.block("stem"):
        builder.convolution("conv", 8, 5, strides=2, use_bias=True)
        builder.normalization("norm", epsilon=0.25)
        builder.depthwise_convolution("depthwise", 3, strides=2)
        builder.squeeze_excite("se", 2, "relu", "hard_sigmoid")
        builder.global_pooling("pool")
        builder.dropout("dropout", 0.3)
        builder.dense("classifier", 5, use_bias=False)
    plan = builder.plan()
    child = build_child(plan)
    check_costs(child, plan)
    assert child.get_layer("stem_conv").output.shape == (None, 5, 5, 8)
    assert child.get_layer("stem_norm").epsilon == 0.25
    assert child.get_layer("stem_depthwise").output.shape == (None, 3, 3, 8)
    assert child.get_layer("stem_se_reduce").activation.__name__ == "relu"
    gate = child.get_layer("stem_se_expand").activation
    assert gate.__name__ == "hard_sigmoid"
    assert child.get_layer("stem_dropout").rate == 0.3


def test_unknown_operations_are_refused():
    block = plan_module.Block("stem", True, ("pray",), None, (), 3, 3, 8, 8)
    with pytest.raises(NotImplementedError, match="str"):
        build_child(plan_module.Plan(8, (block,)))


def test_input_and_output(pair):
    arch = pair.space.smallest
    child, _ = extracted(pair, arch)
    size = arch.resolution
    assert child.input_shape == (None, size, size, 3)
    assert child.output_shape == (None, pair.sliced.classes)
    assert child.name == pair.sliced.family.name
    assert pair.sliced.child(arch, name="mine").name == "mine"


def test_depth_is_the_architectures(pair):
    largest = pair.space.largest
    shallow = dataclasses.replace(largest, depth=pair.space.smallest.depth)
    names = [layer.name for layer in pair.sliced.child(shallow).layers]
    for number, depth in enumerate(shallow.depth, start=1):
        blocks = {
            name.split("_")[1]
            for name in names
            if name.startswith(f"stage{number}_")
        }
        assert len(blocks) == depth


def test_child_is_a_copy(pair):
    arch = pair.space.smallest
    child, _ = extracted(pair, arch)
    images = contracts.random_images(2, arch.resolution)
    before = child(images, training=False)
    contracts.randomize(child, seed=9)
    assert not np.allclose(child(images, training=False), before)
    again, _ = extracted(pair, arch)
    np.testing.assert_array_equal(again(images, training=False), before)


def test_child_of_an_uncalibrated_supernet_is_not_calibrated(pair):
    child, _ = extracted(pair, pair.space.smallest)
    assert not is_calibrated(child)


def test_child_holds_the_statistics(pair):
    arch = contracts.sample(pair.space, 1)[0]
    images = contracts.random_images(4, 8)
    _, statistics = pair.sliced(images, arch, return_statistics=True)
    child = pair.sliced.child(arch, statistics)
    assert is_calibrated(child)
    for layer in child.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            _, _, mean, variance = layer.get_weights()
            live = len(mean)
            expected = statistics[layer.name][:, :live]
            np.testing.assert_array_equal([mean, variance], expected)


def test_mixed_precision_supernet_gives_a_float32_child(tmp_path):
    supernet = Supernet("bignas_digits", classes=3, dtype="mixed_float16")
    contracts.randomize(supernet)
    arch = supernet.space.smallest
    child = supernet.child(arch)
    assert child.compute_dtype == "float32"
    plan = supernet.family.plan(arch, 3)
    contracts.check_child(child, plan, tmp_path)


def test_logits_are_float32_in_mixed_precision():
    family = families.get("bignas_digits")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        child = build_child(family.plan(family.space.smallest, 3))
    finally:
        keras.config.set_dtype_policy(before)
    assert child(np.zeros((1, 8, 8, 3))).dtype == "float32"
    assert child.get_layer("stem_conv").compute_dtype == "float16"


def test_new_child_is_trainable():
    family = families.get("bignas_digits")
    child = build_child(family.plan(family.space.smallest, 3), name="fresh")
    assert child.name == "fresh"
    child.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    images = contracts.random_images(4, 8)
    before = child.get_layer("stem_conv").get_weights()[0]
    child.fit(images, np.array([0, 1, 2, 0]), verbose=0)
    assert not np.allclose(
        child.get_layer("stem_conv").get_weights()[0], before
    )
