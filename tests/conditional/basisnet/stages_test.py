import dataclasses

import basisnet_tiny
import contracts
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.conditional import BasisNet
from keras_elastic.conditional import extract_specialist
from keras_elastic.conditional.basisnet import stages
from keras_elastic.spaces import plan as primitives


def test_dropouts_of_a_plan():
    plan = basisnet_tiny.plans()[1]
    assert stages.dropouts(plan) == {"head_dropout": (0.2, 128)}


def test_a_plan_is_split_behind_its_final_feature():
    plan = basisnet_tiny.plans()[0]
    trunk, [classifier] = stages.split_classifier(plan)
    names = [operation.name for operation in classifier.operations]
    assert names == ["head_dropout", "head_classifier"]
    assert trunk[-1].operations[-1].name == "head_pool"
    assert trunk[:-1] == plan.blocks[:-1]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "name, changes",
    [("resnet50", {}), ("vgg16", {"head": "pooled"}), ("mobilenet_v1", {})],
)
def test_any_family_can_be_a_specialist(name, changes):
    name = families.network(name)[0].name
    family = families.get(name, resolution=(32,), **changes)
    plan = family.plan(family.space.smallest, basisnet_tiny.CLASSES)
    model = BasisNet(basisnet_tiny.plans()[0], plan, 2, (1, 3))
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    even = np.full((2, 2, 2), 0.5, "float32")
    np.testing.assert_allclose(
        model.specialize(images, even),
        extract_specialist(model)(images),
        atol=1e-3,
    )
    params = sum(np.prod(v.shape) for v in model.trainable_variables)
    assert params == model.costs.params


def symmetric(name, kind):
    """A plan whose operations of a kind pad on both sides, as elastic's do."""
    family = families.get(name, resolution=(32,))
    plan = family.plan(family.space.smallest, basisnet_tiny.CLASSES)
    blocks = [
        dataclasses.replace(
            block, operations=tuple(map(padded(kind), block.operations))
        )
        for block in plan.blocks
    ]
    assert tuple(blocks) != plan.blocks
    return dataclasses.replace(plan, blocks=tuple(blocks))


def padded(kind):
    def pad(operation):
        if not isinstance(operation, kind):
            return operation
        return dataclasses.replace(operation, padding="symmetric")

    return pad


@pytest.mark.slow
def test_max_pooling_with_symmetric_padding():
    plan = symmetric("slimmable_resnet50", primitives.MaxPooling)
    model = BasisNet(basisnet_tiny.plans()[0], plan, 2, (1, 3))
    images = contracts.random_images(2, 32)
    even = np.full((2, 2, 2), 0.5, "float32")
    expected = extract_specialist(model)(images)
    np.testing.assert_allclose(
        model.specialize(images, even), expected, atol=1e-3
    )
    again = BasisNet.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(
        again.specialize(images, even), expected, atol=1e-3
    )


@pytest.mark.parametrize(
    "kind", [primitives.Convolution, primitives.DepthwiseConvolution]
)
def test_basis_convolutions_know_no_symmetric_padding(kind):
    plan = symmetric("mobilenet_v1", kind)
    with pytest.raises(ValueError, match="'same' and 'valid'.*'block1"):
        BasisNet(basisnet_tiny.plans()[0], plan, 2, (1, 3))


def test_new_layers_take_prefix_and_policy():
    layers = stages.NewLayers("light_", "mixed_float16")
    features = layers.Dense(3, name="dense")(keras.Input((4,)))
    layer = features._keras_history.operation
    assert layer.name == "light_dense"
    assert layer.compute_dtype == "float16"
