"""Tests of `zoo/supernets.py`, too."""

import dataclasses

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf
from selection.latency.latency_fakes import FakeRuntime
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY

import keras_elastic as ke
from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import LatencyTable
from keras_elastic.selection import Limit
from keras_elastic.selection import Scorer
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import write_model

IMAGES = contracts.random_images(12, 8)
LABELS = np.arange(12) % len(CLASS_NAMES)


def costs_of(arch, classes=4):
    return costs(FAMILY.plan(arch, classes))


def trainable_weights(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


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


# Milliseconds of a device


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A latency table of the family, and its file."""
    path = tmp_path_factory.mktemp("table") / "phone.json"
    return LatencyTable.measure(
        FAMILY, len(CLASS_NAMES), FakeRuntime(), children=6, path=path
    ), path


def test_a_latency(written, table):
    table, path = table
    archs = [row.arch for row in written.front.rows]
    bound = table.predict(archs[1])
    for given in (path, str(path), table):
        chosen = ke.select(
            written.folder, latency_ms=bound, latency_table=given
        )
        assert chosen.arch == archs[1]
    # Both must hold.
    flops = written.front.rows[0].flops
    chosen = ke.select(
        written.folder, latency_ms=bound, latency_table=path, flops=flops
    )
    assert chosen.arch == archs[0]


def test_a_network_within_a_latency(written, table):
    table, path = table
    row = written.front.rows[0]
    bound = table.predict(row.arch)
    model = ke.load(written.folder, latency_ms=bound, latency_table=path)
    assert trainable_weights(model) == row.params
    untrained = ke.load(
        written.folder, latency_ms=bound, latency_table=path, weights=None
    )
    size = untrained.input_shape[1]
    assert untrained.count_params() > 0 and size in FAMILY.space.resolution


@pytest.mark.parametrize("function", [ke.load, ke.select])
def test_wrong_latencies(function, written, table, tmp_path):
    table, path = table
    least = table.predict(FAMILY.space.smallest)
    with pytest.raises(ValueError, match="`latency_ms` and `latency_table`"):
        function(written.folder, latency_ms=8)
    with pytest.raises(ValueError, match="latency_ms=None"):
        function(written.folder, latency_table=path)
    with pytest.raises(ValueError, match=f"smallest needs {short(least)}"):
        function(written.folder, latency_ms=least / 2, latency_table=path)
    with pytest.raises(ValueError, match="`latency_ms` must be"):
        function(written.folder, latency_ms=-1, latency_table=path)
    with pytest.raises(ValueError, match="`latency_table` cannot be used"):
        function(written.folder, latency_ms=8, latency_table=tmp_path / "no")
    other = ("bignas_digits", {"latency_ms": 8})
    for given in (table, path):
        with pytest.raises(ValueError, match="`latency_table`"):
            function(other[0], latency_table=given, **other[1])


def test_no_row_of_the_front_within_a_latency(written, table):
    table, path = table
    front = [table.predict(row.arch) for row in written.front.rows]
    with pytest.raises(ValueError, match="latency in ms") as error:
        written.front.best(
            Budget(limits=(Limit("latency in ms", table, min(front) / 2),)), "a"
        )
    assert f"latency in ms {short(min(front))} to {short(max(front))}" in str(
        error.value
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


# The zoo's folders: entries, and recipes with a card of their results

FOLDERS = {path.parent for path in places.zoo_folder().glob("*/recipe.py")}
ENTRIES = {path.parent for path in places.zoo_folder().glob("*/model.json")}
SUPERNETS = sorted(
    path for path in ENTRIES if zoo.find_entry(path.name).kind == "supernet"
)
TRAINED = [p.name for p in SUPERNETS if zoo.find_entry(p.name).is_trained]


@pytest.fixture(params=SUPERNETS, ids=lambda path: path.name)
def zoo_entry(request):
    """The folder of an entry that is a supernet."""
    return request.param


@pytest.mark.parametrize(
    "folder", sorted(FOLDERS | ENTRIES), ids=lambda path: path.name
)
def test_every_folder_has_a_card(folder):
    card = (folder / "README.md").read_text("utf-8")
    assert folder.name in card
    assert len(card.split()) > 50


def test_every_entry_has_a_recipe_of_a_known_family(zoo_entry):
    recipe = ke.training.Recipe.from_file(zoo_entry / "recipe.py")
    assert recipe.name == zoo_entry.name
    assert recipe.family in families.names()
    family = recipe.make_family()
    assert family == zoo.find_entry(zoo_entry.name).family
    for flops in recipe.budgets:
        ke.selection.Budget(flops=flops).check_reachable(family, 10)


def test_every_entry_opens(zoo_entry):
    entry = zoo.find_entry(zoo_entry.name)
    assert entry.name == zoo_entry.name
    assert entry.classes == len(entry.class_names) > 1
    assert entry.family.space.size > 1


@pytest.mark.parametrize(
    "folder",
    sorted(ENTRIES - set(SUPERNETS)),
    ids=lambda path: path.name,
)
def test_a_conditional_entry_loads_for_a_mean_budget(folder):
    entry = zoo.find_entry(folder.name)
    assert entry.recipe.name == entry.name == folder.name
    cheap, dear = entry.front.rows[0], entry.front.rows[-1]
    assert cheap.flops < dear.flops
    assert cheap.held_out_top1 < dear.held_out_top1
    model = ke.load(entry.name, flops=cheap.flops)
    images = np.zeros((2, *model.input_shape[1:]), "float32")
    assert model(images).shape == (2, entry.classes)
    assert tuple(model.class_names) == entry.class_names


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_entry_is_whole(name):
    entry = zoo.find_entry(name)
    # Each of these checks the digest of its file.
    entry.supernet()
    assert entry.front.rows
    with np.load(entry.folder / "statistics.npz") as arrays:
        rows = {int(key.split("/")[0]) for key in arrays.files}
    assert rows == set(range(len(entry.front.rows)))


@pytest.mark.parametrize("name", TRAINED)
def test_the_front_of_a_trained_entry(name):
    rows = zoo.find_entry(name).front.rows
    lines = (places.zoo_folder() / name / "front.csv").read_text().splitlines()
    # Reading leaves out what is beaten: there is nothing to leave out.
    assert len(rows) == len(lines) - 1
    assert all(row.test_top1 is not None for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_entry_is_as_accurate_as_it_says(name):
    entry = zoo.find_entry(name)
    if entry.recipe.dataset != "digits":
        pytest.skip("No library carries the data set.")
    test = ke.data.load_dataset("digits").test
    for row in (entry.front.rows[0], entry.front.rows[-1]):
        model = ke.load(name, flops=row.flops)
        accuracy = accuracy_on(test, model, entry.recipe.patch_size)
        # Give or take an image that two programs round differently.
        assert accuracy == pytest.approx(row.test_top1, abs=1.5 / test.size)


def accuracy_on(split, model, patch_size):
    size = model.input_shape[1]
    batches = ke.data.evaluation_batches(
        split, batch_size=256, patch_size=patch_size
    )
    resized = batches.map(lambda images, labels: (resize(images, size), labels))
    return model.evaluate(resized, verbose=0)[1]


def resize(images, size):
    resized = tf.image.resize(images, (size, size), "bicubic", antialias=True)
    return tf.clip_by_value(resized, 0, 255)


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_entry_tells_its_recipe(name):
    recipe = ke.training.Recipe.from_file(places.recipe_file(name))
    assert zoo.find_entry(name).recipe.differences(recipe) == []


@pytest.mark.exhaustive
def test_bignas_without_weights_is_within_its_budget():
    model = ke.load("bignas", flops=400e6, weights=None)
    family = zoo.find_entry("bignas").family
    assert model.input_shape[1] in family.space.resolution
    flops = count_multiply_adds(model)
    assert 300e6 < flops <= 400e6


def count_multiply_adds(model):
    """Counts what the model's layers do, without the library's arithmetic."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            pixels = np.prod(layer.output.shape[1:3])
            total += pixels * np.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Conv2D):
            pixels = np.prod(layer.output.shape[1:3])
            total += pixels * np.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Dense):
            total += np.prod(layer.kernel.shape)
    return int(total)


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
