import contracts
import numpy as np

import keras_elastic as ke
from keras_elastic.selection.subnet_logits import SubnetLogits


def test_logits_are_those_of_children():
    supernet = ke.Supernet(ke.families.get("bignas_digits"), 3)
    contracts.randomize(supernet)
    images = contracts.random_images(5, 12)
    calibrator = ke.SubnetCalibrator(supernet)
    logits = SubnetLogits(supernet)
    for arch in (supernet.space.smallest, supernet.space.largest):
        statistics = calibrator.measure(arch, images)
        child = supernet.child(arch, statistics)
        own = contracts.resize(images, arch.resolution)
        np.testing.assert_allclose(
            logits.subnet(arch, statistics)(images),
            child.predict(own, verbose=0),
            atol=1e-4,
        )
