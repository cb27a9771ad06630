"""Random architectures of every family: are all readers of a plan one network?

For each architecture: multiply-adds and parameters counted on the built stock
model against the cost model, and the logits of the sliced and of the masked
subnet against the child's, relative to the largest logit, with statistics
measured for the subnet. Weights are random, gammas and betas too. The networks
are the published ones at 32 pixels, with the first strides left out.

    python benchmarks/parity.py --count=200
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_elastic as ke
from keras_elastic.layers.kernels import resize
from keras_elastic.spaces import costs

CLASSES = 10
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--families", default="")
    arguments = parser.parse_args()
    names = (
        arguments.families.split(",")
        if arguments.families
        else [
            name for name in ke.families.names() if not name.startswith("vgg")
        ]
    )
    print(f"{'':<24}{'count':>6}{'cost':>6}{'sliced':>10}{'masked':>10}")
    for name in names:
        found = check(small(name), arguments.count)
        print(
            f"{name:<24}{found['count']:>6}{found['cost']:>6}"
            f"{found['sliced']:>10.1e}{found['masked']:>10.1e}",
            flush=True,
        )


def small(name):
    """The family at 32 pixels, where its table can say so."""
    family = ke.families.get(name)
    if hasattr(family, "base"):
        base = ke.families.get(
            family.base.name, resolution=(32,), total_strides=8
        )
        return ke.families.get(name, resolution=(32,), base=base)
    if max(family.resolution) <= 32:
        return family
    return ke.families.get(name, resolution=(32,), total_strides=8)


def check(family, count):
    """Returns the largest differences over random architectures."""
    rng = np.random.default_rng(0)
    sliced = with_random_weights(ke.Supernet(family, CLASSES), rng)
    masked = ke.Supernet(family, CLASSES, mode="masked")
    masked.set_weights(sliced.get_weights())
    images = tf.constant(rng.uniform(0, 255, (8, 32, 32, 3)), "float32")
    calibrator = ke.SubnetCalibrator(sliced)
    runs = {
        "sliced": tf.function(
            lambda arch, statistics: sliced(images, arch, statistics=statistics)
        ),
        "masked": tf.function(
            lambda arch, statistics: masked(images, arch, statistics=statistics)
        ),
    }
    found = {"count": 0, "cost": 0, "sliced": 0.0, "masked": 0.0}
    for _ in range(min(count, family.space.size)):
        arch = family.space.sample(rng)
        statistics = calibrator.measure(arch, images)
        child = sliced.child(arch, statistics)
        counted = costs(family.plan(arch, CLASSES))
        found["count"] += 1
        found["cost"] += counted[:2] != (flops_of(child), params_of(child))
        expected = child(resize(images, arch.resolution)).numpy()
        for mode, run in runs.items():
            logits = run(sliced.space.encode(arch), statistics).numpy()
            difference = np.abs(logits - expected).max()
            relative = difference / np.abs(expected).max()
            found[mode] = max(found[mode], float(relative))
        keras.backend.clear_session(free_memory=False)
    return found


def with_random_weights(supernet, rng):
    """Gives every gamma, beta and bias a random value."""
    for variable in supernet.trainable_variables:
        if "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif len(variable.shape) == 1:
            variable.assign(rng.normal(0.0, 0.1, variable.shape))
    return supernet


def params_of(model):
    """Trainable weights of a built model."""
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def flops_of(model):
    """Multiply-adds, from the kernels and outputs of a built model."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, CONVOLUTIONS):
            height, width = layer.output.shape[1:3]
            total += int(np.prod(layer.kernel.shape)) * height * width
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


if __name__ == "__main__":
    main()
