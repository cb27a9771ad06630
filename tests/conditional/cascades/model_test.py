import keras
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic.conditional import Cascade


@pytest.fixture(scope="module")
def children():
    return [ke.load("bignas_digits", flops=flops) for flops in (200e3, 1e6)]


@pytest.fixture(scope="module")
def images():
    dataset = ke.data.load_dataset("digits")
    [(images, _)] = ke.data.evaluation_batches(
        dataset.test, batch_size=64, patch_size=12, count=64
    )
    return np.asarray(images)


@pytest.fixture(scope="module")
def model(children, images):
    small = resized(images, children[0].input_shape[1])
    sure = softmax(children[0].predict(small, verbose=0) / 2.0).max(axis=1)
    # Half of the images go on.
    return Cascade(
        children, np.median(sure), temperatures=[2.0, 1.5], flops=[1, 5]
    )


def softmax(logits):
    return np.asarray(keras.ops.softmax(logits, axis=-1))


def expected(model, children, images):
    """What the cascade computes, written out."""
    small, large = (
        child.predict(resized(images, child.input_shape[1]), verbose=0)
        for child in children
    )
    small, large = small / 2.0, large / 1.5
    decided = softmax(small).max(axis=1) > model.threshold
    return np.where(decided[:, None], small, large), decided


def resized(images, size):
    from keras_elastic.layers import kernels

    if images.shape[1] == size:
        return images
    return np.asarray(kernels.resize(images, size))


def test_the_next_network_answers_only_unsure_images(model, children, images):
    logits, decided = expected(model, children, images)
    # Else the test would say nothing.
    assert 0 < decided.sum() < len(images)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), logits, atol=1e-4
    )
    answered, answering = model.route(images)
    np.testing.assert_allclose(answered, logits, atol=1e-4)
    np.testing.assert_array_equal(answering, 1 - decided)


def test_single_images_and_none(model, images):
    want = model.predict(images, verbose=0)
    singles = [model.predict_on_batch(images[i : i + 1])[0] for i in range(4)]
    np.testing.assert_allclose(singles, want[:4], atol=1e-4)
    assert model(images[:0]).shape == (0, 10)


def test_mean_flops(model, images):
    _, answering = model.route(images)
    want = np.where(np.asarray(answering) == 0, 1, 6).mean()
    assert model.mean_flops(images, batch_size=10) == pytest.approx(want)


def test_the_symbolic_graph_computes_the_same(model, images):
    graph = keras.Model(model.inputs, model.outputs)
    np.testing.assert_allclose(
        graph.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-4,
    )


def test_saving(model, images, tmp_path):
    model.save(tmp_path / "cascade.keras")
    loaded = keras.saving.load_model(tmp_path / "cascade.keras")
    assert loaded.threshold == model.threshold
    assert loaded.flops == model.flops
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0)
    )


def test_litert_takes_its_networks_one_by_one(model, tmp_path):
    with pytest.raises(ValueError, match="model.networks"):
        ke.export.litert(model, tmp_path / "cascade.tflite")


def test_class_names_stay(children, tmp_path):
    model = Cascade(children, 0.5)
    assert not hasattr(model, "class_names")
    model.class_names = tuple("abcdefghij")
    model.save(tmp_path / "named.keras")
    loaded = keras.saving.load_model(tmp_path / "named.keras")
    assert loaded.class_names == model.class_names
    assert model.with_threshold(0.9).class_names == model.class_names


def test_another_threshold(model, children, images):
    always = model.with_threshold(1.0)
    large = children[1].predict(
        resized(images, children[1].input_shape[1]), verbose=0
    )
    np.testing.assert_allclose(
        always.predict(images, verbose=0), large / 1.5, atol=1e-4
    )


def test_it_is_evaluated_but_not_trained(model, images):
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    labels = model.predict(images, verbose=0).argmax(axis=-1)
    assert model.evaluate(images, labels, verbose=0)[1] == 1.0
    with pytest.raises(ValueError, match="one by one"):
        model.fit(images, labels, verbose=0)


@pytest.mark.slow
def test_the_exports_compute_the_same(model, images, tmp_path):
    import tensorflow as tf

    expected = model.predict(images, verbose=0)
    bytes_of = {}
    for shares in (False, True):
        path = ke.export.saved_model(
            model, tmp_path / f"{shares}", share_weights=shares
        )
        served = tf.saved_model.load(str(path)).signatures
        got = served["serve_tensors"](images=tf.constant(images))
        np.testing.assert_allclose(got["logits"], expected, atol=1e-4)
        one = served["serving_default"](
            images=tf.constant(images[:1].astype("uint8"))
        )
        assert one["top_classes"].shape == (1, 5)
        none = served["serve_tensors"](images=tf.constant(images[:0]))
        assert none["logits"].shape == (0, 10)
        variables = path / "variables" / "variables.data-00000-of-00001"
        bytes_of[shares] = variables.stat().st_size
    numbers = [network.count_params() for network in model.networks]
    assert bytes_of[False] > 4 * 0.95 * sum(numbers)
    # The first network adds its statistics.
    assert bytes_of[True] < 4 * (1.1 * numbers[1] + 0.1 * numbers[0])


def test_only_unsure_images_are_run_on(model, images):
    ran = []

    def run(number, batch):
        ran.append((number, batch.shape))
        return model.networks[number](batch, training=False)

    logits, answering = model.route(images, run)
    small, large = (network.input_shape[1:] for network in model.networks)
    unsure = int(np.sum(answering))
    assert ran == [(0, (len(images), *small)), (1, (unsure, *large))]
    np.testing.assert_allclose(logits, model.route(images)[0], atol=1e-5)
    ran.clear()
    model.with_threshold(0.0).route(images[:3], run)
    assert [number for number, _ in ran] == [0]


def test_weights_that_cannot_be_shared(model, children, tmp_path):
    apart = keras.models.clone_model(children[0])
    apart.set_weights([weight + 0.01 for weight in children[0].get_weights()])
    for wrong, words in (
        (children[0], "several networks"),
        (Cascade([apart, children[1]], 0.5), "none in common"),
    ):
        with pytest.raises(ValueError, match=words):
            ke.export.saved_model(
                wrong, tmp_path / "served", share_weights=True
            )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        {"children": []},
        {"children": None},
        {"children": ["small", "large"]},
        {"threshold": 1.5},
        {"threshold": "0.5"},
        {"threshold": True},
        {"temperatures": [1.0]},
        {"temperatures": [1.0, 0.0]},
        {"flops": [1, 2, 3]},
    ],
)
def test_wrong_arguments(children, wrong):
    with pytest.raises(ValueError):
        Cascade(**{"children": children, "threshold": 0.5, **wrong})


def test_children_of_different_classes(children):
    other = ke.load("bignas_digits", flops=1e6, classes=3)
    with pytest.raises(ValueError, match="same classes"):
        Cascade([children[0], other], 0.5)
