"""Right values, made once, and calls of methods."""

import functools
import pathlib
import tempfile

import keras
import numpy as np

import keras_elastic as ke
from keras_elastic import families
from keras_elastic import selection
from keras_elastic import spaces
from keras_elastic.families.efficientnet import Stage
from wrong_calls.door import SIZE


@functools.cache
def family():
    return families.EfficientNet(
        name="wrong_calls",
        resolution=(SIZE, 12),
        stem=(4, 8),
        stages=(Stage((4, 8), (1, 2), expand_ratio=(1,)),),
        head=(8, 12),
    )


@functools.cache
def supernet():
    return ke.Supernet(family(), classes=3)


@functools.cache
def statistics():
    return ke.SubnetCalibrator(supernet()).measure(smallest(), images())


def smallest():
    return family().space.smallest


@functools.cache
def child():
    model = supernet().child(smallest(), statistics())
    return training_of(model)


def training_of(model):
    from keras_elastic.models import heads

    return heads.compile_classifier(model)


@functools.cache
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (6, SIZE, SIZE, 3)).astype("float32")


@functools.cache
def rows():
    return family().space.sample_encoded(np.random.default_rng(0), 4)


def plan():
    return family().plan(smallest(), 3)


@functools.cache
def folder():
    return pathlib.Path(tempfile.mkdtemp())


@functools.cache
def preset():
    return ke.save_preset(child(), folder() / "preset")


@functools.cache
def digits():
    return ke.data.load_dataset("digits", limit=50)


def front():
    counted = spaces.costs(plan())
    row = selection.FrontRow(smallest(), *counted, 0.5, 0.5)
    return selection.Front([row])


def method(make, name):
    """A method of an object that is made when it is called."""
    return lambda **arguments: getattr(make(), name)(**arguments)


def fit(**arguments):
    model = keras.models.clone_model(child())
    model.set_weights(child().get_weights())
    training_of(model)
    recipe = ke.finetune_recipe(model, epochs=1, head_epochs=0)
    return recipe.fit(
        **{"model": model, "x": images(), "y": np.arange(6) % 3, **arguments},
        verbose=0,
    )


def new_folder():
    return pathlib.Path(tempfile.mkdtemp(dir=folder())) / "new"


@functools.cache
def written_front():
    path = folder() / "front.csv"
    front().write(path)
    return path


@functools.cache
def dsnet():
    return ke.DSNet("ds_mobilenet_cifar10", 3, window=(1, 2))
