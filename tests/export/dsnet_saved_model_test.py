"""A model that routes images is exported as any other, routing and all."""

import dsnet_models
import forked
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.export import saved_model

IMAGES = dsnet_models.make_images(64)

# What they look at takes long to make.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model of two gates. The ways of two widths are traced one by one."""
    model = dsnet_models.make(dsnet_models.RESNET, IMAGES, (50, 100))
    folder = tmp_path_factory.mktemp("served")
    path = saved_model(model, folder)
    return model, path, tf.saved_model.load(str(path)).signatures


@pytest.mark.parametrize("count", [1, 7, 64])
def test_it_answers_as_the_model(exported, count):
    model, _, signatures = exported
    serve = signatures["serve_tensors"]
    expected, chosen = model.route(IMAGES)
    # Images of different widths come first.
    order = np.argsort(np.asarray(chosen)[:, 0], kind="stable")
    order = np.concatenate([order[::10], np.delete(order, np.s_[::10])])
    logits = serve(images=tf.constant(IMAGES[order[:count]]))["logits"]
    np.testing.assert_allclose(
        logits, np.asarray(expected)[order[:count]], atol=1e-4
    )
    if count > 1:
        assert len(set(np.asarray(chosen)[order[:count], 0])) > 1


def test_every_single_image(exported):
    model, _, signatures = exported
    serve = signatures["serve_tensors"]
    expected = np.asarray(model(IMAGES))
    for place in range(0, 64, 4):
        one = serve(images=tf.constant(IMAGES[place : place + 1]))["logits"]
        np.testing.assert_allclose(one[0], expected[place], atol=1e-4)


def test_images_of_any_size(exported):
    model, _, signatures = exported
    serve = signatures["serving_default"]
    photos = dsnet_models.make_images(3, 24).astype("uint8")
    answer = serve(images=tf.constant(photos))
    assert answer["probabilities"].shape == (3, dsnet_models.CLASSES)
    assert answer["top_classes"].shape == (3, 5)


def test_the_routing_is_in_the_graph(exported):
    serve = exported[2]["serve_tensors"]
    graph = serve.graph.as_graph_def()
    operations = {
        node.op
        for nodes in (graph.node, *(f.node_def for f in graph.library.function))
        for node in nodes
    }
    # A switch for one image, conditions for the parts of a batch.
    assert operations & {"Case", "StatelessCase"}
    assert operations & {"If", "StatelessIf"}


def test_it_needs_tensorflow_alone(exported, tmp_path):
    model, path, _ = exported
    np.save(tmp_path / "images.npy", IMAGES[:5])
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        f"images = np.load({str(tmp_path / 'images.npy')!r})\n"
        f"model = tf.saved_model.load({str(path)!r})\n"
        "serve = model.signatures['serve_tensors']\n"
        "logits = serve(images=tf.constant(images))['logits']\n"
        f"np.save({str(tmp_path / 'logits.npy')!r}, logits)\n"
        "assert 'keras_elastic' not in sys.modules\n"
    )
    result = forked.run("-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    logits = np.load(tmp_path / "logits.npy")
    np.testing.assert_allclose(logits, model(IMAGES[:5]), atol=1e-4)
