"""One trace of a supernet, or one program of XLA, runs every subnet."""

import dataclasses

import contracts
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.models import Supernet

IMAGES = contracts.random_images(6, 10)


@pytest.mark.exhaustive
def test_masked_compiles_under_xla(pair):
    arch = contracts.sample(pair.space, 1)[0]
    images = IMAGES[:4]

    @tf.function(jit_compile=True, autograph=False)
    def run(images):
        return pair.masked(images, arch)

    np.testing.assert_allclose(
        run(images), pair.sliced(images, arch), atol=1e-3
    )


@pytest.mark.slow
def test_one_xla_program_trains_every_subnet(attentive_family):
    # One resolution: the sizes of XLA's arrays are fixed.
    family = dataclasses.replace(attentive_family, resolution=(8,))
    pair = contracts.make_pair(family, classes=3)
    images = contracts.random_images(4, 8)
    variables = pair.masked.trainable_variables

    @tf.function(jit_compile=True, autograph=False)
    def run(encoded):
        with tf.GradientTape() as tape:
            logits = pair.masked(images, encoded)
            loss = tf.reduce_sum(logits * contracts.cotangent(logits))
        return logits, tape.gradient(loss, [v.value for v in variables])

    for arch in (pair.space.smallest, pair.space.largest):
        logits, gradients = run(tf.constant(pair.space.encode(arch)))
        np.testing.assert_allclose(logits, pair.sliced(images, arch), atol=1e-3)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert run.experimental_get_tracing_count() == 1


# A resolution that is known where the architecture is not


@pytest.mark.parametrize("mode", ["sliced", "masked"])
def test_a_known_resolution_changes_nothing(pair, mode):
    supernet = getattr(pair, mode)
    for arch in contracts.sample(pair.space, 2, seed=4):
        encoded = tf.constant(supernet.space.encode(arch))
        np.testing.assert_allclose(
            supernet(IMAGES, encoded, resolution=arch.resolution),
            supernet(IMAGES, encoded),
            atol=1e-3,
        )


def test_a_known_resolution_is_taken(random_digits):
    space = random_digits.space
    low, high = space.resolution[0], space.resolution[-1]
    encoded = tf.constant(space.encode(space.smallest))
    larger = dataclasses.replace(space.smallest, resolution=high)
    assert low != high
    np.testing.assert_allclose(
        random_digits(IMAGES, encoded, resolution=high),
        random_digits(IMAGES, larger),
        atol=1e-4,
    )


@pytest.mark.slow
def test_with_a_known_resolution_one_xla_program_serves_its_subnets(pair):
    space = pair.space
    resolution = space.resolution[-1]

    @tf.function(jit_compile=True, autograph=False)
    def run(encoded):
        return pair.masked(IMAGES, encoded, resolution=resolution)

    for arch in contracts.sample(space, 3, seed=5):
        arch = dataclasses.replace(arch, resolution=resolution)
        np.testing.assert_allclose(
            run(tf.constant(space.encode(arch))),
            pair.sliced(IMAGES, arch),
            atol=1e-3,
        )
    assert run.experimental_get_tracing_count() == 1


def test_a_gene_without_a_choice_is_a_number(attentive_family):
    family = dataclasses.replace(attentive_family, resolution=(8,))
    supernet = Supernet(family, classes=3)
    space = supernet.space

    @tf.function(autograph=False)
    def run(encoded):
        # Sizes that are made of it are known while tracing, so images of that
        # size are not resized.
        return supernet(contracts.random_images(2, 8), encoded)

    encoded = tf.constant(space.encode(space.smallest))
    operations = {
        op.type
        for op in run.get_concrete_function(
            tf.TensorSpec(encoded.shape, "int32")
        ).graph.get_operations()
    }
    assert "ScaleAndTranslate" not in operations
    assert np.isfinite(run(encoded)).all()
