"""Tests of `zoo/supernets.py`, too."""

import dataclasses

import contracts
import keras
import numpy as np
import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY
from tiny_entry import trainable_weights

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import Scorer
from keras_elastic.spaces import costs
from keras_elastic.zoo.writing import write_model

IMAGES = contracts.random_images(12, 8)
LABELS = np.arange(12) % len(CLASS_NAMES)


def costs_of(arch, classes=4):
    return costs(FAMILY.plan(arch, classes))


@pytest.fixture(scope="module")
def largest(written):
    """The largest network of the entry, loaded once."""
    return ke.load(written.folder, resolution=12)


# Loading a trained network


@pytest.mark.parametrize("row", range(3))
def test_the_best_network_within_a_budget(written, row):
    wanted = written.front.rows[row]
    model = ke.load(written.folder, flops=wanted.flops)
    size = wanted.arch.resolution
    assert model.input_shape == (None, size, size, 3)
    assert trainable_weights(model) == wanted.params


@pytest.mark.parametrize("row", range(3))
def test_logits_are_those_of_the_subnet(written, row):
    arch = written.front.rows[row].arch
    model = ke.load(str(written.folder), flops=costs_of(arch).flops)
    images = contracts.random_images(5, arch.resolution)
    expected = written.supernet(
        images, arch, statistics=written.statistics[row]
    )
    np.testing.assert_allclose(
        model.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4
    )


def test_a_budget_of_parameters_and_memory(written):
    least = costs_of(FAMILY.space.smallest)
    model = ke.load(written.folder, params=least.params, memory=least.memory)
    assert trainable_weights(model) == least.params


def test_class_names(largest):
    assert largest.class_names == CLASS_NAMES


def test_stock_layers_only(largest):
    for layer in largest.layers:
        assert type(layer).__module__.startswith("keras.")


def test_is_calibrated(largest):
    assert ke.is_calibrated(largest)


def test_is_compiled_for_evaluation(largest):
    images = contracts.random_images(12, 12)
    loss, accuracy = largest.evaluate(images, LABELS, verbose=0)
    logits = largest.predict(images, verbose=0)
    expected = keras.losses.sparse_categorical_crossentropy(
        LABELS, logits, from_logits=True
    )
    assert loss == pytest.approx(float(np.mean(expected)), rel=1e-4)
    assert accuracy == pytest.approx(np.mean(logits.argmax(1) == LABELS))


# A new head


def test_a_new_head_on_the_same_trunk(written, largest):
    model = ke.load(written.folder, resolution=12, classes=7)
    assert model.output_shape == (None, 7)
    assert getattr(model, "class_names", None) is None
    compared = 0
    for layer in largest.layers:
        if layer.name == "head_classifier":
            continue
        for one, other in zip(
            layer.get_weights(),
            model.get_layer(layer.name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
            compared += 1
    assert compared > 20


def test_a_new_head_is_new_also_of_as_many_classes(written, largest):
    model = ke.load(written.folder, resolution=12, classes=len(CLASS_NAMES))
    new, trained = (
        m.get_layer("head_classifier").get_weights()[0]
        for m in (model, largest)
    )
    assert new.shape == trained.shape
    assert not np.allclose(new, trained)


@pytest.mark.slow
def test_a_new_head_learns(written):
    flops = costs_of(FAMILY.space.smallest, 3).flops
    model = ke.load(written.folder, flops=flops, classes=3)
    labels = np.arange(12) % 3
    before = model.evaluate(IMAGES, labels, verbose=0)[0]
    model.fit(IMAGES, labels, batch_size=12, epochs=10, verbose=0)
    assert model.evaluate(IMAGES, labels, verbose=0)[0] < before


@pytest.mark.parametrize("weights", ["auto", None])
def test_the_budget_counts_the_new_head(written, weights):
    most = costs_of(FAMILY.space.largest).params
    model = ke.load(written.folder, params=most, classes=100, weights=weights)
    assert model.output_shape == (None, 100)
    assert trainable_weights(model) <= most


def test_a_head_that_no_budget_allows(written):
    most = costs_of(FAMILY.space.largest).params
    with pytest.raises(ValueError, match="params from 2"):
        ke.load(written.folder, params=most, classes=10_000)


def test_the_head_keeps_its_dropout(written):
    model = ke.load(written.folder, resolution=12, classes=7)
    rate = model.get_layer("head_dropout").rate
    assert rate == FAMILY.dropout > 0


# Other heads


def test_a_head_of_several_labels(written):
    model = ke.load(written.folder, resolution=12, classes=3, multi_label=True)
    images = contracts.random_images(6, 12)
    labels = np.tile([[1, 0, 1], [0, 1, 1]], (3, 1))
    logs = model.evaluate(images, labels, verbose=0, return_dict=True)
    logits = model.predict(images, verbose=0)
    assert logits.shape == (6, 3)
    probabilities = 1 / (1 + np.exp(-logits))
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    assert logs["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-3)
    assert {"auc", "average_precision"} < set(logs)


@pytest.mark.parametrize("weights", ["auto", None])
def test_a_feature_extractor(written, weights):
    model = ke.load(
        written.folder, resolution=12, include_top=False, weights=weights
    )
    size = model.output_shape[1]
    assert model.output_shape == (None, size, size, model.output_shape[-1])
    assert size > 1
    assert not hasattr(model, "class_names")
    assert not any("classifier" in layer.name for layer in model.layers)


def test_features_are_what_the_classifier_reads(written, largest):
    extractor = ke.load(
        written.folder, resolution=12, include_top=False, pooling="avg"
    )
    images = contracts.random_images(3, 12)
    inner = keras.Model(largest.inputs, largest.get_layer("head_pool").output)
    np.testing.assert_allclose(
        extractor.predict(images, verbose=0),
        inner.predict(images, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({"multi_label": True}, "needs a new head.*classes=None"),
        ({"pooling": "avg"}, "`pooling` is for a feature extractor"),
        ({"include_top": False, "classes": 3}, "has no classes.*classes=3"),
        ({"include_top": False, "multi_label": True}, "has no classes"),
        ({"include_top": False, "pooling": "mean"}, "must be one of.*'mean'"),
    ],
)
def test_heads_that_contradict_themselves(written, arguments, expected):
    with pytest.raises(ValueError, match=expected):
        ke.load(written.folder, **arguments)


# Wrong arguments


@pytest.mark.parametrize("classes", [0, -1, 2.5, "3"])
def test_invalid_classes(written, classes):
    expected = f"`classes` must be.*Received: classes={classes!r}"
    with pytest.raises(ValueError, match=expected):
        ke.load(written.folder, classes=classes)


@pytest.mark.parametrize("weights", ["imagenet", True, "None"])
@pytest.mark.parametrize("function", [ke.load, ke.load_supernet])
def test_invalid_weights(written, function, weights):
    expected = f"`weights` must be one of 'auto', None.*weights={weights!r}"
    with pytest.raises(ValueError, match=expected):
        function(written.folder, weights=weights)


@pytest.mark.parametrize("function", [ke.load, ke.load_supernet, ke.select])
def test_an_unknown_name(function):
    with pytest.raises(ValueError) as error:
        function("resnet50")
    message = str(error.value)
    assert "Received: 'resnet50'" in message
    assert "Did you mean" not in message
    assert "keras-elastic train" in message
    assert all(name in message for name in zoo.entry_names())


@pytest.mark.parametrize("function", [ke.load, ke.load_supernet, ke.select])
def test_a_name_that_is_nearly_right(function):
    with pytest.raises(ValueError, match="Did you mean 'bignas_cifar10'?"):
        function("bignas_cifr10")


@pytest.mark.parametrize("function", [ke.load, ke.load_supernet, ke.select])
def test_a_folder_that_is_no_run(function, tmp_path):
    with pytest.raises(ValueError, match="must be a run or a zoo entry"):
        function(tmp_path)


@pytest.mark.parametrize("function", [ke.load, ke.select])
@pytest.mark.parametrize(
    "budget, expected",
    [
        (
            {"flops": 1},
            "No architecture of 'tiny' meets flops <= 1.*flops from",
        ),
        ({"params": 1, "weights": None}, "params from"),
        ({"resolution": 9}, r"resolutions are \(8, 12\)"),
        ({"flops": -1}, "`flops` must be a positive number"),
    ],
)
def test_an_impossible_budget(written, function, budget, expected):
    if function is ke.select:
        budget.pop("weights", None)
    with pytest.raises(ValueError, match=expected):
        function(written.folder, **budget)


@pytest.mark.parametrize("function", [ke.load, ke.select])
def test_a_budget_that_nothing_on_the_front_meets(written, function):
    # In reach of the space, but the front has none at this size.
    flops = costs_of(FAMILY.space.smallest).flops * 2
    with pytest.raises(ValueError, match="on the front of 'tiny' meets") as e:
        function(written.folder, resolution=12, flops=flops * 2)
    assert "resolutions [8, 12]" in str(e.value)


# Without weights


def test_random_weights_within_a_budget(written):
    space = FAMILY.space
    flops = (costs_of(space.smallest).flops + costs_of(space.largest).flops) / 2
    model = ke.load(written.folder, flops=flops, weights=None, resolution=12)
    assert model.input_shape == (None, 12, 12, 3)
    assert model.class_names == CLASS_NAMES
    assert not ke.is_calibrated(model)


@pytest.mark.parametrize("end", ["smallest", "largest"])
def test_random_weights_at_the_ends(written, end):
    expected = costs_of(getattr(FAMILY.space, end))
    model = ke.load(written.folder, flops=expected.flops, weights=None)
    assert trainable_weights(model) == expected.params


def test_random_weights_use_the_budget(written):
    # Not merely something that fits.
    most = costs_of(FAMILY.space.largest).params
    model = ke.load(written.folder, params=0.8 * most, weights=None)
    assert 0.5 * most < trainable_weights(model) <= 0.8 * most


def test_an_uncalibrated_network_is_not_exported(written, tmp_path):
    model = ke.load(written.folder, weights=None)
    with pytest.raises(ValueError, match="`model` must be calibrated"):
        ke.export.saved_model(model, tmp_path / "served")
    assert list(tmp_path.iterdir()) == []
    ke.calibrate(model, IMAGES)
    assert ke.is_calibrated(model)


def test_grayscale_images_to_calibrate(written):
    model = ke.load(written.folder, weights=None)
    with pytest.raises(ValueError, match="must be RGB.*np.repeat"):
        ke.calibrate(model, IMAGES[..., :1])
    assert not ke.is_calibrated(model)


# The supernet


def test_load_supernet(written):
    supernet = ke.load_supernet(written.folder)
    arch = FAMILY.space.smallest
    np.testing.assert_allclose(
        supernet(IMAGES, arch), written.supernet(IMAGES, arch), atol=1e-5
    )


def test_load_supernet_without_weights(written):
    supernet = ke.load_supernet(written.folder, weights=None)
    assert supernet.family == FAMILY
    kernel, trained = (
        s.get_layer("head_conv").get_weights()[0]
        for s in (supernet, written.supernet)
    )
    assert not np.allclose(kernel, trained)


# Selecting


def test_select_reads_the_front(written):
    row = written.front.rows[1]
    selection = ke.select(written.folder, flops=row.flops)
    assert selection.arch == row.arch
    assert selection.costs == row.costs
    assert selection.score == row.score
    assert selection.reason == (
        "the best of the 3 architectures on the front of 'tiny' with "
        f"flops <= {row.flops / 1e3:.4g}e3, of {row.arch.resolution} pixels"
    )


def test_select_by_a_score(written):
    # Of which the front knows nothing: the smallest is the best.
    reports = []
    selection = ke.select(
        written.folder,
        resolution=12,
        scorer=lambda arch: -costs_of(arch).flops,
        search=CoarseToFineSearch(mutants=4),
        progress=lambda *report: reports.append(report),
    )
    assert selection.arch.resolution == 12
    assert selection.arch.width == FAMILY.space.smallest.width
    assert reports[-1][0] == reports[-1][1]
    assert "candidates with resolution = 12" in selection.reason


@pytest.mark.slow
def test_select_by_a_scorer(written):
    scorer = Scorer(written.supernet, 255 - IMAGES, [(IMAGES, LABELS)])
    flops = costs_of(FAMILY.space.smallest).flops * 1.2
    selection = ke.select(written.folder, flops=flops, scorer=scorer)
    assert selection.costs.flops <= flops
    assert selection.score == max(
        score
        for arch, score in scorer.scores.items()
        if costs_of(arch).flops <= flops
    )


# Teachers


def test_the_most_accurate_network_of_a_run_teaches(written, largest):
    teacher = zoo.load_teacher(str(written.folder))
    assert teacher.classes == len(CLASS_NAMES)
    images = contracts.resize(IMAGES, 12)
    np.testing.assert_allclose(
        teacher(IMAGES), largest(images, training=False), atol=1e-3
    )


def test_a_file_teaches(tmp_path):
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "expert.keras")
    teacher = zoo.load_teacher(str(tmp_path / "expert.keras"))
    assert teacher.classes == 3
    np.testing.assert_allclose(teacher(IMAGES), model(IMAGES), rtol=1e-5)


@pytest.mark.parametrize("name", ["expert.keras", "nobody"])
def test_a_teacher_that_is_not_there(tmp_path, name):
    with pytest.raises(ValueError, match=f"Received.*{name}"):
        zoo.load_teacher(str(tmp_path / name))


def test_an_entry_that_is_not_trained_yet(tmp_path):
    write_model(
        tmp_path,
        name="new",
        family=FAMILY,
        dataset="digits",
        class_names=CLASS_NAMES,
    )
    with pytest.raises(ValueError, match="no trained weights yet") as error:
        ke.load(tmp_path, resolution=8)
    assert "keras-elastic train --recipe=new" in str(error.value)
    assert "`weights=None`" in str(error.value)


# An architecture instead of a budget

OFF_FRONT = dataclasses.replace(FAMILY.space.smallest, depth=(2, 1))


def test_an_architecture_of_the_front(written):
    row = written.front.rows[1]
    model = ke.load(written.folder, arch=row.arch)
    expected = ke.load(written.folder, flops=row.flops)
    assert model.class_names == CLASS_NAMES
    for one, other in zip(
        model.get_weights(), expected.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_another_architecture_is_calibrated(written):
    images = contracts.random_images(16, 8)
    model = ke.load(written.folder, arch=OFF_FRONT, calibration_images=images)
    assert ke.is_calibrated(model)
    child = written.supernet.child(OFF_FRONT)
    ke.calibrate(child, images)
    np.testing.assert_allclose(model(images), child(images), atol=1e-4)


def test_another_architecture_needs_images(written):
    words = "`calibration_images` must be given .*the 3 on the front of 'tiny'"
    with pytest.raises(ValueError, match=words):
        ke.load(written.folder, arch=OFF_FRONT)


def test_an_architecture_and_a_budget(written):
    with pytest.raises(ValueError, match="Received: both .*flops <= 1e9"):
        ke.load(written.folder, arch=OFF_FRONT, flops=1e9)


def test_an_architecture_of_another_space(written):
    arch = dataclasses.replace(OFF_FRONT, resolution=10)
    with pytest.raises(ValueError, match="resolution"):
        ke.load(written.folder, arch=arch)


def test_images_of_ones_own_replace_the_statistics(written):
    images = contracts.random_images(16, 12)
    row = written.front.rows[2]
    model = ke.load(written.folder, flops=row.flops, calibration_images=images)
    [first] = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ][:1]
    kept = written.statistics[2][first.name][0]
    assert not np.allclose(first.moving_mean, kept)
