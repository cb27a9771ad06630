"""Logits and probabilities are told apart, and regressions refused."""

import functools

import keras
import numpy as np
import pytest

from keras_elastic.models import decode_predictions
from keras_elastic.models import heads
from keras_elastic.models import outputs

losses = keras.losses


def model_of(*layers, loss=None, units=3, activation=None):
    inputs = keras.Input((4,))
    values = keras.layers.Dense(units, activation=activation)(inputs)
    for layer in layers:
        values = layer(values)
    model = keras.Model(inputs, values)
    if loss is not None:
        model.compile("sgd", loss=loss)
    return model


@pytest.mark.parametrize(
    ("layers", "activation", "expected"),
    [
        ((), None, "logits"),
        ((), "softmax", "softmax"),
        ((), "sigmoid", "sigmoid"),
        ((), "log_softmax", "logits"),
        ((), "relu", "relu"),
        ((keras.layers.Softmax(),), None, "softmax"),
        ((keras.layers.Activation("sigmoid"),), None, "sigmoid"),
        ((keras.ops.softmax,), None, "softmax"),
        ((keras.ops.sigmoid,), None, "sigmoid"),
        ((keras.layers.Activation("linear"),), "softmax", "softmax"),
        ((keras.layers.Dropout(0.1),), "softmax", "softmax"),
        ((keras.layers.Dense(3),), "softmax", "logits"),
    ],
)
def test_what_a_model_ends_in(layers, activation, expected):
    assert outputs.ending(model_of(*layers, activation=activation)) == expected


def test_what_a_model_in_a_model_ends_in():
    inner = model_of(activation="softmax")
    outer = keras.Sequential([keras.Input((4,)), inner])
    outermost = keras.Model(outer.inputs, outer(outer.inputs[0]))
    assert outputs.ending(outermost) == "softmax"


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.BinaryCrossentropy(from_logits=True), True),
        (losses.BinaryFocalCrossentropy(from_logits=True), True),
        ("binary_crossentropy", True),
        ("BinaryFocalCrossentropy", True),
        (losses.binary_focal_crossentropy, True),
        (functools.partial(losses.binary_crossentropy, from_logits=True), True),
        ([losses.BinaryCrossentropy()], True),
        ("sparse_categorical_crossentropy", False),
        ([losses.CategoricalFocalCrossentropy()], False),
    ],
)
def test_labels_or_classes(loss, expected):
    assert outputs.is_multi_label(model_of(loss=loss)) is expected


def test_labels_by_a_loss_in_a_dictionary():
    model = model_of()
    [name] = model.output_names
    model.compile("sgd", loss={name: losses.BinaryFocalCrossentropy()})
    assert outputs.is_multi_label(model)


@pytest.mark.parametrize(
    ("arguments", "multi_label"),
    [
        ({"loss": "mse"}, None),
        ({"loss": [losses.Huber()]}, None),
        ({"units": 1}, None),
        ({"units": 1}, False),
        ({"activation": "relu"}, None),
        ({"activation": "softmax"}, True),
        ({"activation": "sigmoid"}, False),
        ({"activation": "softmax", "units": 1}, None),
    ],
)
def test_what_is_no_classifier(arguments, multi_label):
    with pytest.raises(ValueError, match="`model` must be a classifier"):
        outputs.check_classifier(model_of(**arguments), multi_label)


@pytest.mark.parametrize(
    ("arguments", "multi_label", "expected"),
    [
        ({}, None, ("logits", False)),
        ({"loss": "mse"}, True, ("logits", True)),
        ({"loss": "mse", "activation": "softmax"}, None, ("softmax", False)),
        ({"units": 1, "activation": "sigmoid"}, None, ("sigmoid", True)),
        ({"units": 1}, True, ("logits", True)),
        # Trained on it as on logits.
        (
            {
                "activation": "relu",
                "loss": losses.CategoricalCrossentropy(from_logits=True),
            },
            None,
            ("logits", False),
        ),
    ],
)
def test_classifiers(arguments, multi_label, expected):
    model = model_of(**arguments)
    assert outputs.check_classifier(model, multi_label) == expected


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_predictions_are_decoded_as_they_are(activation):
    model = model_of(activation=activation)
    model.class_names = ("a", "b", "c")
    scores = model.predict(np.ones((1, 4)), verbose=0)
    [row] = decode_predictions(scores, model, top=3)
    got = {p.name: p.probability for p in row}
    expected = dict(zip("abc", scores[0], strict=True))
    assert got == pytest.approx(expected, rel=1e-5)


def test_a_loaded_softmax_is_compiled_for_probabilities():
    model = heads.compile_classifier(model_of(activation="softmax"))
    assert not model.loss.from_logits


def test_a_new_head_on_a_softmax_returns_logits():
    for layers, activation in (
        ((), "softmax"),
        ((keras.layers.Softmax(),), None),
        ((keras.layers.Activation("softmax"),), None),
    ):
        model = model_of(*layers, activation=activation)
        assert outputs.ending(heads.with_new_classifier(model, 5)) == "logits"
