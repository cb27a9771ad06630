"""Children without a head, and heads of several labels."""

import contracts
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.models import build_child
from keras_elastic.models import heads
from keras_elastic.models import outputs


@pytest.fixture(scope="module")
def child():
    family = families.get("bignas_digits")
    model = build_child(family.plan(family.space.smallest, 5), name="small")
    contracts.randomize(model)
    return model


@pytest.fixture(scope="module")
def images():
    return contracts.random_images(4, 8).astype("float32")


def test_the_last_map_is_that_of_the_heads_convolution(child, images):
    extractor = heads.without_head(child)
    inner = keras.Model(child.inputs, child.get_layer("head_activation").output)
    assert extractor.output_shape == (None, 2, 2, 96)
    np.testing.assert_allclose(
        extractor.predict(images, verbose=0), inner.predict(images, verbose=0)
    )
    assert extractor.name == "small"
    assert not extractor.compiled


@pytest.mark.parametrize("pooling, reduce", [("avg", "mean"), ("max", "max")])
def test_pooling(child, images, pooling, reduce):
    features = heads.without_head(child).predict(images, verbose=0)
    extractor = heads.without_head(child, pooling)
    np.testing.assert_allclose(
        extractor.predict(images, verbose=0),
        getattr(features, reduce)(axis=(1, 2)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_no_layer_of_the_classifier_is_left(child):
    names = [layer.name for layer in heads.without_head(child, "avg").layers]
    assert names[-2:] == ["head_activation", "features"]


@pytest.mark.exhaustive
def test_fully_connected_layers_are_no_features():
    # VGG-16 writes the first of them as a convolution over 7x7 pixels.
    family = families.get("vgg16")
    child = build_child(family.plan(family.space.smallest, 5))
    extractor = heads.without_head(child)
    assert extractor.output_shape == (None, 7, 7, 128)
    assert extractor.layers[-1].name == "stage5_pool"


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["avg", None])
def test_an_extractor_is_saved(child, images, tmp_path, pooling):
    extractor = heads.without_head(child, pooling)
    extractor.save(tmp_path / "features.keras")
    again = keras.saving.load_model(tmp_path / "features.keras")
    np.testing.assert_array_equal(
        again.predict(images, verbose=0), extractor.predict(images, verbose=0)
    )


def several_labels():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    return heads.compile_classifier(model, multi_label=True)


LOGITS = np.array([[4.0, -4.0, 3.0], [-5.0, 2.0, 1.0], [1.0, -1.0, -2.0]])
LABELS = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


def test_the_loss_of_several_labels_is_of_logits():
    loss = several_labels().evaluate(LOGITS, LABELS, verbose=0)[0]
    probabilities = 1 / (1 + np.exp(-LOGITS))
    right = np.where(LABELS == 1, probabilities, 1 - probabilities)
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)


def test_the_metrics_of_several_labels_are_of_logits():
    # The third label has its two positives first and last of three.
    logs = several_labels().evaluate(
        LOGITS, LABELS, verbose=0, return_dict=True
    )
    assert logs["auc"] == pytest.approx((1 + 1 + 0.5) / 3, abs=0.01)
    assert 0.8 < logs["average_precision"] < 0.97


def test_perfect_labels_have_perfect_metrics():
    logs = several_labels().evaluate(
        8 * LABELS - 4, LABELS, verbose=0, return_dict=True
    )
    assert logs["auc"] == pytest.approx(1, abs=1e-3)
    assert logs["average_precision"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "loss, expected",
    [
        (keras.losses.BinaryCrossentropy(from_logits=True), True),
        ("binary_crossentropy", True),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), False),
    ],
)
def test_whether_a_model_is_of_several_labels(loss, expected):
    model = several_labels()
    model.compile("sgd", loss=loss)
    assert outputs.is_multi_label(model) is expected


def test_a_model_that_is_not_compiled_is_not_of_several_labels(child):
    assert not outputs.is_multi_label(heads.without_head(child))
