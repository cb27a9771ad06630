import contracts
import numpy as np
import pytest

import keras_elastic as ke


def images(height, width):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (2, height, width, 3)).astype("float32")


@pytest.fixture(scope="module")
def supernet():
    supernet = ke.Supernet("bignas_digits", 10)
    contracts.randomize(supernet)
    return supernet


@pytest.mark.parametrize("end", ["smallest", "largest"])
def test_maps_are_those_of_the_child(supernet, end):
    arch = getattr(supernet.space, end)
    pyramid = ke.feature_pyramid(supernet, (2, 4))
    pixels = images(arch.resolution, arch.resolution)
    found, statistics = pyramid(pixels, arch, return_statistics=True)
    # The head, which no map needs, keeps a new layer's.
    statistics = {
        name: statistics.get(name, np.ones((2, channels)))
        for name, channels in supernet.normalizations.items()
    }
    child = supernet.child(arch, statistics)
    expected = ke.feature_pyramid(child, (2, 4))(pixels, training=False)
    assert set(found) == set(expected) == {"stride_2", "stride_4"}
    for name, features in expected.items():
        np.testing.assert_allclose(found[name], features, atol=1e-3)
        assert np.ptp(features) > 0


def test_an_encoded_architecture_and_rectangular_images(supernet):
    pyramid = ke.feature_pyramid(supernet, 4)
    arch = supernet.space.smallest
    known = pyramid(images(8, 16), arch)["stride_4"]
    assert known.shape == (2, 2, 4, 32)
    encoded = np.asarray(supernet.space.encode(arch), "int32")
    found = pyramid(images(8, 16), encoded)["stride_4"]
    np.testing.assert_allclose(found, known, atol=1e-4)


def test_channels_are_the_most_of_each_map(supernet):
    pyramid = ke.feature_pyramid(supernet)
    assert pyramid.strides == (1, 2, 4)
    assert pyramid.channels == {1: 16, 2: 24, 4: 48}


@pytest.mark.slow
def test_a_map_inside_of_a_block_is_not_known():
    # Of the stem, which ends with a pooling.
    supernet = ke.Supernet("ofa_resnet50", 5)
    assert 2 not in ke.feature_pyramid(supernet).strides


def test_wrong_calls_are_refused(supernet):
    with pytest.raises(ValueError, match="strides"):
        ke.feature_pyramid(supernet, (4, 8))
    pyramid = ke.feature_pyramid(supernet, 4)
    with pytest.raises(ValueError, match="images"):
        pyramid(images(8, 8)[0], supernet.space.smallest)
    with pytest.raises(ValueError, match="resolution"):
        wrong = supernet.space.smallest
        pyramid(images(8, 8), type(wrong)(9, *[*vars(wrong).values()][1:]))
