"""Tests of `conditional/dsnet/routing.py`, `conditional/dsnet/masked.py` and
`conditional/dsnet/weights.py`, too.
"""

import json

import dsnet_models
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import SubnetCalibrator
from keras_elastic import families
from keras_elastic.conditional import DSNet
from keras_elastic.conditional.dsnet import masked as dsnet_masked
from keras_elastic.spaces import costs

IMAGES = dsnet_models.make_images(64)


@pytest.fixture(
    scope="module", params=dsnet_models.FAMILIES, ids=lambda f: f.name
)
def model(request):
    return dsnet_models.make(request.param, IMAGES)


def as_masked(model):
    masked = DSNet.from_config({**model.get_config(), "mode": "masked"})
    masked.set_weights(model.get_weights())
    return masked


@pytest.mark.slow
def test_the_gates_choose_differently(model):
    _, chosen = model.route(IMAGES)
    for gate, indices in zip(model.gates, np.asarray(chosen).T, strict=True):
        assert len(set(indices)) == len(gate.choices)


def test_sliced_is_masked(model):
    logits, chosen = model.route(IMAGES)
    masked_logits, masked_chosen = as_masked(model).route(IMAGES)
    np.testing.assert_array_equal(chosen, masked_chosen)
    np.testing.assert_allclose(logits, masked_logits, atol=1e-4)
    assert np.std(logits, axis=0).mean() > 0.05


def test_one_image_is_as_in_a_batch(model):
    logits, chosen = model.route(IMAGES)
    singles = np.argsort(np.asarray(chosen)[:, -1])[::8]
    for place in singles:
        one, its = model.route(IMAGES[place : place + 1])
        np.testing.assert_allclose(one[0], logits[place], atol=1e-4)
        np.testing.assert_array_equal(its[0], chosen[place])


@pytest.mark.slow
def test_one_graph_for_all_batches():
    model = dsnet_models.make(dsnet_models.EFFICIENTNET, IMAGES)
    traces = []

    @tf.function(
        input_signature=[tf.TensorSpec((None, 16, 16, 3))], autograph=False
    )
    def run(images):
        traces.append(1)
        return model(images)

    for count in (64, 7, 1):
        np.testing.assert_allclose(
            run(IMAGES[:count]), model(IMAGES)[:count], atol=1e-4
        )
    assert run(IMAGES[:0]).shape == (0, dsnet_models.CLASSES)
    assert len(traces) == 1


def test_no_images(model):
    logits, chosen = model.route(IMAGES[:0])
    assert logits.shape == (0, dsnet_models.CLASSES)
    assert chosen.shape == (0, len(model.gates))
    assert as_masked(model)(IMAGES[:0]).shape == logits.shape


def test_empty_parts_run_nothing(model, monkeypatch):
    """All images choose the slimmest width: one way of each part runs."""
    ran = []
    branch = model.branch
    monkeypatch.setattr(
        model,
        "branch",
        lambda part, route: ran.append((part, route)) or branch(part, route),
    )
    heads = [layer.slimming.kernel for layer in model.gate_layers]
    before = [keras.ops.convert_to_numpy(head) for head in heads]
    try:
        for head, value in zip(heads, before, strict=True):
            head.assign(0 * value)
        model.route(IMAGES)
    finally:
        for head, value in zip(heads, before, strict=True):
            head.assign(value)
    assert ran == [(part, 0) for part in range(1, len(model.parts))]


@pytest.mark.exhaustive
def test_masked_compiles_under_xla():
    model = dsnet_models.make(dsnet_models.RESNET, IMAGES)
    masked = as_masked(model)
    run = tf.function(masked, jit_compile=True, autograph=False)
    np.testing.assert_allclose(run(IMAGES), model(IMAGES), atol=1e-3)


def test_flops_of_the_parts_add_up_to_a_subnets(model):
    family = model.family
    archs = DSNet.architectures(family)
    uniform = [arch for arch in archs if len(set(arch.width)) == 1]
    for index, arch in enumerate(uniform):
        total, before = model.flops[0][0], 0
        for part, gate in enumerate(model.gates, start=1):
            total += model.flops[part][before * len(gate.choices) + index]
            before = index
        assert total == costs(family.plan(arch, model.classes)).flops


def test_masked_flops_are_those_of_the_choices(model):
    masked = dsnet_masked.run(model, model.stem(IMAGES))
    _, chosen = model.route(IMAGES)
    expected = np.full(len(IMAGES), float(model.flops[0][0]))
    before = 0
    for part, gate in enumerate(model.gates, start=1):
        index = np.asarray(chosen)[:, part - 1]
        route = before * len(gate.choices) + index
        expected += np.array(model.flops[part])[route]
        before = index
    np.testing.assert_allclose(masked.flops, expected, rtol=1e-6)


# Weights


def test_only_the_slimming_heads_are_trained(model):
    names = [variable.path for variable in model.trainable_variables]
    assert len(names) == len(model.gates)
    assert all("slimming" in name for name in names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        pytest.param(dsnet_models.MOBILENET, marks=pytest.mark.exhaustive),
        dsnet_models.EFFICIENTNET,
    ],
    ids=lambda f: f.name,
)
def test_each_width_is_the_calibrated_child(family):
    supernet = dsnet_models.make_supernet(family)
    statistics = dsnet_models.measure(supernet, IMAGES)
    model = DSNet.from_supernet(supernet, statistics)
    features = model.stem(IMAGES)
    for index, arch in enumerate(DSNet.architectures(family)):
        child = supernet.child(arch, statistics[arch])
        np.testing.assert_allclose(
            model.run_path(features, index),
            child(IMAGES, training=False),
            atol=1e-4,
        )


def test_each_uniform_path_of_several_gates_is_the_calibrated_child():
    family = dsnet_models.RESNET
    supernet = dsnet_models.make_supernet(family)
    statistics = dsnet_models.measure(supernet, IMAGES)
    model = DSNet.from_supernet(supernet, statistics)
    uniform = [a for a in statistics if len(set(a.width)) == 1]
    assert len(uniform) == 3
    for index, arch in enumerate(uniform):
        child = supernet.child(arch, statistics[arch])
        np.testing.assert_allclose(
            model.run_path(model.stem(IMAGES), index),
            child(IMAGES, training=False),
            atol=1e-4,
        )


def test_a_window_has_the_weights_of_its_widths_only():
    family = dsnet_models.MOBILENET
    supernet = dsnet_models.make_supernet(family)
    statistics = dsnet_models.measure(supernet, IMAGES, window=(2, 4))
    model = DSNet.from_supernet(supernet, statistics, window=(2, 4))
    assert model.gates[0].choices == (2, 3, 4)
    # The fourth width has 48 + 3 * 24 channels there, the widest 144.
    assert model.stage3_block1_pointwise.filters == 120
    child = supernet.child(list(statistics)[2], list(statistics.values())[2])
    np.testing.assert_allclose(
        model.run_path(model.stem(IMAGES), -1),
        child(IMAGES, training=False),
        atol=1e-4,
    )


# Saving


def test_saved_and_loaded(model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(loaded(IMAGES), model(IMAGES), atol=1e-6)
    assert len(loaded.trainable_variables) == len(model.gates)


def test_config():
    model = DSNet("ds_mobilenet_cifar10", 10, (1, 3), 32, "masked")
    config = json.loads(json.dumps(model.get_config()))
    again = DSNet.from_config(config)
    assert again.get_config() == model.get_config()
    assert again.gates == model.gates
    assert (again.window, again.mode) == ((1, 3), "masked")


def test_it_says_what_it_takes_and_gives():
    model = DSNet("ds_mobilenet_cifar10", 10)
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 10)


@pytest.mark.exhaustive
def test_half_precision_is_near():
    family = dsnet_models.MOBILENET
    exact = dsnet_models.make(family, IMAGES)
    mixed = DSNet.from_config(
        {**exact.get_config(), "dtype": _policy("mixed_bfloat16")}
    )
    mixed.set_weights(exact.get_weights())
    features, mixed_features = exact.stem(IMAGES), mixed.stem(IMAGES)
    assert mixed_features.dtype == "bfloat16"
    for index in (0, 4):
        logits = mixed.run_path(mixed_features, index)
        assert logits.dtype == "float32"
        difference = np.abs(logits - exact.run_path(features, index))
        assert difference.mean() < 0.1
    assert mixed(IMAGES).dtype == "float32"


def _policy(name):
    return keras.dtype_policies.serialize(keras.dtype_policies.get(name))


def test_other_sizes_are_resized():
    model = DSNet("ds_mobilenet_cifar10", 10)
    larger = dsnet_models.make_images(2, 48)
    assert model(larger).shape == (2, 10)


# Errors


def test_a_family_without_gates():
    with pytest.raises(ValueError, match="`family` must have gates.*'mobile"):
        DSNet("mobilenet_v1", 10)
    with pytest.raises(ValueError, match="`family` must have gates"):
        DSNet(families.get("efficientnet_width"), 10)


@pytest.mark.parametrize("window", [(0, 3), (1, 6), (3, 1), (2, 2), "XL", (1,)])
def test_a_window_outside_the_widths(window):
    with pytest.raises(ValueError, match="`window` must be `None`, one of"):
        DSNet("ds_mobilenet_cifar10", 10, window)


def test_other_arguments():
    with pytest.raises(ValueError, match="`resolution` must be one of.*=33"):
        DSNet("ds_mobilenet_cifar10", 10, resolution=33)
    with pytest.raises(ValueError, match="`mode` must be one of"):
        DSNet("ds_mobilenet_cifar10", 10, mode="dense")
    with pytest.raises(ValueError, match="`classes` must be a positive"):
        DSNet("ds_mobilenet_cifar10", 0)
    with pytest.raises(ValueError, match="`images` must be RGB"):
        DSNet("ds_mobilenet_cifar10", 10)(np.zeros((2, 32, 32, 1)))


@pytest.fixture(scope="module")
def calibrated():
    supernet = dsnet_models.make_supernet(dsnet_models.MOBILENET)
    return supernet, dsnet_models.measure(supernet, IMAGES[:16])


def test_an_uncalibrated_width(calibrated):
    supernet, statistics = calibrated
    archs = list(statistics)
    fewer = {arch: statistics[arch] for arch in archs if arch != archs[2]}
    with pytest.raises(ValueError, match=r"none for width=\(3,\)"):
        DSNet.from_supernet(supernet, fewer)


@pytest.mark.parametrize("other", [0, 4])
def test_statistics_of_another_width(calibrated, other):
    supernet, statistics = calibrated
    archs = list(statistics)
    wrong = {**statistics, archs[2]: statistics[archs[other]]}
    with pytest.raises(ValueError, match=r"for width=\(3,\) statistics of"):
        DSNet.from_supernet(supernet, wrong)


def test_statistics_of_another_network(calibrated):
    supernet, statistics = calibrated
    other = dsnet_models.make_supernet(dsnet_models.RESNET)
    strange = SubnetCalibrator(other).measure(other.space.smallest, IMAGES[:4])
    wrong = dict.fromkeys(statistics, strange)
    with pytest.raises(ValueError, match="must be those of the width"):
        DSNet.from_supernet(supernet, wrong)
