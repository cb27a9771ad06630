import basisnet_tiny
import contracts
import numpy as np
import pytest

import keras_elastic
from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.conditional import basisnet_from_supernet
from keras_elastic.conditional import extract_specialist
from keras_elastic.conditional.basisnet.convolution import BasisConvolution
from keras_elastic.models import Supernet

CLASSES = basisnet_tiny.CLASSES
BLOCKS = (4, 5, 7)


@pytest.fixture(scope="module")
def supernet():
    supernet = Supernet("bignas_digits", CLASSES)
    contracts.randomize(supernet)
    return supernet


@pytest.fixture(scope="module")
def statistics(supernet):
    """Of the light network and of the specialist."""
    calibrator = SubnetCalibrator(supernet)
    images = basisnet_tiny.images(32)
    return [
        calibrator.measure(arch, images)
        for arch in (supernet.space.smallest, supernet.space.largest)
    ]


def make(supernet, statistics, **arguments):
    light, specialist = statistics
    return basisnet_from_supernet(
        supernet,
        supernet.space.smallest,
        supernet.space.largest,
        3,
        BLOCKS,
        light_statistics=light,
        specialist_statistics=specialist,
        **arguments,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "activation",
    ["softmax", pytest.param("sigmoid", marks=pytest.mark.exhaustive)],
)
def test_it_starts_as_the_children(supernet, statistics, activation):
    model = make(supernet, statistics, noise=0.0, activation=activation)
    head = model.get_layer("light_coefficients")
    head.set_weights([np.zeros_like(w) for w in head.get_weights()])
    images = basisnet_tiny.images(4)
    light = supernet.child(supernet.space.smallest, statistics[0])
    specialist = supernet.child(supernet.space.largest, statistics[1])
    small = contracts.resize(images, light.input_shape[1])
    np.testing.assert_allclose(
        model.preview(images)[0], light(small), atol=1e-4
    )
    np.testing.assert_allclose(model(images), specialist(images), atol=1e-3)
    assert keras_elastic.is_calibrated(model)


@pytest.mark.slow
def test_bases_differ_by_a_little_noise(supernet, statistics):
    model = make(supernet, statistics, noise=0.1, seed=3)
    again = make(supernet, statistics, noise=0.1, seed=3)
    child = supernet.child(supernet.space.largest)
    for layer in model.layers:
        if isinstance(layer, BasisConvolution):
            [bases] = layer.get_weights()
            name = layer.name.removeprefix("specialist_")
            [kernel] = child.get_layer(name).get_weights()
            noise = (bases - kernel).std()
            assert noise == pytest.approx(0.1 * kernel.std(), rel=0.2)
            assert not np.allclose(bases[0], bases[1], atol=1e-4)
            np.testing.assert_array_equal(
                bases, again.get_layer(layer.name).get_weights()[0]
            )


def test_a_light_network_of_another_supernet(supernet):
    other = Supernet("bignas_digits", CLASSES)
    contracts.randomize(other, seed=5)
    space = supernet.space
    model = basisnet_from_supernet(
        supernet,
        space.smallest,
        space.smallest,
        2,
        (1,),
        light_supernet=other,
    )
    light = other.child(space.smallest).get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(
        model.get_layer("light_stem_conv").get_weights()[0], light
    )
    assert not np.allclose(
        model.get_layer("specialist_stem_conv").get_weights()[0], light
    )
    assert not keras_elastic.is_calibrated(model)


def test_a_light_supernet_of_other_classes_is_refused(supernet):
    other = Supernet("bignas_digits", 3)
    space = supernet.space
    with pytest.raises(ValueError, match="as many classes"):
        basisnet_from_supernet(
            supernet,
            space.smallest,
            space.smallest,
            2,
            (1,),
            light_supernet=other,
        )


def test_negative_noise_is_refused(supernet, statistics):
    with pytest.raises(ValueError, match="`noise` must be.*at least 0"):
        make(supernet, statistics, noise=-1)


def test_a_specialist_is_the_second_stage_of_an_image():
    model = basisnet_tiny.shared()
    image = basisnet_tiny.images(1)
    _, coefficients = model.preview(image)
    child = extract_specialist(model, coefficients[0], name="mine")
    contracts.check_stock(child)
    assert child.name == "mine"
    np.testing.assert_allclose(child(image), model(image), atol=1e-4)


def test_coefficients_of_another_shape_are_refused():
    model = basisnet_tiny.shared()
    with pytest.raises(ValueError, match=r"\(3, 3\).*Received.*\(3, 2\)"):
        extract_specialist(model, np.ones((3, 2)))
