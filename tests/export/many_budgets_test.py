"""One SavedModel answers within each budget as the child of that budget.

Tests of `export/shared_children.py`, too.
"""

import pathlib

import forked
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic
from keras_elastic.export import many_budgets
from keras_elastic.families.once_for_all import ElasticStage
from keras_elastic.families.once_for_all import OnceForAll
from keras_elastic.selection import Budget

BUDGETS = {"tiny": 140e3, "small": 600e3, "large": 1.5e6}


@pytest.fixture(scope="module")
def entry():
    return keras_elastic.zoo.find_entry("bignas_digits")


@pytest.fixture(scope="module")
def exported(entry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "digits"
    return many_budgets(entry, folder, BUDGETS, version=2, top=3)


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def images():
    return keras_elastic.data.load_arrays("digits").test.images[:32]


def resized(images, size):
    """The images as uint8 of a child's size, which go in unchanged."""
    images = images.astype("float32")
    images = keras_elastic.layers.kernels.resize(images, size)
    return np.round(images).astype("uint8")


def bytes_of(path):
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("name", BUDGETS)
def test_each_signature_equals_its_child(loaded, images, name):
    child = keras_elastic.load("bignas_digits", flops=BUDGETS[name])
    pixels = resized(images, child.input_shape[1])
    outputs = loaded.signatures[f"serve_{name}"](images=tf.constant(pixels))
    expected = child(pixels.astype("float32"), training=False)
    np.testing.assert_allclose(outputs["logits"], expected, rtol=0, atol=1e-4)
    probabilities = tf.nn.softmax(expected).numpy()
    np.testing.assert_allclose(
        outputs["probabilities"], probabilities, rtol=0, atol=1e-5
    )
    best = [row[0].decode() for row in outputs["top_classes"].numpy()]
    assert best == [child.class_names[i] for i in probabilities.argmax(axis=1)]
    assert outputs["top_probabilities"].shape == (len(images), 3)


def test_the_budgets_have_different_children(entry):
    found = {
        entry.front.best(Budget(flops=most), entry.name).arch
        for most in BUDGETS.values()
    }
    assert len(found) == len(BUDGETS)


@pytest.mark.slow
def test_images_of_another_size_are_prepared_as_by_saved_model(
    loaded, images, tmp_path
):
    child = keras_elastic.load("bignas_digits", flops=BUDGETS["small"])
    alone = tf.saved_model.load(
        str(keras_elastic.export.saved_model(child, tmp_path))
    )
    pixels = tf.constant(resized(images[:4], 31)[:, :, 2:])
    np.testing.assert_allclose(
        loaded.signatures["serve_small"](images=pixels)["probabilities"],
        alone.signatures["serving_default"](images=pixels)["probabilities"],
        rtol=0,
        atol=1e-5,
    )


@pytest.mark.slow
def test_the_signatures(loaded):
    names = {f"serve_{name}" for name in BUDGETS}
    assert set(loaded.signatures) == {*names, "serving_default"}


@pytest.mark.slow
def test_the_default_is_the_largest(loaded, images):
    pixels = tf.constant(images)
    np.testing.assert_array_equal(
        loaded.signatures["serving_default"](images=pixels)["logits"],
        loaded.signatures["serve_large"](images=pixels)["logits"],
    )


@pytest.mark.slow
def test_the_weights_are_stored_once(exported, tmp_path):
    child = keras_elastic.load("bignas_digits", flops=BUDGETS["large"])
    alone = keras_elastic.export.saved_model(child, tmp_path)
    assert bytes_of(exported) <= 1.15 * bytes_of(alone)
    stored = exported / "variables"
    assert bytes_of(stored) <= 1.15 * bytes_of(alone / "variables")


@pytest.mark.slow
def test_no_images_have_no_answers(loaded):
    images = tf.zeros((0, 9, 9, 3), "uint8")
    outputs = loaded.signatures["serve_small"](images=images)
    assert outputs["logits"].shape == (0, 10)
    assert outputs["top_classes"].shape == (0, 3)


@pytest.mark.slow
def test_labels_and_requests(exported, entry):
    extra = exported / "assets.extra"
    labels = (extra / "labels.txt").read_text("utf-8").split("\n")
    assert labels == [*entry.class_names, ""]
    requests = tf.data.TFRecordDataset(
        str(extra / "tf_serving_warmup_requests")
    )
    assert len(list(requests)) == len(BUDGETS)


def draw_statistics(supernet):
    """Statistics for every channel; a child takes those it has."""
    rng = np.random.default_rng(0)
    return {
        name: np.stack(
            [rng.normal(0, 0.3, channels), rng.uniform(0.5, 1.5, channels)]
        ).astype("float32")
        for name, channels in supernet.normalizations.items()
    }


def assert_equal_to_children(supernet, folder):
    """The signatures of a supernet's smallest and largest equal them."""
    space = supernet.space
    statistics = draw_statistics(supernet)
    subnets = {
        "small": (space.smallest, statistics),
        "large": (space.largest, statistics),
    }
    path = many_budgets(supernet, folder, subnets)
    loaded = tf.saved_model.load(str(path))
    rng = np.random.default_rng(0)
    for name, (arch, _) in subnets.items():
        shape = (2, arch.resolution, arch.resolution, 3)
        pixels = rng.integers(0, 256, shape).astype("uint8")
        outputs = loaded.signatures[f"serve_{name}"](images=tf.constant(pixels))
        child = supernet.child(arch, statistics)
        expected = child(pixels.astype("float32"))
        np.testing.assert_allclose(
            outputs["logits"], expected, rtol=1e-4, atol=1e-4
        )
    return path


@pytest.mark.slow
def test_a_supernet_and_architectures(tmp_path):
    supernet = keras_elastic.Supernet("bignas_digits", classes=4)
    path = assert_equal_to_children(supernet, tmp_path)
    labels = (path / "assets.extra/labels.txt").read_text("utf-8")
    assert labels.split() == ["0", "1", "2", "3"]


@pytest.mark.slow
def test_kernels_that_are_transformed(tmp_path):
    family = OnceForAll(
        name="one_stage",
        resolution=(8,),
        stem=8,
        first=8,
        stages=(ElasticStage(8, 1, "relu6", False, (1, 2), (3, 5), (3,)),),
        last=16,
        total_strides=1,
    )
    supernet = keras_elastic.Supernet(family, classes=4)
    rng = np.random.default_rng(0)
    maps = [v for v in supernet.variables if "transform" in v.path]
    assert maps
    for variable in maps:
        noise = rng.normal(0, 0.1, variable.shape).astype("float32")
        variable.assign(variable + noise)
    assert_equal_to_children(supernet, tmp_path)


LOAD = """
import sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
assert "keras_elastic" not in sys.modules
images = tf.zeros((1, 9, 9, 3), tf.uint8)
print(*loaded.signatures["serve_tiny"](images=images)["logits"][0].numpy())
"""


@pytest.mark.slow
def test_loads_with_tensorflow_alone(exported, loaded, tmp_path):
    # A folder without this library in it.
    result = forked.run("-c", LOAD, exported, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    serve = loaded.signatures["serve_tiny"]
    expected = serve(images=tf.zeros((1, 9, 9, 3), tf.uint8))["logits"]
    np.testing.assert_allclose(
        [[float(x) for x in result.stdout.split()]], expected, atol=1e-5
    )


# Refusals: each with words of the message, and nothing written.


def assert_refused(words, source, folder, budgets, **kwargs):
    before = sorted(pathlib.Path(folder).rglob("*"))
    with pytest.raises(ValueError) as error:
        many_budgets(source, folder, budgets, **kwargs)
    for word in words:
        assert word in str(error.value)
    assert sorted(pathlib.Path(folder).rglob("*")) == before


@pytest.mark.parametrize(
    "budgets", [{}, None, [140e3], {"200 m": 140e3}, {3: 140e3}, {"": 140e3}]
)
def test_refuses_other_budgets(entry, tmp_path, budgets):
    words = ("`budgets` must be a dictionary", "Received: budgets=", "200m")
    assert_refused(words, entry, tmp_path, budgets)


@pytest.mark.parametrize("most", ["200m", True])
def test_refuses_budgets_that_are_no_numbers(entry, tmp_path, most):
    words = ("numbers of multiply-adds", f"Received: {most!r} for 'a'")
    assert_refused(words, entry, tmp_path, {"a": most})


def test_refuses_a_budget_that_nothing_meets(entry, tmp_path):
    words = ("'bignas_digits'", "'a', flops <= 5", "smallest needs 139048")
    assert_refused(words, entry, tmp_path, {"b": 1e6, "a": 5})


def test_refuses_another_source(tmp_path):
    words = ("`source` must be a zoo entry or a `Supernet`", "bignas_digits")
    assert_refused(words, "bignas_digits", tmp_path, {"a": 1e6})


def test_refuses_numbers_for_a_supernet(tmp_path):
    supernet = keras_elastic.Supernet("bignas_digits", classes=4)
    words = ("must be pairs of an `Architecture`", "Received: 1000000.0")
    assert_refused(words, supernet, tmp_path, {"a": 1e6})


def test_refuses_statistics_that_were_not_measured(tmp_path):
    supernet = keras_elastic.Supernet("bignas_digits", classes=4)
    words = ("measured statistics", "'a'", "SubnetCalibrator.measure")
    subnets = {"a": (supernet.space.smallest, None)}
    assert_refused(words, supernet, tmp_path, subnets)


def test_refuses_an_existing_version(entry, tmp_path):
    (tmp_path / "1").mkdir()
    words = ("version=1", "Pass version=2", "overwrite=True")
    assert_refused(words, entry, tmp_path, {"a": 1e6})


def test_refuses_wrong_class_names(entry, tmp_path):
    words = ("`class_names` must be 10 strings", "1 names")
    assert_refused(words, entry, tmp_path, {"a": 1e6}, class_names=["ant"])
