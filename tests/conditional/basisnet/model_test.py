import json

import basisnet_tiny
import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf
from basisnet_tiny import BASES
from basisnet_tiny import BLOCKS
from basisnet_tiny import CLASSES

import keras_elastic
from keras_elastic.conditional import BasisNet
from keras_elastic.conditional import extract_specialist
from keras_elastic.conditional.basisnet.convolution import BasisConvolution


@pytest.fixture(scope="module")
def model():
    """Its weights stay as they are."""
    return basisnet_tiny.shared()


def images(count=7, seed=0):
    return basisnet_tiny.images(count, seed)


def draw_coefficients(count, seed=0):
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(size=(count, len(BLOCKS), BASES)) ** 3
    return (drawn / drawn.sum(-1, keepdims=True)).astype("float32")


def make_sure(model, factor=30):
    """Widens the light logits: some images are sure, others are not."""
    classifier = model.get_layer("light_head_classifier")
    classifier.set_weights([factor * w for w in classifier.get_weights()])
    return model


def basis_layers(model):
    return [x for x in model.layers if isinstance(x, BasisConvolution)]


# The graph


def test_shapes(model):
    assert model.input_shape == (None, 12, 12, 3)
    assert model.output_shape == (None, CLASSES)
    light_logits, coefficients = model.preview(images())
    assert light_logits.shape == (7, CLASSES)
    assert coefficients.shape == (7, len(BLOCKS), BASES)
    assert model.basis_block_names == (
        "stage2_block1",
        "stage2_block2",
        "stage3_block2",
    )


def test_the_stages_one_after_the_other_are_the_model(model):
    light_logits, coefficients = model.preview(images())
    logits = model.specialize(images(), coefficients)
    expected = model(images())
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 0.1
    assert not np.allclose(light_logits, expected, atol=0.1)


def test_the_light_network_is_the_stock_network_at_its_size(model):
    plan = model.light
    child = keras_elastic.models.build_child(plan)
    for layer in child.layers:
        if layer.weights:
            source = model.get_layer(f"light_{layer.name}")
            layer.set_weights(source.get_weights())
    small = contracts.resize(images(), plan.resolution)
    np.testing.assert_allclose(
        model.preview(images())[0], child(small), atol=1e-4
    )


def test_coefficients_are_a_second_head_on_the_same_feature(model):
    dropout = model.get_layer("light_head_dropout")
    head = model.get_layer("light_coefficients")
    assert head.input is dropout.input
    features = keras.Model(model.input, head.input)(images())
    logits = head(features).numpy().reshape(7, len(BLOCKS), BASES)
    _, coefficients = model.preview(images())
    np.testing.assert_allclose(coefficients, tf.nn.softmax(logits), atol=1e-6)


def test_sigmoid_coefficients(model):
    weights = model.get_weights()
    model = BasisNet.from_config(
        {**model.get_config(), "activation": "sigmoid"}
    )
    model.set_weights(weights)
    _, coefficients = model.preview(images())
    sums = np.sum(coefficients, axis=-1)
    assert np.ptp(sums) > 0.1
    assert 0 < np.min(coefficients) < np.max(coefficients) < 1
    np.testing.assert_allclose(
        model.specialize(images(), coefficients), model(images()), atol=1e-5
    )


def test_every_layer_but_a_few_is_stock(model):
    own = {
        type(layer).__name__
        for layer in model.layers
        if not type(layer).__module__.startswith("keras.")
    }
    assert own == {
        "BasisConv2D",
        "BasisDepthwiseConv2D",
        "BasisExit",
        "BasisPreview",
    }


def test_only_the_kernels_of_the_blocks_have_bases(model):
    expected = {
        f"specialist_{block}_{operation}"
        for block in model.basis_block_names
        for operation in ("expand", "depthwise", "project")
    }
    assert {layer.name for layer in basis_layers(model)} == expected


def test_costs_are_those_of_the_built_model(model):
    assert model.costs.params == contracts.count_params(model)
    stock = contracts.count_flops(model)
    mixed = sum(
        np.prod(layer.kernel.shape[1:]) for layer in basis_layers(model)
    )
    convolved = sum(
        np.prod(layer.kernel.shape[1:]) * np.prod(layer.output.shape[1:3])
        for layer in basis_layers(model)
    )
    assert model.costs.flops == stock + convolved + (BASES - 1) * mixed


@pytest.mark.slow
def test_no_dead_weights():
    model = basisnet_tiny.make()
    with tf.GradientTape() as tape:
        light_logits, coefficients = model.preview(images())
        logits = model.specialize(images(), coefficients)
        loss = tf.reduce_sum(logits**2) + tf.reduce_sum(light_logits**2)
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    for variable, gradient in zip(variables, gradients, strict=True):
        assert np.any(gradient), variable.path


# Invariants


@pytest.mark.slow
def test_a_batch_is_its_images(model):
    expected = np.concatenate(
        [model(images()[place : place + 1]) for place in range(7)]
    )
    np.testing.assert_allclose(model(images()), expected, atol=1e-4)
    np.testing.assert_allclose(
        model.predict(images(), batch_size=3, verbose=0), expected, atol=1e-4
    )


def test_even_coefficients_are_the_mean_kernel_network(model):
    even = np.full((7, len(BLOCKS), BASES), 1 / BASES, "float32")
    np.testing.assert_allclose(
        model.specialize(images(), even),
        extract_specialist(model)(images()),
        atol=1e-4,
    )


def test_one_hot_coefficients_are_one_basis_alone(model):
    alone = extract_specialist(model)
    for basis in range(BASES):
        one_hot = np.zeros((7, len(BLOCKS), BASES), "float32")
        one_hot[..., basis] = 1
        for layer in basis_layers(model):
            kernel = layer.get_weights()[0][basis]
            name = layer.name.removeprefix("specialist_")
            alone.get_layer(name).set_weights([kernel])
        np.testing.assert_allclose(
            model.specialize(images(), one_hot), alone(images()), atol=1e-4
        )


@pytest.mark.slow
def test_equal_bases_are_one_static_network():
    model = basisnet_tiny.make()
    for layer in basis_layers(model):
        [kernel] = layer.get_weights()
        layer.set_weights([np.repeat(kernel[:1], BASES, axis=0)])
    expected = extract_specialist(model)(images())
    for seed in range(2):
        np.testing.assert_allclose(
            model.specialize(images(), draw_coefficients(7, seed)),
            expected,
            atol=1e-4,
        )
    np.testing.assert_allclose(model(images()), expected, atol=1e-4)


def test_a_block_listens_to_its_own_coefficients(model):
    before = draw_coefficients(7)
    expected = model.specialize(images(), before)
    for block in range(len(BLOCKS)):
        changed = before.copy()
        changed[:, block] = draw_coefficients(7, seed=5)[:, block]
        got = model.specialize(images(), changed)
        assert not np.allclose(got, expected, atol=1e-3)


@pytest.mark.parametrize("method", ["per_image", "sum"])
def test_methods_agree(model, method):
    config = {**model.get_config(), "method": method}
    other = BasisNet.from_config(config)
    other.set_weights(model.get_weights())
    assert {layer.method for layer in basis_layers(other)} == {method}
    np.testing.assert_allclose(other(images()), model(images()), atol=1e-4)


# Early exit


def early_exit(model, exits, count=7):
    """A copy that lets so many of `images(count)` exit, and who stays."""
    light_logits, _ = model.preview(images(count))
    confidences = np.max(tf.nn.softmax(light_logits), axis=-1)
    ordered = np.sort(confidences)[::-1]
    threshold = float((np.r_[1, ordered] + np.r_[ordered, 0])[exits] / 2)
    stays = confidences <= threshold
    assert stays.sum() == count - exits
    return model.with_exit_threshold(threshold), stays


@pytest.fixture(scope="module")
def sure_model():
    return make_sure(basisnet_tiny.make(seed=3), factor=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "exits",
    [3, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (0, 7))],
)
def test_sure_images_keep_the_light_logits(sure_model, exits):
    model, stays = early_exit(sure_model, exits)
    light_logits, _ = sure_model.preview(images())
    expected = np.where(stays[:, None], sure_model(images()), light_logits)
    np.testing.assert_allclose(model(images()), expected, atol=1e-4)
    np.testing.assert_allclose(
        model.predict(images(), verbose=0), expected, atol=1e-4
    )
    # The graph itself chooses between logits that are both there.
    graph = keras.Model(model.input, model.output)
    np.testing.assert_allclose(graph(images()), expected, atol=1e-4)


@pytest.mark.parametrize("exits", [0, 3, 7])
def test_only_undecided_images_run_the_second_stage(
    sure_model, exits, monkeypatch
):
    model, stays = early_exit(sure_model, exits)
    ran = []

    def specialize(batch, coefficients):
        ran.append(np.asarray(batch))
        return sure_model.specialize(batch, coefficients)

    monkeypatch.setattr(model, "specialize", specialize)
    model(images())
    if exits == 7:
        assert ran == []
    else:
        np.testing.assert_array_equal(ran, [images()[stays]])


@pytest.mark.slow
def test_an_empty_batch_is_an_empty_answer(sure_model):
    model = sure_model.with_exit_threshold(0.5)
    run = tf.function(
        model,
        input_signature=[tf.TensorSpec((None, 12, 12, 3))],
        autograph=False,
    )
    for call in (model, run):
        assert call(images()[:0]).shape == (0, CLASSES)


def test_training_mode_has_no_exit(sure_model):
    model = sure_model.with_exit_threshold(0.0)
    for layer in (*model.layers, *sure_model.layers):
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    with keras.StatelessScope():
        np.testing.assert_allclose(
            model(images(), training=True),
            sure_model(images(), training=True),
            atol=1e-4,
        )


# Keras


def test_save_and_load(model, tmp_path):
    with_exit = model.with_exit_threshold(0.4)
    for original in (model, with_exit):
        original.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert type(loaded) is BasisNet
        assert loaded.get_config() == original.get_config()
        assert loaded.exit_threshold == original.exit_threshold
        np.testing.assert_allclose(
            loaded(images()), original(images()), atol=1e-6
        )


def test_config_survives_json(model):
    config = json.loads(json.dumps(model.get_config()))
    again = BasisNet.from_config(config)
    assert again.get_config() == model.get_config()
    names = contracts.constructor_arguments(model)
    assert names <= set(config)


@pytest.mark.slow
def test_calibrate():
    model = BasisNet(*basisnet_tiny.plans(), BASES, BLOCKS)
    contracts.randomize(model)
    assert not keras_elastic.is_calibrated(model)
    keras_elastic.calibrate(model, images(16))
    assert keras_elastic.is_calibrated(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    # The statistics are those of this very batch.
    with keras.StatelessScope():
        expected = model(images(16), training=True)
    np.testing.assert_allclose(model(images(16)), expected, atol=1e-3)


def test_mixed_precision(model):
    config = model.get_config()
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    config["dtype"] = keras.dtype_policies.serialize(policy)
    mixed = BasisNet.from_config(config)
    mixed.set_weights(model.get_weights())
    assert {x.compute_dtype for x in basis_layers(mixed)} == {"float16"}
    outputs = mixed(images())
    assert outputs.dtype == "float32"
    assert mixed.preview(images())[1].dtype == "float32"
    np.testing.assert_allclose(outputs, model(images()), rtol=0.1, atol=0.2)


def test_dropout_masks_multiply_features(model):
    assert {
        name: features for name, (_, features) in model.dropouts.items()
    } == {"light_head_dropout": 96, "specialist_head_dropout": 128}
    masks = {
        "light_head_dropout": np.zeros((7, 96)),
        "specialist_head_dropout": np.zeros((7, 128)),
    }
    light_logits, coefficients = model.preview(images(), dropout_masks=masks)
    logits = model.specialize(images(), coefficients, dropout_masks=masks)
    for got, stage in ((light_logits, "light"), (logits, "specialist")):
        bias = model.get_layer(f"{stage}_head_classifier").bias
        np.testing.assert_allclose(got, np.tile(bias, (7, 1)), atol=1e-6)


# Errors


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_bases": 0}, "`num_bases` must be a positive integer"),
        ({"basis_blocks": (4, 9)}, r"1\.\.5.*\[9\] do not exist"),
        ({"basis_blocks": (0,)}, r"1\.\.5.*\[0\] do not exist"),
        ({"basis_blocks": ()}, "`basis_blocks` must be numbers"),
        ({"activation": "relu"}, "`activation` must be one of.*relu"),
        ({"exit_threshold": 1.2}, "`exit_threshold` must be a number"),
        ({"method": "magic"}, "`method` must be one of"),
    ],
)
def test_errors(arguments, message):
    arguments = {"num_bases": 2, "basis_blocks": (4,), **arguments}
    with pytest.raises(ValueError, match=message):
        BasisNet(*basisnet_tiny.plans(), **arguments)


def test_another_number_of_classes_is_refused():
    light, _ = basisnet_tiny.plans(classes=3)
    _, specialist = basisnet_tiny.plans()
    with pytest.raises(ValueError, match="as many classes.*3 and 5"):
        BasisNet(light, specialist, 2, (4,))
