import basisnet_tiny
import contracts
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic.conditional import CondConvNet
from keras_elastic.conditional.basisnet.convolution import BasisConvolution

BLOCKS = (3, 5)


def make(**arguments):
    plan = basisnet_tiny.plans()[1]
    model = CondConvNet(plan, 3, BLOCKS, **arguments)
    contracts.randomize(model)
    return keras_elastic.calibrate(model, basisnet_tiny.images(32, seed=9))


@pytest.fixture(scope="module")
def model():
    return make()


def test_costs_are_those_of_the_built_model(model):
    assert model.costs.params == contracts.count_params(model)
    stock = contracts.count_flops(model)
    for layer in model.layers:
        if isinstance(layer, BasisConvolution):
            kernel = np.prod(layer.kernel.shape[1:])
            pixels = np.prod(layer.output.shape[1:3])
            stock += kernel * pixels + 2 * kernel
    assert model.costs.flops == stock


def test_a_block_shares_one_vector_of_its_own_input(model):
    for block in ("stage2_block2", "stage3_block2"):
        routing = model.get_layer(f"{block}_routing")
        assert routing.activation.__name__ == "sigmoid"
        pool = model.get_layer(f"{block}_routing_pool")
        assert pool.input is model.get_layer(f"{block}_expand").input[0]
        for name in ("expand", "depthwise", "project"):
            layer = model.get_layer(f"{block}_{name}")
            assert layer.input[1] is routing.output


def test_a_batch_is_its_images(model):
    images = basisnet_tiny.images(5)
    expected = np.concatenate([model(images[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(model(images), expected, atol=1e-4)
    assert np.ptp(expected, axis=0).min() > 0.1


def test_save_and_load(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is CondConvNet
    assert loaded.get_config() == model.get_config()
    images = basisnet_tiny.images(3)
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)


@pytest.mark.slow
def test_fit():
    model = make()
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    images = basisnet_tiny.images(8)
    before = model.get_layer("stage3_block2_routing").get_weights()[0]
    model.fit(images, np.arange(8) % 5, verbose=0)
    after = model.get_layer("stage3_block2_routing").get_weights()[0]
    assert not np.allclose(before, after)


def test_errors():
    with pytest.raises(ValueError, match=r"1\.\.5.*\[12\]"):
        CondConvNet(basisnet_tiny.plans()[1], 3, (12,))
    with pytest.raises(ValueError, match="`num_bases`"):
        CondConvNet(basisnet_tiny.plans()[1], 0, BLOCKS)


def test_run_draws_nothing_and_takes_masks(model):
    images = basisnet_tiny.images(3)
    np.testing.assert_allclose(model.run(images), model(images), atol=1e-5)
    ((name, (rate, features)),) = model.dropouts.items()
    assert (rate, model.classes) == (0.2, basisnet_tiny.CLASSES)
    none = model.run(images, dropout_masks={name: np.zeros((3, features))})
    _, bias = model.get_layer("head_classifier").get_weights()
    np.testing.assert_allclose(none, np.tile(bias, (3, 1)), atol=1e-6)
    larger = contracts.resize(images, 16)
    assert model.run(larger).shape == (3, basisnet_tiny.CLASSES)
