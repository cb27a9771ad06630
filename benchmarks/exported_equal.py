"""How far the logits of exported children are from the children's own.

On real images, the first of the test split, resized to each child's resolution
and rounded, so that all see the same pixels. For an entry of the zoo or the
folder of a run: the smallest, the middle and the largest child of its front.
For families: the smallest, a random and the largest architecture with random
weights, at 32 pixels, with statistics measured on training images.
Prints the largest absolute difference of any logit over all images, for

- the SavedModel, by `serve_tensors` and by `serve_bytes` on PNG files (whose
  probabilities are compared);
- float32 LiteRT;
- the signature of one SavedModel for many budgets.

    python benchmarks/exported_equal.py --entry=bignas_digits --dataset=digits
    python benchmarks/exported_equal.py --data_dir=DIR \
        --families=bignas_cifar10,ofa_mobilenet_v3,mobilenet_v1
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import parity
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_elastic as ke
from keras_elastic.layers import kernels

COLUMNS = ("tensors", "bytes", "litert", "many")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", help="a name of the zoo, or a run's folder")
    parser.add_argument("--families", default="")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--images", type=int, default=256)
    arguments = parser.parse_args()
    if not arguments.entry and not arguments.families:
        parser.error("Pass --entry or --families.")
    dataset = ke.data.load_arrays(arguments.dataset, arguments.data_dir)
    images = dataset.test.images[: arguments.images]
    print(f"{len(images)} test images of {arguments.dataset}")
    print(f"{'':<24}{'child':>7}{'logits':>9}", end="")
    print(*(f"{column:>12}" for column in COLUMNS), sep="")
    worst = 0.0
    for name, source, budgets, children in sources(
        arguments, dataset.train.images[:500]
    ):
        rows = differences(source, budgets, children, images)
        for budget, (largest, found) in rows.items():
            worst = max(worst, *found)
            print(f"{name:<24}{budget:>7}{largest:>9.2f}", end="")
            print(*(f"{value:>12.1e}" for value in found), sep="", flush=True)
    print(f"largest difference: {worst:.1e}")


def sources(arguments, training_images):
    """Names, and what `many_budgets` takes, with the children it stands for."""
    if arguments.entry:
        yield of_entry(arguments.entry)
    for name in filter(None, arguments.families.split(",")):
        yield of_family(name, training_images)


def of_entry(name):
    entry = ke.zoo.find_entry(name)
    flops = sorted(row.flops for row in entry.front.rows)
    chosen = (flops[0], flops[len(flops) // 2], flops[-1])
    budgets = dict(zip(("small", "middle", "large"), chosen, strict=True))
    children = {n: ke.load(name, flops=most) for n, most in budgets.items()}
    return entry.name, entry, budgets, children


def of_family(name, training_images):
    rng = np.random.default_rng(0)
    supernet = ke.Supernet(parity.small(name), 10)
    parity.with_random_weights(supernet, rng)
    calibrator = ke.SubnetCalibrator(supernet)
    space = supernet.space
    archs = {
        "small": space.smallest,
        "random": space.sample(rng),
        "large": space.largest,
    }
    budgets = {
        budget: (arch, calibrator.measure(arch, training_images))
        for budget, arch in archs.items()
    }
    children = {n: supernet.child(*subnet) for n, subnet in budgets.items()}
    return name, supernet, budgets, children


def differences(source, budgets, children, images):
    """The largest logit of each child, and the difference of each export."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        many = ke.export.many_budgets(source, folder / "many", budgets)
        together = tf.saved_model.load(str(many))
        for name, child in children.items():
            path = ke.export.saved_model(child, folder / name)
            alone = tf.saved_model.load(str(path))
            path = ke.export.litert(child, folder / f"{name}.tflite")
            pixels = prepared(images, child.input_shape[1])
            expected = child.predict(pixels.astype("float32"), verbose=0)
            found = (
                by_tensors(alone, pixels) - expected,
                by_bytes(alone, pixels) - tf.nn.softmax(expected),
                by_litert(path, pixels) - expected,
                by_many(together, name, pixels) - expected,
            )
            largest = float(np.abs(expected).max())
            rows[name] = largest, [float(np.abs(d).max()) for d in found]
    return rows


def prepared(images, size):
    resized = kernels.resize(images.astype("float32"), size)
    return np.round(np.asarray(resized)).astype("uint8")


def by_tensors(loaded, pixels):
    images = tf.constant(pixels, "float32")
    return loaded.signatures["serve_tensors"](images=images)["logits"].numpy()


def by_bytes(loaded, pixels):
    files = tf.constant([tf.io.encode_png(image).numpy() for image in pixels])
    outputs = loaded.signatures["serve_bytes"](images=files)
    return outputs["probabilities"].numpy()


def by_many(loaded, name, pixels):
    serve = loaded.signatures[f"serve_{name}"]
    return serve(images=tf.constant(pixels))["logits"].numpy()


def by_litert(path, pixels):
    classify = Interpreter(str(path)).get_signature_runner("classify")
    images = pixels.astype("float32")
    return np.concatenate(
        [classify(images=image[np.newaxis])["logits"] for image in images]
    )


if __name__ == "__main__":
    main()
