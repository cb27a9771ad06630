"""Small dynamic slimmable networks with random weights and mixed choices."""

import dataclasses
import functools

import contracts
import numpy as np
from keras import ops

from keras_elastic import SubnetCalibrator
from keras_elastic import Supernet
from keras_elastic import families
from keras_elastic.conditional import DSNet
from keras_elastic.conditional.dsnet.families import Row
from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.efficientnet import Stage

CLASSES = 10

# As for CIFAR-10, with one block a stage.
MOBILENET = families.get(
    "ds_mobilenet_cifar10",
    resolution=(16,),
    stages=(
        Row(24, 0, 32),
        Row(40, 0, 56, strides=2),
        Row(48, 24, 160),
        Row(96, 48, 320, strides=2),
    ),
)

# Two gates; the second block of the last stage has no gate.
RESNET = dataclasses.replace(
    families.get("ds_resnet50"),
    name="tiny_ds_resnet",
    resolution=(16,),
    width=(50, 100, 150),
    stem=64,
    channels=(32, 64),
    depth=(1, 2),
    total_strides=4,
)

# Attention whose inner width differs, and shortcuts between blocks.
EFFICIENTNET = dataclasses.replace(
    families.get("ds_efficientnet_b0"),
    name="tiny_ds_efficientnet",
    resolution=(16,),
    width=(50, 100, 150),
    base=EfficientNet(
        "tiny",
        (16,),
        (16,),
        (
            Stage((96,), (1,), (3,), (1,)),
            Stage((24,), (3,), (3,), strides=2),
            Stage((40,), (2,), (5,), strides=2),
        ),
        (64,),
        transition_shortcuts=False,
    ),
    fixed_stages=1,
)

FAMILIES = (MOBILENET, RESNET, EFFICIENTNET)


def make_supernet(family, seed=0):
    supernet = Supernet(family, CLASSES)
    contracts.randomize(supernet, seed)
    return supernet


def measure(supernet, images, window=None):
    calibrator = SubnetCalibrator(supernet)
    return {
        arch: calibrator.measure(arch, images)
        for arch in DSNet.architectures(supernet.family, window)
    }


def make_images(count, size=16, seed=0):
    """Images that differ in color and in contrast, so that choices do too."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(30, 225, (count, 1, 1, 3))
    contrast = rng.uniform(2, 60, (count, 1, 1, 1))
    noise = contrast * rng.normal(size=(count, size, size, 3))
    return np.clip(base + noise, 0, 255).astype("float32")


def spread(model, images, seed=0):
    """Sets the slimming heads so that the images choose different widths."""
    rng = np.random.default_rng(seed)
    features = model.stem(images)
    for part, layer in enumerate(model.gate_layers, start=1):
        means = ops.convert_to_numpy(layer.reduce(ops.mean(features, (1, 2))))
        inner = ops.convert_to_numpy(layer.activation(means))
        wanted = np.eye(layer.choices)[rng.integers(layer.choices, size=64)]
        kernel = np.linalg.lstsq(inner, wanted[: len(inner)], rcond=None)[0]
        layer.slimming.kernel.assign(10 * kernel)
        factors, _, _ = layer.decide(features)
        # As if all had chosen the first width so far.
        features = model.run_part(part, 0, features, factors)


def make(family, images, window=None, mode="sliced"):
    """A model of a random supernet whose gates choose different widths."""
    config, weights = _measured(family, images.tobytes(), images.shape, window)
    model = DSNet.from_config({**config, "mode": mode})
    model.set_weights(weights)
    return model


@functools.cache
def _measured(family, pixels, shape, window):
    """Statistics of all widths take seconds: once in a process."""
    images = np.frombuffer(pixels, "float32").reshape(shape)
    supernet = make_supernet(family)
    statistics = measure(supernet, images, window)
    model = DSNet.from_supernet(supernet, statistics, window=window)
    spread(model, images)
    return model.get_config(), model.get_weights()
