"""Small BasisNets for tests."""

import dataclasses
import functools

import contracts

import keras_elastic
from keras_elastic import families
from keras_elastic.conditional import BasisNet

CLASSES = 5
BASES = 3
BLOCKS = (2, 3, 5)


def plans(classes=CLASSES):
    """A light plan at 8 pixels and a specialist's of five blocks at 12."""
    stages = families.get("bignas_digits").stages
    family = families.get(
        "bignas_digits",
        stages=tuple(
            dataclasses.replace(stage, depth=tuple(range(1, most + 1)))
            for stage, most in zip(stages, (1, 2, 2), strict=True)
        ),
    )
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
