"""A small supernet with random weights, written as an entry."""

import dataclasses
import pathlib
import shutil
from typing import Any

import contracts
import numpy as np
import pytest

from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.families import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.models import Supernet
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.spaces import costs
from keras_elastic.training import Recipe
from keras_elastic.zoo.writing import write_entry

CLASS_NAMES = ("cat", "dog", "owl", "fox")
FAMILY = EfficientNet(
    name="tiny",
    resolution=(8, 12),
    stem=(8, 16),
    stages=(
        Stage((8, 16), (1, 2), expand_ratio=(1,)),
        Stage((16, 24), (1, 2), (3, 5), (4, 6), strides=2),
    ),
    head=(24, 32),
    stem_strides=1,
)
RECIPE = Recipe(
    name="tiny",
    family="bignas_digits",
    dataset="digits",
    patch_size=8,
    batch_size=4,
    epochs=1,
    learning_rate=0.1,
    budgets=(1e6,),
)


@dataclasses.dataclass
class Written:
    """An entry's folder, and what was written into it."""

    folder: pathlib.Path
    supernet: Supernet
    front: Front
    statistics: list
    entry: Any = None

    def write(self, folder):
        return write_entry(
            folder,
            name="tiny",
            supernet=self.supernet,
            class_names=CLASS_NAMES,
            recipe=RECIPE,
            front=self.front,
            statistics=self.statistics,
        )


def make_row(arch, top1):
    counted = costs(FAMILY.plan(arch, len(CLASS_NAMES)))
    return FrontRow(arch, *counted, top1, 1 - top1, test_top1=top1 - 0.1)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """An entry that no test changes."""
    supernet = Supernet(FAMILY, len(CLASS_NAMES))
    contracts.randomize(supernet)
    space = FAMILY.space
    middle = dataclasses.replace(space.smallest, depth=(2, 2))
    archs = [space.smallest, middle, space.largest]
    front = Front(map(make_row, archs, [0.5, 0.6, 0.7]))
    calibrator = SubnetCalibrator(supernet)
    images = contracts.random_images(16, 8)
    statistics = [calibrator.measure(row.arch, images) for row in front.rows]
    folder = tmp_path_factory.mktemp("zoo") / "tiny"
    whole = Written(folder, supernet, front, statistics)
    whole.entry = whole.write(folder)
    return whole


@pytest.fixture
def folder(written, tmp_path):
    """A copy of the entry's folder, to be changed."""
    return shutil.copytree(written.folder, tmp_path / "tiny")


def trainable_weights(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)
