import collections
import dataclasses
import functools

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import families
from keras_elastic.models import Supernet
from keras_elastic.models.shared_blocks import SharedBlocks

IMAGES = contracts.random_images(4, 10)


@pytest.fixture(scope="module")
def supernet():
    """One of stages with blocks that are alike, and of some that are not."""
    stages = families.get("bignas_digits").stages
    depths = [(3, 5), *((1, 2) for _ in stages[1:])]
    family = families.get(
        "bignas_digits",
        stages=tuple(
            dataclasses.replace(stage, depth=depth)
            for stage, depth in zip(stages, depths, strict=True)
        ),
    )
    supernet = Supernet(family, classes=4)
    contracts.randomize(supernet)
    return supernet


def architectures(supernet):
    space, rng = supernet.space, np.random.default_rng(0)
    return [space.smallest, space.largest, space.sample(rng)]


def traced(supernet, function):
    """One trace of a function of an encoded architecture, for all of them."""
    spec = tf.TensorSpec((len(supernet.space.genes),), "int32")
    return tf.function(
        function, input_signature=[spec], autograph=False
    ).get_concrete_function()


def calls(graph):
    """How often a graph calls each function, loops and branches left out."""
    return collections.Counter(
        operation.get_attr("f").name
        for operation in graph.get_operations()
        if operation.type.endswith("PartitionedCall")
    )


def masks(supernet, batch):
    """Dropout masks that drop the residual path of the second image."""
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    mask = np.ones((batch, 1), "float32")
    mask[1] = 0
    return {b.name: mask for b in plan.blocks if b.shortcut is not None}


def test_a_kind_of_blocks_is_traced_once(supernet):
    graph = traced(supernet, lambda arch: supernet(IMAGES, arch)).graph
    assert max(calls(graph).values()) >= 2
    # Those that are alone are no functions.
    assert min(calls(graph).values()) >= 2


def test_gradients_equal_those_of_blocks_one_by_one(supernet):
    def gradients(arch):
        with tf.GradientTape() as tape:
            logits = supernet(
                IMAGES, arch, dropout_masks=masks(supernet, len(IMAGES))
            )
            loss = tf.reduce_mean(tf.nn.log_softmax(logits)[:, 0])
        return logits, tape.gradient(
            loss,
            [v.value for v in supernet.trainable_variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    run = traced(supernet, gradients)
    for arch in architectures(supernet):
        # Eagerly, and so without functions.
        logits, expected = gradients(arch)
        found, slopes = run(tf.constant(supernet.space.encode(arch), "int32"))
        np.testing.assert_allclose(found, logits, atol=1e-4)
        for one, other in zip(slopes, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_statistics_go_to_the_normalization_that_has_their_name(supernet):
    measure = traced(
        supernet,
        lambda arch: supernet(IMAGES, arch, return_statistics=True)[1],
    )
    for arch in architectures(supernet)[1:]:
        encoded = tf.constant(supernet.space.encode(arch), "int32")
        _, statistics = supernet(IMAGES, arch, return_statistics=True)
        measured = measure(encoded)
        for name, expected in statistics.items():
            np.testing.assert_allclose(measured[name], expected, atol=1e-3)
        run = traced(
            supernet,
            functools.partial(supernet, IMAGES, statistics=measured),
        )
        np.testing.assert_allclose(
            run(encoded),
            supernet(IMAGES, arch, statistics=statistics),
            atol=1e-3,
        )


def test_weights_in_a_scope_of_others_are_those_of_the_scope(supernet):
    """As averaged weights are, while a training goes on."""
    mapping = [(v, v.value * 0.5) for v in supernet.trainable_variables]

    def halved(arch):
        with keras.StatelessScope(state_mapping=mapping):
            return supernet(IMAGES, arch)

    arch = supernet.space.largest
    encoded = tf.constant(supernet.space.encode(arch), "int32")
    np.testing.assert_allclose(
        traced(supernet, halved)(encoded), halved(arch), atol=1e-4
    )
    assert not np.allclose(halved(arch), supernet(IMAGES, arch), atol=1e-2)


def test_blocks_of_equal_shapes_but_other_layers_are_of_two_kinds():
    """What a layer is set to counts, also where no weight shows it."""
    stages = families.get("bignas_digits").stages
    family = families.get(
        "bignas_digits",
        stages=tuple(
            dataclasses.replace(stage, depth=(2, 5)) for stage in stages
        ),
    )
    supernet = Supernet(family, classes=4)
    run = functools.partial(supernet, IMAGES)
    alike = calls(traced(supernet, run).graph)
    supernet.stage1_block3_depthwise_norm.epsilon *= 2
    different = calls(traced(supernet, run).graph)
    assert sum(different.values()) == sum(alike.values()) - 1


def test_eagerly_blocks_are_no_functions(supernet):
    assert not SharedBlocks.can_run(supernet)


@pytest.mark.parametrize(
    "options", [{"mode": "masked"}, {"dtype": "mixed_float16"}], ids=str
)
def test_where_blocks_are_no_functions(options, supernet):
    """Of the family whose blocks are functions without these options."""
    other = Supernet(supernet.family, classes=4, **options)
    assert not calls(traced(other, lambda arch: other(IMAGES, arch)).graph)
