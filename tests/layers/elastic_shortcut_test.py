import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import families
from keras_elastic.layers import ElasticShortcut
from keras_elastic.models import elastic_operations


def choice(live, filters, project):
    return contracts.Choice(
        live=live,
        out=filters,
        arguments={"filters": filters, "project": project},
        sliced=(live, filters) if project else None,
    )


# Wider, narrower and equal; equal widths with a projection, too.
CHOICES = [
    choice(6, 8, True),
    choice(6, 6, False),
    choice(2, 2, False),
    choice(4, 3, True),
    choice(5, 5, True),
]


def stock_shortcut(layer, choice):
    inputs = keras.Input((None, None, choice.live))
    features = inputs
    if layer.strides > 1:
        features = keras.layers.AveragePooling2D(layer.strides, padding="same")(
            features
        )
    if choice.sliced is not None:
        project = keras.layers.Conv2D(choice.out, 1, use_bias=False)
        features = project(features)
        project.set_weights(layer.sliced_weights(*choice.sliced))
    return keras.Model(inputs, features)


def make_case(size, strides, filters=8, choices=CHOICES):
    def make(**arguments):
        return ElasticShortcut(filters, strides=strides, **arguments)

    return contracts.LayerCase(make, (size, size, 6), choices, stock_shortcut)


@pytest.mark.parametrize("size,strides", [(4, 1), (5, 2)])
def test_contract(size, strides):
    contracts.check_elastic_layer(make_case(size, strides))


def test_contract_where_the_output_is_narrower():
    choices = [choice(6, 4, True), choice(4, 4, False), choice(3, 2, True)]
    case = make_case(4, 1, filters=4, choices=choices)
    contracts.check_elastic_layer(case)


@pytest.mark.parametrize("mode", ["sliced", "masked"])
@pytest.mark.parametrize("project", [True, False])
def test_project_as_a_tensor(mode, project):
    case = make_case(4, 2)
    layer = case.build(mode=mode)
    inputs = contracts.pad_channels(np.ones((1, 4, 4, 6)), case.channels)
    np.testing.assert_allclose(
        layer(inputs, filters=6, project=tf.constant(project)),
        layer(inputs, filters=6, project=project),
        atol=1e-6,
    )


def test_projects_by_default():
    case = make_case(4, 1)
    layer = case.build()
    inputs = np.ones((1, 4, 4, 6))
    np.testing.assert_array_equal(
        layer(inputs), layer(inputs, filters=8, project=True)
    )


@pytest.mark.parametrize("mode", ["sliced", "masked"])
def test_without_projection_there_are_no_weights(mode):
    layer = ElasticShortcut(6, 2, use_projection=False, mode=mode)
    layer.build((None, None, None, 6))
    assert layer.variables == []
    assert layer(np.ones((1, 4, 4, 6))).shape == (1, 2, 2, 6)


@pytest.mark.parametrize("project", [True, tf.constant(True)])
def test_without_projection_it_cannot_project(project):
    layer = ElasticShortcut(6, use_projection=False)
    layer.build((None, None, None, 6))
    with pytest.raises(ValueError, match="`project` must be `False`"):
        layer(np.ones((1, 4, 4, 6)), project=project)


def test_identity_changes_nothing():
    layer = ElasticShortcut(6)
    layer.build((None, None, None, 6))
    inputs = np.random.default_rng(0).normal(size=(2, 3, 3, 4))
    outputs = layer(inputs, filters=4, project=False)
    np.testing.assert_array_equal(outputs, inputs.astype("float32"))


@pytest.mark.parametrize("name", ["filters", "strides"])
def test_sizes_must_be_positive_integers(name):
    sizes = {"filters": 3, "strides": 1, name: 0}
    with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
        ElasticShortcut(**sizes)


def test_projections_keep_the_variance_of_the_trunk():
    # With zero gammas the trunk of a new supernet is its chain of shortcuts.
    keras.utils.set_random_seed(0)
    family = families.get("bignas")
    plan = family.plan(family.space.largest, 10)
    # As large as the last map is small, so that pooling averages little away.
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(8, 2, 2, plan.blocks[0].out_channels))
    features = coarse.repeat(16, axis=1).repeat(16, axis=2).astype("float32")
    variances = [features.var()]
    for block in plan.blocks:
        for operation in block.shortcut or ():
            layer, channels = elastic_operations.make_layer(operation)
            layer.build((None, None, None, channels))
            features = elastic_operations.run(operation, layer, features)
            variances.append(np.var(features))
    assert len(variances) == 27
    assert max(variances) < 2 * min(variances)
