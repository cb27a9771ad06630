import types

import numpy as np
import pytest

import keras_elastic as ke

NAMED = types.SimpleNamespace(class_names=("cat", "dog", "owl"))
LOGITS = np.log([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])


def test_the_most_probable_come_first():
    first, second = ke.decode_predictions(LOGITS, NAMED, top=2)
    assert [p.name for p in first] == ["dog", "owl"]
    np.testing.assert_allclose([p.probability for p in first], [0.5, 0.3])
    assert second[0] == ("cat", pytest.approx(0.7))


def test_names_instead_of_a_model():
    [[best]] = ke.decode_predictions(LOGITS[:1], ["a", "b", "c"], top=1)
    assert best.name == "b"


def test_more_than_there_are():
    [[*all_of_them], _] = ke.decode_predictions(LOGITS, NAMED, top=9)
    assert len(all_of_them) == 3


def test_labels_are_probable_by_themselves():
    model = types.SimpleNamespace(
        class_names=("a", "b"), loss="binary_crossentropy"
    )
    [[one, other]] = ke.decode_predictions([[0.0, 3.0]], model)
    assert (one.name, other.probability) == ("b", 0.5)
    assert one.probability == pytest.approx(1 / (1 + np.exp(-3)))


def test_huge_logits_do_not_overflow():
    [[best]] = ke.decode_predictions([[1e4, 0.0, -1e4]], NAMED, top=1)
    assert best == ("cat", 1.0)


def test_of_a_loaded_model():
    model = ke.load("bignas_digits", flops=0.2e6)
    images = np.zeros((2, *model.input_shape[1:]))
    for row in ke.decode_predictions(model(images), model, top=3):
        assert len(row) == 3 and {p.name for p in row} <= {*model.class_names}


@pytest.mark.parametrize(
    "logits, model, top, words",
    [
        (LOGITS, types.SimpleNamespace(name="mine"), 5, "'mine', which has no"),
        (LOGITS[:, :2], NAMED, 5, r"must have shape \(batch, 3\)"),
        (LOGITS[0], NAMED, 5, r"shape=\(3,\)"),
        (LOGITS, NAMED, 0, "top=0"),
        (LOGITS, NAMED, 1.5, "top=1.5"),
    ],
)
def test_wrong_arguments(logits, model, top, words):
    with pytest.raises(ValueError, match=words):
        ke.decode_predictions(logits, model, top)
