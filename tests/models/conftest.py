"""Small families, and a supernet of each with random weights."""

import contracts
import pytest

from keras_elastic import families
from keras_elastic.families.efficientnet import Stage
from keras_elastic.models import Supernet

CLASSES = {"bignas_digits": 10, "tiny_attentive": 3}


def tiny_attentive():
    """AttentiveNAS's kind of block and head in a space of a few choices."""
    return families.EfficientNet(
        name="tiny_attentive",
        resolution=(8, 12),
        stem=(8, 16),
        stages=(
            Stage((8, 16), (1, 2), (3, 5), (1,), squeeze_excite=False),
            Stage((16, 24), (1, 2, 3), (3, 5), (4, 5), strides=2),
        ),
        head=(32, 48),
        stem_strides=1,
        attentive=True,
    )


def family(name):
    return tiny_attentive() if name == "tiny_attentive" else families.get(name)


@pytest.fixture(
    scope="session",
    params=[
        "tiny_attentive",
        # The contract is enough of the one that takes twice as long.
        pytest.param("bignas_digits", marks=pytest.mark.exhaustive),
    ],
)
def pair(request):
    """A supernet in both modes. Its weights stay as they are."""
    return contracts.make_pair(family(request.param), CLASSES[request.param])


@pytest.fixture(scope="session")
def attentive_family():
    return tiny_attentive()


@pytest.fixture(scope="module")
def digits():
    """A new supernet. Tests that change its weights put them back."""
    return Supernet("bignas_digits", classes=4)


@pytest.fixture(scope="module")
def random_digits():
    supernet = Supernet("bignas_digits", classes=4)
    contracts.randomize(supernet)
    return supernet
