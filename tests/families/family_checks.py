"""What families prove alike. Call it with what is particular to one."""

import json

import contracts
import keras
import numpy as np

from keras_elastic import families
from keras_elastic.models import build_child
from keras_elastic.spaces import costs


def sample(family, count, seed=0):
    rng = np.random.default_rng(seed)
    return [family.space.sample(rng) for _ in range(count)]


def check_costs_of_children(family, archs, classes=10):
    """The cost model counts what a second counter finds in built networks."""
    for arch in archs:
        plan = family.plan(arch, classes)
        child = build_child(plan)
        found = (contracts.count_flops(child), contracts.count_params(child))
        assert costs(plan)[:2] == found, arch
        keras.backend.clear_session()


def check_costs_of_many(family, count=10_000):
    """One call for many architectures says what a call for each says."""
    rng = np.random.default_rng(0)
    encoded = family.space.sample_encoded(rng, count)
    many = costs(family.plan(family.space.unstack(encoded), classes=1000))
    for row in range(0, count, count // 20):
        arch = family.space.decode(encoded[row])
        one = costs(family.plan(arch, classes=1000))
        assert tuple(np.broadcast_to(c, count)[row] for c in many) == one


def check_subnets(family, archs, classes=10, atol=1e-3):
    """Sliced, masked and child agree; tensors and numbers agree.

    Dozens of normalizations by a small batch's statistics enlarge the last
    digit's differences to some 1e-4 of logits around 1.
    """
    pair = contracts.make_pair(family, classes)
    images = contracts.random_images(4, max(family.resolution))
    contracts.check_supernet(pair, archs, images, atol=atol)
    return pair


def check_json(family):
    config = json.loads(json.dumps(families.serialize(family)))
    same = families.deserialize(config)
    assert same == family
    assert same.space == family.space
    arch = family.space.smallest
    assert costs(same.plan(arch, 10)) == costs(family.plan(arch, 10))


# Networks of another source


def with_random_weights(model, seed=0):
    """Random weights and statistics, none of them at its initial value."""
    contracts.randomize(model, seed)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.moving_mean.shape
            layer.moving_mean.assign(rng.uniform(-0.5, 0.5, shape))
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, shape))
    return model


def set_statistics(model, images):
    """Statistics near those of the images, so that nothing grows on its way.

    Not the very same, which would hide what is normalized with what.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    rng = np.random.default_rng(0)
    for norm in norms:
        mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
        noise = rng.normal(0, 0.1, mean.shape)
        norm.moving_mean.assign(mean + noise * np.sqrt(variance))
        norm.moving_variance.assign(
            variance * rng.uniform(0.8, 1.25, variance.shape)
        )


def copy_in_order(source, target):
    """Gives one chain of layers the weights of another."""
    sources = [
        layer
        for layer in source.layers
        # A normalization of the inputs is not the network's.
        if layer.weights and not isinstance(layer, keras.layers.Normalization)
    ]
    targets = [layer for layer in target.layers if layer.weights]
    for theirs, ours in zip(sources, targets, strict=True):
        # A 1x1 or a "valid" convolution may stand for a dense layer.
        weights = [
            value.reshape(weight.shape)
            for value, weight in zip(
                theirs.get_weights(), ours.weights, strict=True
            )
        ]
        ours.set_weights(weights)


def check_same_function(theirs, ours, count=2):
    """Theirs takes pixels in -1..1, ours in 0..255."""
    with_random_weights(theirs)
    copy_in_order(theirs, ours)
    images = contracts.random_images(count, ours.input_shape[1])
    expected = np.asarray(theirs(images / 127.5 - 1.0, training=False))
    got = np.asarray(ours(images, training=False))
    scale = np.abs(expected).max()
    assert np.isfinite(scale)
    # The images matter, or anything would be equal.
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * scale
    np.testing.assert_allclose(got / scale, expected / scale, atol=1e-4)
