"""Inference of children against hand-written networks of `keras.applications`.

MobileNetV3Large and EfficientNetB0, each against the network of the same name
built from its plan, and against the child of a search space that comes nearest
in multiply-adds. All have random weights. Two ways to run: a `tf.function` of
the model, and the exported SavedModel (theirs by Keras's `export`). The three
are timed in turn in one run. Prints medians, and the median over the rounds of
the time per multiply-add relative to theirs. The multiply-adds of all are
counted on their layers.

    python benchmarks/child_latency.py --threads=1
    python benchmarks/child_latency.py --threads=2
"""

import argparse
import os
import pathlib
import statistics
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import parity
import tensorflow as tf
import timing

import keras_elastic as ke
from keras_elastic.spaces import costs

CLASSES = 1000
SIZE = 224
# For each of theirs: the same network, and the family of a child.
PAIRS = {
    "MobileNetV3Large": ("mobilenet_v3_large", "ofa_mobilenet_v3"),
    "EfficientNetB0": ("efficientnet_b0", "bignas"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--networks", default=",".join(PAIRS))
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    print(f"threads: {arguments.threads}")
    print(f"{'':<20}{'flops':>9}{'run as':>14}{'batch':>7}", end="")
    print(f"{'ms':>9}{'per flop / theirs':>19}")
    for name in arguments.networks.split(","):
        models = build(name)
        for kind, runs in ways(models).items():
            for batch in map(int, arguments.batches.split(",")):
                compare(models, runs, kind, batch, arguments.rounds)


def build(name):
    """The network of `keras.applications`, and ours to compare with it."""
    theirs = getattr(keras.applications, name)(
        weights=None, input_shape=(SIZE, SIZE, 3), classifier_activation=None
    )
    same, family = PAIRS[name]
    ours = {
        same: ke.build(same, CLASSES),
        f"of {family}": nearest(family, parity.flops_of(theirs)),
    }
    for model in ours.values():
        calibrate(model)
    return {name: theirs, **ours}


def nearest(family, flops):
    """The child of a space with the multiply-adds that come nearest."""
    family = ke.families.get(family)
    rng = np.random.default_rng(0)
    archs = [family.space.sample(rng) for _ in range(2000)]
    arch = min(
        archs,
        key=lambda a: abs(costs(family.plan(a, CLASSES)).flops - flops),
    )
    return ke.Supernet(family, CLASSES).child(arch)


def calibrate(model):
    images = np.random.default_rng(0).uniform(0, 255, (8, SIZE, SIZE, 3))
    ke.calibrate(model, images)


def ways(models):
    """Functions of images for each model, by how they are run."""
    functions = {
        name: tf.function(lambda images, m=model: m(images, training=False))
        for name, model in models.items()
    }
    exported = {
        name: exports(model, name in PAIRS) for name, model in models.items()
    }
    return {"tf.function": functions, "SavedModel": exported}


def exports(model, is_theirs):
    """A function of images from the exported model."""
    with tempfile.TemporaryDirectory() as folder:
        if is_theirs:
            path = pathlib.Path(folder) / "1"
            model.export(str(path), verbose=False)
        else:
            path = ke.export.saved_model(model, folder)
        loaded = tf.saved_model.load(str(path))
    name, output = (
        ("serving_default", "output_0")
        if is_theirs
        else ("serve_tensors", "logits")
    )
    serve = loaded.signatures[name]
    [argument] = serve.structured_input_signature[1]
    # The function keeps what it was loaded from.
    return lambda images, _=loaded: serve(**{argument: images})[output]


def compare(models, runs, kind, batch, rounds):
    rng = np.random.default_rng(0)
    images = {
        name: tf.constant(
            rng.uniform(0, 255, (batch, *model.input_shape[1:])), "float32"
        )
        for name, model in models.items()
    }
    seconds = timing.paired_seconds(
        {name: lambda n=name: runs[n](images[n]).numpy() for name in models},
        rounds,
    )
    theirs = next(iter(models))
    flops = {name: parity.flops_of(model) for name, model in models.items()}
    for name in models:
        ratio = timing.median_ratio(seconds[name], seconds[theirs])
        ratio *= flops[theirs] / flops[name]
        print(f"{name:<20}{flops[name] / 1e6:>8.1f}M{kind:>14}", end="")
        print(
            f"{batch:>7}{1e3 * statistics.median(seconds[name]):>9.2f}", end=""
        )
        print(f"{ratio:>19.3f}", flush=True)


if __name__ == "__main__":
    main()
