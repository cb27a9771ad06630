"""Names of classes: which ones will do, and that copies keep them."""

import copy
import pickle

import forked
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.models import build_child
from keras_elastic.models import class_names
from keras_elastic.models import heads

NAMES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def child():
    family = families.get("bignas_digits")
    model = build_child(family.plan(family.space.smallest, 3), name="small")
    model.class_names = list(NAMES)
    return model


def saved(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def rebuilt(model, folder):
    return type(model).from_config(model.get_config())


def cloned(model, folder):
    return keras.models.clone_model(model)


def of_json(model, folder):
    return keras.models.model_from_json(model.to_json())


def pickled(model, folder):
    return pickle.loads(pickle.dumps(model))


def copied(model, folder):
    return copy.deepcopy(model)


@pytest.mark.parametrize(
    "make", [saved, rebuilt, cloned, of_json, pickled, copied]
)
def test_a_copy_keeps_the_names(child, tmp_path, make):
    assert make(child, tmp_path).class_names == NAMES


def test_a_child_without_names_has_no_attribute(child):
    other = cloned(child, None)
    other.class_names = None
    assert not hasattr(other, "class_names")
    assert not hasattr(cloned(other, None), "class_names")


def test_names_of_a_model_around_the_child(child):
    outer = keras.Sequential([keras.Input((8, 8, 3)), child])
    assert class_names.find(outer) == NAMES


def softened(child):
    return keras.Sequential(
        [keras.Input((8, 8, 3)), child, keras.layers.Softmax()]
    )


@pytest.mark.parametrize(
    "make",
    [
        softened,
        lambda child: keras.Model(child.inputs, child.outputs),
        lambda child: keras.Model(
            child.inputs, keras.layers.Softmax()(child.outputs[0])
        ),
    ],
)
def test_names_behind_layers_without_weights(child, make):
    assert class_names.find(make(child)) == NAMES


def test_another_classifier_has_not_the_names_of_the_one_before(child):
    outputs = keras.layers.Dense(5)(child.outputs[0])
    assert class_names.find(keras.Model(child.inputs, outputs)) is None


def plain():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


@pytest.mark.parametrize(
    "make", [saved, rebuilt, cloned, of_json, pickled, copied]
)
def test_a_plain_model_that_was_given_names_keeps_them(tmp_path, make):
    model = plain()
    named = class_names.give_names(model, NAMES)
    again = make(named, tmp_path)
    assert again.class_names == NAMES
    inputs = np.ones((2, 4))
    np.testing.assert_allclose(named(inputs), model(inputs))
    if make is not rebuilt and make is not cloned and make is not of_json:
        np.testing.assert_allclose(again(inputs), model(inputs))


def test_a_child_is_given_names_as_it_is(child):
    other = cloned(child, None)
    assert class_names.give_names(other, ("a", "b", "c")) is other
    assert other.class_names == ("a", "b", "c")


def test_a_new_head_has_not_the_old_names(child):
    new = heads.with_new_classifier(child, 5)
    assert class_names.find(new) is None
    assert child.class_names == NAMES


@pytest.mark.slow
def test_keras_alone_reads_the_model(child, tmp_path):
    saved(child, tmp_path)
    images = np.full((1, 8, 8, 3), 100.0)
    script = (
        "import keras, numpy, sys\n"
        f"model = keras.saving.load_model(r'{tmp_path / 'model.keras'}')\n"
        "assert 'keras_elastic' not in sys.modules\n"
        "assert type(model.layers[-1]) is keras.layers.Activation\n"
        "images = numpy.full((1, 8, 8, 3), 100.0)\n"
        "print(*model.predict(images, verbose=0)[0])"
    )
    run = forked.run("-c", script)
    assert run.returncode == 0, run.stderr[-2000:]
    np.testing.assert_allclose(
        [float(word) for word in run.stdout.split()],
        child.predict(images, verbose=0)[0],
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "names",
    [
        {"a", "b", "c"},
        {"a": 0, "b": 1, "c": 2},
        "abc",
        3,
        ("a", "b"),
        ("a", "b", 3),
        ("a", "b", "b"),
        ("a", "b", ""),
        ("a", "b\nb", "c"),
        ("a", "b\u2028b", "c"),
        ("a", "b", "\udc80"),
    ],
)
def test_names_that_will_not_do(names):
    with pytest.raises(ValueError, match="`class_names` must"):
        class_names.check(names, 3)


@pytest.mark.parametrize("names", [list(NAMES), np.array(NAMES), iter(NAMES)])
def test_names_that_will_do(names):
    assert class_names.check(names, 3) == NAMES
