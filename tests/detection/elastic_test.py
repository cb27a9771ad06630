import keras
import numpy as np
import pytest

from keras_elastic import detection
from keras_elastic.training import Single

# A detector takes long to make.
pytestmark = pytest.mark.slow

# Small anchors, so that objects of the smaller images have some.
OPTIONS = {"strides": (4,), "anchor_size": 1.5, "head_layers": 0}


@pytest.fixture(scope="module")
def made():
    return detection.pasted_objects(
        image_size=(32, 48), train=8, test=4, classes=3
    )


@pytest.fixture(scope="module")
def batches(made):
    return make_batches(made)


def make_batches(made):
    return detection.detection_batches(
        made.train, (32, 48), 4, 3, training=True
    )


@pytest.fixture(scope="module")
def elastic(supernet):
    keras.utils.set_random_seed(0)
    return detection.ElasticDetector(supernet, 3, (32, 48), **OPTIONS)


def test_the_resolution_says_how_large_images_are(elastic):
    assert elastic.size(16) == (32, 48)
    assert elastic.size(8) == (16, 24)


@pytest.mark.parametrize("end", ["smallest", "largest"])
def test_a_child_detects_as_its_subnet(elastic, batches, end):
    arch = getattr(elastic.supernet.space, end)
    images, targets = next(iter(batches))
    child = elastic.child(arch, [(images, targets)])
    assert child.input_shape[1:3] == elastic.size(arch.resolution)
    expected = elastic(images, arch)
    found = child(elastic.resize(images, arch.resolution), training=False)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-3)
        assert np.ptp(values) > 0


def test_an_encoded_architecture_is_the_same(elastic, batches):
    arch = elastic.supernet.space.smallest
    images, targets = next(iter(batches))
    encoded = np.asarray(elastic.supernet.space.encode(arch), "int32")
    found = elastic(images, encoded, resolution=8)
    for name, values in elastic(images, arch).items():
        np.testing.assert_allclose(found[name], values, atol=1e-3)
    # Boxes shrink with the images, and the loss stays as large.
    losses = [
        float(elastic.loss_of(images, targets, encoded, resolution))
        for resolution in (8, 16)
    ]
    assert 0 < max(losses) < 10 * min(losses)


def test_training_of_widths_and_resolutions_at_once(supernet, made, batches):
    keras.utils.set_random_seed(0)
    elastic = detection.ElasticDetector(supernet, 3, (32, 48), **OPTIONS)
    trunk = supernet.get_weights()
    optimizer = keras.optimizers.Adam(1e-3)
    losses = detection.train_mutually(elastic, batches, optimizer, steps=60)
    assert losses.shape == (60, 4) and np.isfinite(losses).all()
    # Of the largest, the smallest and the random ones.
    assert (losses[-15:].mean(axis=0) < 0.7 * losses[:15].mean(axis=0)).all()
    after = supernet.get_weights()
    assert any((a != b).any() for a, b in zip(trunk, after, strict=True))
    supernet.set_weights(trunk)


@pytest.mark.exhaustive
def test_training_is_repeated_exactly(supernet, made):
    trunk, runs = supernet.get_weights(), []
    sampler = Single(supernet.space.smallest)
    for _ in range(2):
        keras.utils.set_random_seed(0)
        supernet.set_weights(trunk)
        elastic = detection.ElasticDetector(supernet, 3, (32, 48), **OPTIONS)
        optimizer = keras.optimizers.Adam(1e-3)
        runs.append(
            detection.train_mutually(
                elastic,
                # A data set that is read again has another order.
                make_batches(made),
                optimizer,
                steps=3,
                sampler=sampler,
            )
        )
    supernet.set_weights(trunk)
    assert runs[0].shape == (3, 1)
    np.testing.assert_array_equal(*runs)


def test_sizes_that_do_not_fit_are_refused(supernet):
    # At half of the resolution it is no multiple of the stride.
    with pytest.raises(ValueError, match="`image_size`"):
        detection.ElasticDetector(supernet, 3, (36, 48), **OPTIONS)
    with pytest.raises(ValueError, match="`model`"):
        detection.ElasticDetector(supernet, 3, (32, 64), strides=(8,))


def test_wrong_batches_are_refused(elastic, made, batches):
    optimizer = keras.optimizers.Adam()
    small = detection.detection_batches(made.train, (16, 24), 4, 3)
    for wrong in (small, made.train, []):
        with pytest.raises(ValueError, match="`batches`"):
            detection.train_mutually(elastic, wrong, optimizer, 1)
    with pytest.raises(ValueError, match="`detector`"):
        detection.train_mutually("bignas", batches, optimizer, 1)
