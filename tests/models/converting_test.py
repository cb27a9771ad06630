"""`keras_elastic.elastic` at its doors, and what its supernets are good for.

That they compute what the models do is in tests/families/graph_test.py.

Tests of `models/converting/elastic.py`, `models/converting/choices.py`,
`models/converting/names.py`, `models/converting/steps.py`,
`models/converting/weights.py`, `models/converting/graph.py`,
`models/converting/chains.py` and `models/converting/blocks.py`, too.
"""

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import training

layers = keras.layers


def pooled(features, inputs, units=3):
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, layers.Dense(units, name="logits")(features))


def small(channels=3, size=16, **arguments):
    """A convolution, and a residual block with padding on both sides."""
    inputs = keras.Input((size, size, channels))
    features = layers.ZeroPadding2D(1)(inputs)
    features = layers.Conv2D(16, 3, 2, **arguments)(features)
    features = layers.BatchNormalization()(features)
    features = layers.ReLU()(features)
    inside = layers.Conv2D(32, 3, padding="same")(features)
    inside = layers.BatchNormalization()(inside)
    inside = layers.ReLU()(inside)
    inside = layers.Conv2D(16, 3, padding="same")(inside)
    inside = layers.BatchNormalization()(inside)
    return pooled(layers.Add()([features, inside]), inputs)


def randomized(model, seed=0):
    contracts.randomize(model, seed)
    return model


@keras.saving.register_keras_serializable("tests")
class Mine(layers.Layer):
    def call(self, inputs):
        return inputs**2


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, images):
        return self.dense(keras.ops.mean(images, axis=(1, 2)))


def shared():
    inputs = keras.Input((16, 16, 3))
    layer = layers.Conv2D(3, 3, padding="same", name="twice")
    return pooled(layer(layer(inputs)), inputs)


def two_inputs():
    inputs = [keras.Input((16, 16, 3)), keras.Input((16, 16, 3))]
    return pooled(layers.Add()(inputs), inputs)


def two_outputs():
    model = small()
    return keras.Model(model.input, [model.output, model.output * 2])


def own_layer():
    inputs = keras.Input((16, 16, 3))
    features = layers.Conv2D(8, 3)(inputs)
    return pooled(Mine(name="mine")(features), inputs)


@pytest.mark.parametrize(
    "make, words",
    [
        (shared, "'twice'"),
        (two_inputs, "one input"),
        (two_outputs, "one output"),
        (own_layer, "'mine'"),
        (Subclassed, "graph"),
        (lambda: small(channels=1), "RGB"),
        (lambda: small(data_format="channels_first", name="odd"), "'odd'"),
    ],
)
def test_what_cannot_be_read_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        ke.elastic(make())


def test_a_model_that_reads_blue_first():
    model = randomized(small())
    offset = (-103.939, -116.779, -123.68)
    supernet = ke.elastic(model, offset=offset, channel_order="bgr")
    images = contracts.random_images(4, 16)
    expected = model(images[..., ::-1] + np.array(offset, "float32"))
    got = supernet(
        images,
        supernet.space.largest,
        statistics=supernet.initial_statistics,
    )
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got / scale, expected / scale, atol=1e-4)


def test_it_trains():
    supernet = ke.elastic(randomized(small()))
    before = supernet.get_weights()
    trainer = training.Trainer(
        supernet, keras.optimizers.SGD(0.01), training.Sandwich(num_random=1)
    )
    images = contracts.random_images(8, 16)
    batches = tf.data.Dataset.from_tensors((images, np.arange(8) % 3))
    history = trainer.fit(
        lambda epoch, start: batches.repeat(2),
        epochs=1,
        steps_per_epoch=2,
        verbose=0,
    )
    assert np.isfinite(history.history["smallest_loss"]).all()
    for one, other in zip(before, supernet.get_weights(), strict=True):
        # A bias before a normalization does nothing, and learns nothing.
        assert one.ndim < 2 or np.abs(one - other).max() > 0


def test_children_are_exported(tmp_path):
    supernet = ke.elastic(randomized(small()))
    images = contracts.random_images(32, 16).astype("uint8")
    arch = supernet.space.smallest
    statistics = ke.SubnetCalibrator(supernet).measure(arch, images)
    child = supernet.child(arch, statistics)
    contracts.check_stock(child)
    expected = np.asarray(child(images))
    ke.export.saved_model(child, tmp_path / "served", version=1)
    serve = tf.saved_model.load(str(tmp_path / "served" / "1"))
    scores = serve.signatures["serving_default"](images=tf.constant(images))
    softmax = keras.ops.softmax(expected)
    np.testing.assert_allclose(scores["probabilities"], softmax, atol=1e-4)
    ke.export.litert(child, tmp_path / "child.tflite")
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    run = interpreter.Interpreter(str(tmp_path / "child.tflite"))
    run.allocate_tensors()
    run.set_tensor(
        run.get_input_details()[0]["index"], images[:1].astype("float32")
    )
    run.invoke()
    got = run.get_tensor(run.get_output_details()[0]["index"])
    np.testing.assert_allclose(got, expected[:1], atol=1e-3)


def test_its_weights_are_saved(tmp_path):
    supernet = ke.elastic(randomized(small()))
    supernet.save_weights(tmp_path / "mine.weights.h5")
    same = ke.Supernet(supernet.family, 3)
    same.load_weights(tmp_path / "mine.weights.h5")
    images = contracts.random_images(4, 16)
    for arch in (supernet.space.smallest, supernet.space.largest):
        np.testing.assert_allclose(
            same(images, arch), supernet(images, arch), atol=1e-5
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "count", [1, pytest.param(20, marks=pytest.mark.exhaustive)]
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("MobileNetV2", marks=pytest.mark.exhaustive),
        "MobileNetV3Small",
    ],
)
def test_subnets_are_their_children(name, count):
    make = getattr(keras.applications, name)
    model = make(
        input_shape=(64, 64, 3),
        alpha=0.35 if name == "MobileNetV2" else 0.75,
        weights=None,
        classes=7,
        classifier_activation=None,
        **({"minimalistic": False} if "V3" in name else {}),
    )
    supernet = ke.elastic(randomized(model))
    images = contracts.random_images(32, 64)
    calibrator = ke.SubnetCalibrator(supernet)
    rng = np.random.default_rng(0)
    for _ in range(count):
        arch = supernet.space.sample(rng)
        statistics = calibrator.measure(arch, images)
        child = supernet.child(arch, statistics)
        small_images = contracts.resize(images, arch.resolution)
        expected = np.asarray(child(small_images))
        got = supernet(small_images, arch, statistics=statistics)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(got / scale, expected / scale, atol=1e-4)
