"""Small trunks, and a detector on one."""

import contracts
import keras
import pytest

import keras_elastic as ke
from keras_elastic import detection
from keras_elastic import families
from keras_elastic.families.efficientnet import Stage
from keras_elastic.models import build_child


@pytest.fixture(scope="session")
def child():
    """A trunk of strides 1, 2 and 4. Its weights stay as they are."""
    family = families.get("bignas_digits")
    model = build_child(family.plan(family.space.smallest, 5), name="digits")
    contracts.randomize(model)
    return model


@pytest.fixture(scope="session")
def detector(child):
    """A detector of three classes on images of 16 x 24 pixels."""
    keras.utils.set_random_seed(0)
    return detection.retinanet(
        child, 3, (16, 24), strides=(2, 4), head_layers=0
    )


@pytest.fixture(scope="session")
def supernet():
    """A supernet of strides 2 and 4 whose widths and depths differ."""
    stages = (
        Stage((8, 16), (1,), (3,), (1,), squeeze_excite=False, strides=2),
        Stage((16, 24), (1, 2), (3,), (2,), strides=2),
    )
    family = families.EfficientNet(
        "tiny_trunk", (8, 16), (8,), stages, head=(16,), stem_strides=1
    )
    supernet = ke.Supernet(family, 3)
    contracts.randomize(supernet)
    return supernet
