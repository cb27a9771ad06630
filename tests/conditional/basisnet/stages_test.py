import basisnet_tiny
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.conditional import BasisNet
from keras_elastic.conditional import extract_specialist
from keras_elastic.conditional.basisnet import stages as stages


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


@pytest.mark.parametrize(
    "name, changes",
    [
        ("resnet50", {}),
        ("vgg16", {"head": "pooled"}),
        ("mobilenet_v1", {}),
    ],
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


def test_new_layers_take_prefix_and_policy():
    layers = stages.NewLayers("light_", "mixed_float16")
    features = layers.Dense(3, name="dense")(keras.Input((4,)))
    layer = features._keras_history.operation
    assert layer.name == "light_dense"
    assert layer.compute_dtype == "float16"
