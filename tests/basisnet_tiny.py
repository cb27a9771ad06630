"""Small BasisNets for tests."""

import functools

import contracts

import keras_elastic
from keras_elastic import families
from keras_elastic.conditional import BasisNet

CLASSES = 5
BASES = 3
BLOCKS = (4, 5, 7)


def plans(classes=CLASSES):
    """A light plan at 8 pixels and a specialist's of eight blocks at 12."""
    family = families.get("bignas_digits")
    space = family.space
    return [family.plan(a, classes) for a in (space.smallest, space.largest)]


def make(seed=0, **arguments):
    """A calibrated BasisNet with random weights."""
    arguments = {
        "num_bases": BASES,
        "basis_blocks": BLOCKS,
        **arguments,
    }
    model = BasisNet(*plans(), **arguments)
    contracts.randomize(model, seed)
    keras_elastic.calibrate(model, images(64, seed=9))
    return model


@functools.cache
def shared():
    """A model whose weights stay as they are."""
    return make()


def images(count, seed=0, size=12):
    return contracts.random_images(count, size, seed)
